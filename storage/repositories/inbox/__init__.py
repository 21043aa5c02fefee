"""The console's view of conversations: the queue, one conversation, and what staff do to it."""

from storage.repositories.inbox.acts import close, find_reply, reply, save_form
from storage.repositories.inbox.alarms import alarm_state, alarms, alarms_of, check_alarm, see_alarm, see_alarms
from storage.repositories.inbox.asking import Standing, hand_to_flow, standing
from storage.repositories.inbox.holding import check_calm, claim, give_to_bot, hand_back
from storage.repositories.inbox.lines import PAGE, Line
from storage.repositories.inbox.queue import Filter, QueueLine, counts, queue, queue_version
from storage.repositories.inbox.scope import ANSWERING, LOCAL, Scope, Sight, areas_under, cases_within, look, within
from storage.repositories.inbox.views import (
    TalkView,
    attachment,
    case_number,
    check_attachment,
    check_visible,
    find,
    versions_of,
    window_of,
)

__all__ = [
    "ANSWERING",
    "LOCAL",
    "PAGE",
    "Filter",
    "Line",
    "QueueLine",
    "Scope",
    "Sight",
    "Standing",
    "TalkView",
    "alarm_state",
    "alarms",
    "alarms_of",
    "areas_under",
    "attachment",
    "case_number",
    "cases_within",
    "check_alarm",
    "check_attachment",
    "check_calm",
    "check_visible",
    "claim",
    "close",
    "counts",
    "find",
    "find_reply",
    "give_to_bot",
    "hand_back",
    "hand_to_flow",
    "look",
    "queue",
    "queue_version",
    "reply",
    "save_form",
    "see_alarm",
    "see_alarms",
    "standing",
    "versions_of",
    "window_of",
    "within",
]
