"""How long somebody may wait for a person's first answer, and how it stands: pure, from the settings and two times.

Danger counts by the wall clock, day and night; everything else in working time. For one risk a deadline never comes
earlier for whoever came later, so that order by waiting time is order by deadline.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.config import Service
from bot.workdays import calendar_of

_DANGER = 2
#: With less than this part of the time left a line turns amber.
_LAST_PART = 1 / 3


class Light(StrEnum):
    """How urgent a line is, in one colour."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a wait stands: its colour, whether the deadline has passed, and the time left or over.

    `paused`: the clock stands because nobody is on duty. Times of danger are on the wall clock, all others in
    working time.
    """

    light: Light
    due_at: datetime
    is_over: bool
    minutes: int
    paused: bool


def due(service: Service, risk: int, since: datetime) -> datetime:
    """When somebody of this risk who began to wait at `since` must have had a person's first answer."""
    if risk >= _DANGER:
        return since + timedelta(minutes=service.first_answer.danger_minutes)
    return calendar_of(service).after(since, _minutes(service, risk))


def stand(service: Service, risk: int, since: datetime, now: datetime) -> Standing:
    """How the wait stands at `now`."""
    until = due(service, risk, since)
    if risk >= _DANGER:
        left = until - now
        return Standing(Light.RED, until, left < timedelta(), _whole(abs(left)), paused=False)
    calendar = calendar_of(service)
    paused = not calendar.is_open(now) and any(calendar.weekly)
    if now > until:
        return Standing(Light.RED, until, True, _whole(calendar.between(until, now)), paused)
    left = calendar.between(now, until)
    return Standing(_light(service, risk, left), until, False, _whole(left), paused)


def _light(service: Service, risk: int, left: timedelta) -> Light:
    is_near = left <= timedelta(minutes=_minutes(service, risk)) * _LAST_PART
    return Light.AMBER if risk == 1 or is_near else Light.GREEN


def _minutes(service: Service, risk: int) -> int:
    return service.first_answer.concern_minutes if risk == 1 else service.first_answer.other_minutes


def _whole(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
