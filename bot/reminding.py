"""When a woman is reminded of what is coming: her choice, and never in hours that are not hers. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot import gate

#: What she may choose; nothing chosen is the day before.
BEFORE = {"": timedelta(days=1), "day": timedelta(days=1), "hour": timedelta(hours=1)}
_STEP = timedelta(minutes=15)
#: As far as the gate looks ahead, this looks back: all her safe hours of a week.
FURTHEST = timedelta(days=9)


def moment(start: datetime, choice: str, situation: gate.Situation) -> datetime | None:
    """When to remind of what begins at `start`: the time she chose, or the last allowed one before it.

    What falls into the night comes the evening before, not the morning after. None: she wants none, or no hour is
    allowed.
    """
    before = BEFORE.get(choice)
    if before is None:
        return None
    at = start - before
    while at > start - FURTHEST:
        if gate.is_open(replace(situation, now=at)):
            return at
        at -= _STEP
    return None


def is_due(start: datetime, choice: str, situation: gate.Situation) -> bool:
    """Whether to remind now: the time has come, it is not too late, and this hour is allowed."""
    at = moment(start, choice, situation)
    return at is not None and at <= situation.now < start and gate.is_open(situation)
