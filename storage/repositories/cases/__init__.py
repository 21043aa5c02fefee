"""Cases: one case, one file; numbers that count by day; who is in it; how it stands; its timeline."""

from storage.repositories.cases.events import add_event
from storage.repositories.cases.opening import open_case, open_for_danger
from storage.repositories.cases.people import (
    PersonView,
    add_person,
    change_person,
    people_of,
    remove_person,
    survivor_of,
)
from storage.repositories.cases.rules import ROLES, STATUSES, VIOLENCE, rights_group
from storage.repositories.cases.standing import NextStep, assign, close, close_of_conversation, reopen, set_standing
from storage.repositories.cases.taking import CaseForm, change_form, take_down
from storage.repositories.cases.timeline import EventView, TalkLine, events_of, link_talk, talks_of
from storage.repositories.cases.views import (
    CaseFile,
    CaseLine,
    CaseView,
    Wanted,
    cases_of,
    check_visible,
    count_cases,
    fields_of,
    find,
    list_cases,
)

__all__ = [
    "ROLES",
    "STATUSES",
    "VIOLENCE",
    "CaseFile",
    "CaseForm",
    "CaseLine",
    "CaseView",
    "EventView",
    "NextStep",
    "PersonView",
    "TalkLine",
    "Wanted",
    "add_event",
    "add_person",
    "assign",
    "cases_of",
    "change_form",
    "change_person",
    "check_visible",
    "close",
    "close_of_conversation",
    "count_cases",
    "events_of",
    "fields_of",
    "find",
    "link_talk",
    "list_cases",
    "open_case",
    "open_for_danger",
    "people_of",
    "remove_person",
    "reopen",
    "rights_group",
    "set_standing",
    "survivor_of",
    "take_down",
    "talks_of",
]
