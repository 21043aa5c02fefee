"""When staff are at their desks: weekly hours on the wall clock, holidays, days that were shifted."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.config import Service
from bot.duty import hours_in_words, is_on_duty

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "on_duty"),
    [
        ("2026-03-03 08:29", False),
        ("2026-03-03 08:30", True),
        ("2026-03-03 11:59", True),
        ("2026-03-03 12:00", False),
        ("2026-03-03 14:30", True),
        ("2026-03-03 17:30", False),
        ("2026-03-07 10:00", False),  # Saturday
        ("2026-10-01 10:00", False),  # National Day, a Thursday
        ("2026-01-01 10:00", False),  # New Year, a Thursday
        ("2026-02-17 10:00", False),  # Spring Festival, a Tuesday
    ],
)
def test_default_hours(moment: str, on_duty: bool) -> None:
    assert is_on_duty(Service(), at(moment)) is on_duty


def test_holiday_closes_a_desk_that_is_open_every_day() -> None:
    service = Service(duty_hours=dict.fromkeys(range(1, 8), "00:00-24:00"))
    assert is_on_duty(service, at("2026-03-07 03:00"))
    assert not is_on_duty(service, at("2026-10-01 10:00"))


def test_seconds_of_the_last_minute_count() -> None:
    service = Service(duty_hours={2: "00:00-24:00"})
    assert is_on_duty(service, at("2026-03-03 23:59").replace(second=59))


def test_nobody_is_there_without_hours() -> None:
    assert not is_on_duty(Service(duty_hours={}), at("2026-03-03 10:00"))
    assert hours_in_words(Service(duty_hours={})) == "暂无固定值班时间"


def test_hours_are_read_on_the_local_clock() -> None:
    elsewhere = Service(timezone="Asia/Urumqi")
    assert is_on_duty(elsewhere, datetime(2026, 3, 3, 2, 30, tzinfo=UTC))
    assert not is_on_duty(elsewhere, datetime(2026, 3, 3, 1, 0, tzinfo=UTC))


def test_hours_in_words_join_days_that_are_alike() -> None:
    service = Service(duty_hours={1: "08:30-12:00", 2: "08:30-12:00", 4: "08:30-12:00", 6: "09:00-11:00,14:00-16:00"})
    words = hours_in_words(service)
    assert "周一至周二 08:30-12:00" in words
    assert "周四 08:30-12:00" in words
    assert "周六 09:00-11:00、14:00-16:00" in words
