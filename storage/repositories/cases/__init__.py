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
from storage.repositories.cases.standing import close_of_conversation
from storage.repositories.cases.views import CaseView, cases_of, fields_of

__all__ = [
    "ROLES",
    "STATUSES",
    "VIOLENCE",
    "CaseView",
    "PersonView",
    "add_event",
    "add_person",
    "cases_of",
    "change_person",
    "close_of_conversation",
    "fields_of",
    "open_case",
    "open_for_danger",
    "people_of",
    "remove_person",
    "rights_group",
    "survivor_of",
]
