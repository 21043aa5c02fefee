"""The one clock: aware, in UTC, replaceable, put back afterwards."""

from datetime import UTC, datetime, timedelta

from bot import clock
from bot.clock import Frozen

NOON = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)


def test_now_is_aware_and_utc() -> None:
    assert clock.now().tzinfo is UTC


def test_frozen_clock_stands_until_told() -> None:
    with Frozen(NOON) as frozen:
        assert clock.now() == NOON
        frozen.advance(60)
        frozen.advance(timedelta(hours=1))
        assert clock.now() == NOON + timedelta(minutes=61)
        frozen.advance(-3660)
        assert clock.timestamp() == NOON.timestamp()
    assert clock.now() - NOON != timedelta(0)


def test_frozen_clocks_nest() -> None:
    with Frozen(NOON):
        with Frozen(NOON + timedelta(days=1)):
            assert clock.now().day == 4
        assert clock.now() == NOON


def test_local_time_is_the_same_moment() -> None:
    local = clock.local(NOON, "Asia/Shanghai")
    assert (local.hour, local) == (12, NOON)


def test_moments_come_back_from_seconds() -> None:
    assert clock.from_timestamp(NOON.timestamp()) == NOON


def test_durations_never_jump() -> None:
    with Frozen(NOON) as frozen:
        before = clock.monotonic()
        frozen.advance(-100_000)
        assert clock.monotonic() >= before
