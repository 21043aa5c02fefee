"""Cases: one case, one file; numbers that count by day; who is in it; how it stands; its timeline."""

from storage.repositories.cases.documents import (
    DocumentView,
    add_document,
    documents_of,
    read_document,
    remove_document,
)
from storage.repositories.cases.events import add_event
from storage.repositories.cases.mediation import MediationView, mediations_of
from storage.repositories.cases.opening import open_case, open_for_danger
from storage.repositories.cases.people import (
    PersonView,
    add_person,
    change_person,
    people_of,
    remove_person,
    survivor_of,
)
from storage.repositories.cases.repeats import RepeatView, repeats_of
from storage.repositories.cases.repeats import decide as decide_repeat
from storage.repositories.cases.repeats import look_for as look_for_repeats
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
from storage.repositories.cases.violence import keep_out_of_broadcasts
from storage.repositories.cases.violence import note as note_violence
from storage.repositories.cases.visits import (
    DueVisit,
    VisitView,
    check_may_begin,
    due_visits,
    finish_visit,
    plan_visits,
    to_remind,
    visits_of,
)

__all__ = [
    "ROLES",
    "STATUSES",
    "VIOLENCE",
    "CaseFile",
    "CaseForm",
    "CaseLine",
    "CaseView",
    "DocumentView",
    "DueVisit",
    "EventView",
    "MediationView",
    "NextStep",
    "PersonView",
    "RepeatView",
    "TalkLine",
    "VisitView",
    "Wanted",
    "add_document",
    "add_event",
    "add_person",
    "assign",
    "cases_of",
    "change_form",
    "change_person",
    "check_may_begin",
    "check_visible",
    "close",
    "close_of_conversation",
    "count_cases",
    "decide_repeat",
    "documents_of",
    "due_visits",
    "events_of",
    "fields_of",
    "find",
    "finish_visit",
    "keep_out_of_broadcasts",
    "link_talk",
    "list_cases",
    "look_for_repeats",
    "mediations_of",
    "note_violence",
    "open_case",
    "open_for_danger",
    "people_of",
    "plan_visits",
    "read_document",
    "remove_document",
    "remove_person",
    "reopen",
    "repeats_of",
    "rights_group",
    "set_standing",
    "survivor_of",
    "take_down",
    "talks_of",
    "to_remind",
    "visits_of",
]
