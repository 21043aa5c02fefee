"""The only place that reads the time: aware, UTC, and replaceable in tests."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_source: Callable[[], float] = time.time


def now() -> datetime:
    """The current moment, aware and in UTC."""
    return datetime.fromtimestamp(_source(), UTC)


def timestamp() -> float:
    """The current moment in seconds since 1970."""
    return _source()


def monotonic() -> float:
    """Seconds on a clock that never jumps: for deadlines and durations, never for dates."""
    return time.monotonic()


def local(moment: datetime, zone: str) -> datetime:
    """The same moment on the wall clock of `zone` (an IANA name such as Asia/Shanghai)."""
    return moment.astimezone(ZoneInfo(zone))


def from_timestamp(seconds: float) -> datetime:
    """The moment `seconds` after 1970, aware and in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


class Frozen:
    """A clock that stands still until told otherwise: `with Frozen(moment) as clock: clock.advance(60)`."""

    def __init__(self, moment: datetime) -> None:
        self._seconds = moment.timestamp()
        self._previous: Callable[[], float] = time.time

    def __enter__(self) -> "Frozen":
        global _source
        self._previous, _source = _source, lambda: self._seconds
        return self

    def __exit__(self, *_: object) -> None:
        global _source
        _source = self._previous

    def advance(self, seconds: float | timedelta) -> None:
        """Move the clock by `seconds` (negative goes back, as a clock jump does)."""
        self._seconds += seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
