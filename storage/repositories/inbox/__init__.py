"""The console's view of conversations: the queue, one conversation, and what staff do to it."""

from storage.repositories.inbox.acts import close, reply, save_form
from storage.repositories.inbox.alarms import alarms, alarms_of, see_alarm, see_alarms
from storage.repositories.inbox.holding import claim, hand_back
from storage.repositories.inbox.lines import PAGE, Line
from storage.repositories.inbox.queue import QueueLine, queue, queue_version
from storage.repositories.inbox.scope import areas_under
from storage.repositories.inbox.views import (
    TalkView,
    attachment,
    check_visible,
    find,
    versions_of,
    window_of,
)

__all__ = [
    "PAGE",
    "Line",
    "QueueLine",
    "TalkView",
    "alarms",
    "alarms_of",
    "areas_under",
    "attachment",
    "check_visible",
    "claim",
    "close",
    "find",
    "hand_back",
    "queue",
    "queue_version",
    "reply",
    "save_form",
    "see_alarm",
    "see_alarms",
    "versions_of",
    "window_of",
]
