"""Working time and deadlines: the State Council's days, shifted workdays, and what must hold for any two times."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import sla
from bot.config import FirstAnswer, Service
from bot.workdays import calendar_of, missing_years

SHANGHAI = ZoneInfo("Asia/Shanghai")
SERVICE = Service()
CALENDAR = calendar_of(SERVICE)
MINUTES = st.integers(0, 912 * 24 * 60)
MOMENTS = MINUTES.map(lambda minutes: datetime(2024, 12, 1, tzinfo=UTC) + timedelta(minutes=minutes, seconds=17))
RISKS = st.sampled_from([0, 1, 2])


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_notices_say_what_the_library_says_of_every_weekday(year: int) -> None:
    """Two sources typed in independently: a slip in either shows."""
    known = holidays.country_holidays("CN", years=year)
    for number in range(365):
        day = date(year, 1, 1) + timedelta(days=number)
        if day.isoweekday() <= 5:
            assert CALENDAR.is_off(day) == (day in known), day
        else:
            assert CALENDAR.is_shifted(day) == (day in known.weekend_workdays), day


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-02-14 09:00", True),  # Saturday, worked for a day of the Spring Festival
        ("2026-02-15 09:00", False),
        ("2026-02-23 09:00", False),  # Monday, the last day of the festival
        ("2026-02-24 09:00", True),
        ("2026-02-28 09:00", True),  # Saturday, worked
        ("2026-03-07 09:00", False),  # Saturday
        ("2026-10-10 15:00", True),  # Saturday, worked
        ("2025-10-08 09:00", False),  # Wednesday
        ("2025-09-28 09:00", True),  # Sunday, worked
        ("2026-05-09 13:00", False),  # worked, but at noon
    ],
)
def test_shifted_days_are_worked_and_bridges_are_not(moment: str, is_open: bool) -> None:
    assert CALENDAR.is_open(at(moment)) is is_open


def test_a_desk_of_seven_days_is_closed_on_the_whole_festival() -> None:
    service = Service(duty_hours=dict.fromkeys(range(1, 8), "09:00-17:00"))
    assert not calendar_of(service).is_open(at("2026-02-21 10:00"))  # a Saturday inside the festival


def test_the_operators_own_days_come_first() -> None:
    service = Service(
        days_off=(date(2026, 3, 8), date(2026, 3, 9)), days_worked=(date(2026, 3, 7), date(2026, 10, 1))
    )
    calendar = calendar_of(service)
    assert not calendar.is_open(at("2026-03-09 09:00"))  # Monday
    assert calendar.is_open(at("2026-03-07 09:00"))  # Saturday
    assert calendar.is_open(at("2026-10-01 09:00"))  # National Day


def test_a_year_without_a_notice_is_named_until_the_operator_says_its_days() -> None:
    assert missing_years(SERVICE, date(2026, 10, 31)) == []
    assert missing_years(SERVICE, date(2026, 11, 25)) == [2027]
    assert missing_years(Service(days_off=(date(2027, 2, 5),)), date(2026, 11, 25)) == []


def test_danger_counts_at_night_and_the_rest_waits_for_the_morning() -> None:
    evening = at("2026-03-06 17:20")  # Friday, ten minutes before the desk closes
    assert sla.due(SERVICE, 2, evening) == evening + timedelta(minutes=5)
    assert sla.due(SERVICE, 1, evening) == at("2026-03-09 08:50")
    stands = sla.stand(SERVICE, 1, evening, at("2026-03-07 12:00"))
    assert (stands.light, stands.is_over, stands.minutes, stands.paused) == (sla.Light.AMBER, False, 20, True)


def test_green_turns_amber_turns_red() -> None:
    since = at("2026-03-03 08:30")
    service = Service(first_answer=FirstAnswer(other_minutes=60))
    lights = [sla.stand(service, 0, since, since + timedelta(minutes=gone)).light for gone in (0, 39, 41, 60, 61)]
    assert lights == ["green", "green", "amber", "amber", "red"]
    over = sla.stand(service, 0, since, at("2026-03-03 15:00"))
    assert (over.is_over, over.minutes) == (True, 180)  # the noon break does not count


@given(RISKS, MOMENTS, MOMENTS)
def test_who_came_first_is_never_due_later(risk: int, one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    assert sla.due(SERVICE, risk, first) <= sla.due(SERVICE, risk, second)


@given(MOMENTS, st.integers(1, 2000))
def test_the_time_until_a_deadline_is_the_time_that_was_given(since: datetime, minutes: int) -> None:
    until = CALENDAR.after(since, minutes)
    assert until > since
    assert CALENDAR.between(since, until) == timedelta(minutes=minutes)


@given(MOMENTS, MOMENTS, MOMENTS)
def test_working_time_adds_up(one: datetime, two: datetime, three: datetime) -> None:
    begin, middle, end = sorted((one, two, three))
    assert CALENDAR.between(begin, middle) + CALENDAR.between(middle, end) == CALENDAR.between(begin, end)


@given(MOMENTS, st.integers(1, 600))
def test_without_any_duty_hours_the_wall_clock_counts(since: datetime, minutes: int) -> None:
    calendar = calendar_of(Service(duty_hours={}))
    assert calendar.after(since, minutes) == since + timedelta(minutes=minutes)
    assert calendar.next_opening(since) is None
