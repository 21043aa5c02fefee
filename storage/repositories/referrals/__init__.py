"""Referrals: drafted, agreed to or approved, opened to one unit by a one-time link, answered, revoked, chased."""

from storage.repositories.referrals.chasing import answers_since, expire, overdue, remember_chased
from storage.repositories.referrals.drafts import Draft, change, consent, draft, give_back, open_to_unit, submit
from storage.repositories.referrals.links import Opening, give_link, is_open, of_browser, revoke_links, try_code
from storage.repositories.referrals.standing import ANSWERS, answer, revoke
from storage.repositories.referrals.views import (
    RUNNING,
    SHOWN,
    STATES,
    LinkView,
    ReferralFile,
    ReferralLine,
    Shared,
    Wanted,
    count_all,
    events_of,
    find,
    links_of,
    list_all,
    of_case,
)

__all__ = [
    "ANSWERS",
    "RUNNING",
    "SHOWN",
    "STATES",
    "Draft",
    "LinkView",
    "Opening",
    "ReferralFile",
    "ReferralLine",
    "Shared",
    "Wanted",
    "answer",
    "answers_since",
    "change",
    "consent",
    "count_all",
    "draft",
    "events_of",
    "expire",
    "find",
    "give_back",
    "give_link",
    "is_open",
    "links_of",
    "list_all",
    "of_browser",
    "of_case",
    "open_to_unit",
    "overdue",
    "remember_chased",
    "revoke",
    "revoke_links",
    "submit",
    "try_code",
]
