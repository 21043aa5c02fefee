"""The year's occasions: on the right day of both calendars, proposed in time, worded for everybody's eyes."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import occasions

#: What nobody may read over her shoulder (safety.md: violence, divorce, protection, drugs, mental health).
TELLING = re.compile("暴力|家暴|打人|离婚|保护令|告诫|毒|心理|精神|抑郁|自杀|性侵|骚扰|维权")


def begins(year: int) -> dict[str, date]:
    return {one.occasion.id: one.begins for one in occasions.dates_of(year)}


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2026, "02-17 06-19 08-19 09-25 10-18 05-10"),
        (2027, "02-06 06-09 08-08 09-15 10-08 05-09"),
        (2028, "01-26 05-28 08-26 10-03 10-26 05-14"),
        (2029, "02-13 06-16 08-16 09-22 10-16 05-13"),
        (2030, "02-03 06-05 08-05 09-12 10-05 05-12"),
    ],
)
def test_days_of_the_lunar_year_and_second_sundays_fall_where_the_almanac_says(year: int, expected: str) -> None:
    found = begins(year)
    names = ("spring-festival", "dragon-boat", "double-seventh", "mid-autumn", "double-ninth", "mothers-day")
    assert [f"{found[name]:%m-%d}" for name in names] == expected.split()


def test_weeks_have_a_first_and_a_last_day() -> None:
    found = {one.occasion.id: (one.begins, one.ends) for one in occasions.dates_of(2027)}
    assert found["womens-week"] == (date(2027, 3, 1), date(2027, 3, 8))
    assert found["family-education-week"] == (date(2027, 5, 10), date(2027, 5, 16))
    assert found["sixteen-days"] == (date(2027, 11, 25), date(2027, 12, 10))
    assert found["spring-festival"] == (date(2027, 2, 6), date(2027, 2, 20)), "the last day is 元宵"


@given(st.dates(date(2024, 1, 1), date(2050, 12, 31)))
def test_what_is_due_begins_within_six_weeks_and_is_not_over(today: date) -> None:
    due = occasions.due(today)
    assert all(one.begins <= today + occasions.AHEAD and one.ends >= today for one in due)
    assert len({one.key for one in due}) == len(due)
    missing = {
        one.key
        for year in (today.year, today.year + 1)
        for one in occasions.dates_of(year)
        if today <= one.begins <= today + timedelta(weeks=6)
    } - {one.key for one in due}
    assert missing == set()


def test_no_title_and_no_first_line_tells_what_it_is_about() -> None:
    for one in occasions.occasions():
        first = one.text.splitlines()[0]
        assert not TELLING.search(first), one.id
        assert len(one.title) <= 64
        assert len(one.text) <= 600


def test_every_draft_leaves_open_what_only_the_county_knows() -> None:
    for one in occasions.occasions():
        assert occasions.GAP.search(one.text), one.id
        assert "电话" in one.text, one.id
