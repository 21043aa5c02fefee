"""Activities, their sessions and sign-ups: never oversold, the rest wait in order."""

from storage.repositories.activities.changing import SessionChange, cancel_activity, change_session
from storage.repositories.activities.console import (
    ActivityLine,
    SignUpLine,
    create_activity,
    find_line,
    list_activities,
    list_sign_ups,
    sessions_between,
)
from storage.repositories.activities.sessions import SessionView, find_session, open_sessions
from storage.repositories.activities.sign_ups import (
    Promotion,
    SignUpView,
    cancel_sign_up,
    sign_up,
    sign_ups_of,
    tell_promoted,
)

__all__ = [
    "ActivityLine",
    "Promotion",
    "SessionChange",
    "SessionView",
    "SignUpLine",
    "SignUpView",
    "cancel_activity",
    "cancel_sign_up",
    "change_session",
    "create_activity",
    "find_line",
    "find_session",
    "list_activities",
    "list_sign_ups",
    "open_sessions",
    "sessions_between",
    "sign_up",
    "sign_ups_of",
    "tell_promoted",
]
