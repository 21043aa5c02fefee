"""The duty roster as it applies to dates and moments (pure), and a copy every process keeps in step.

Duty hours of the settings are what women are told; the roster says who keeps them. Where a roster is kept and nobody
stands in it, the bot does not promise that somebody is there, whatever the hours say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bot import clock
from bot.config import Service
from bot.workdays import calendar_of
from storage.database import Database
from storage.repositories import roster
from storage.repositories.roster import ShiftView

_DAY = timedelta(days=1)
_MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True)
class Watch:
    """Somebody on duty from one local moment to another (naive, on the county's clock)."""

    staff_id: str
    level: int
    begin: datetime
    end: datetime
    shift: ShiftView


def watches_of(shifts: Sequence[ShiftView], day: date) -> list[Watch]:
    """Who begins a watch on this local day, the desk first."""
    off = [one for one in shifts if one.off and one.day == day]
    found = []
    for one in shifts:
        if one.off or (one.day != day if one.day is not None else one.weekday != day.isoweekday()):
            continue
        watch = _watch(one, day)
        if one.day is None and any(
            gone.staff_id == one.staff_id and _overlap(_watch(gone, day), watch) for gone in off
        ):
            continue
        found.append(watch)
    return sorted(found, key=lambda watch: (watch.level, watch.begin, watch.staff_id))


def on_duty(shifts: Sequence[ShiftView], local: datetime) -> list[Watch]:
    """Who is on duty at a local moment, those of the night before too."""
    moment = local.replace(tzinfo=None)
    near = watches_of(shifts, moment.date() - _DAY) + watches_of(shifts, moment.date())
    return sorted(
        (one for one in near if one.begin <= moment < one.end), key=lambda watch: (watch.level, watch.staff_id)
    )


def gaps(shifts: Sequence[ShiftView], service: Service, day: date) -> list[tuple[time, time]]:
    """Spans of the duty hours of a local day in which nobody stands at the desk."""
    near = watches_of(shifts, day - _DAY) + watches_of(shifts, day)
    desk = sorted((one.begin, one.end) for one in near if one.level == 1)
    found = []
    for opens, closes in calendar_of(service).spans(day):
        at, until = opens.replace(tzinfo=None), closes.replace(tzinfo=None)
        for begin, end in desk:
            if begin > at and begin < until:
                found.append((at.time(), begin.time()))
            at = max(at, end)
            if at >= until:
                break
        if at < until:
            found.append((at.time(), until.time()))
    return found


def is_staffed(service: Service, shifts: Sequence[ShiftView], now: datetime) -> bool:
    """Whether somebody is at the desk at `now`: the desk is open, and where a roster is kept it names somebody."""
    if not calendar_of(service).is_open(now):
        return False
    return not shifts or bool(on_duty(shifts, clock.local(now, service.timezone)))


class LiveRoster:
    """Keeps the roster of a process in step with the database."""

    def __init__(self, database: Database, zone: str) -> None:
        self._database, self._zone = database, zone
        self._version = ""
        self.shifts: tuple[ShiftView, ...] = ()

    async def refresh(self) -> bool:
        """Take over what changed; True when anything did. Raises StorageUnavailable."""
        async with self._database.reading() as tx:
            version = await roster.version(tx)
            if version == self._version:
                return False
            today = clock.local(clock.now(), self._zone).date()
            self.shifts = tuple(await roster.shifts(tx, today - _DAY))
        self._version = version
        return True


def _watch(shift: ShiftView, day: date) -> Watch:
    begin = datetime.combine(day, _MIDNIGHT) + timedelta(minutes=shift.begin_minute)
    end = datetime.combine(day, _MIDNIGHT) + timedelta(minutes=shift.end_minute)
    return Watch(shift.staff_id, shift.level, begin, end if end > begin else end + _DAY, shift)


def _overlap(one: Watch, other: Watch) -> bool:
    return one.begin < other.end and other.begin < one.end
