"""Days as people name them: 大后天, 下周三, 11.30, 月底, 国庆节, 正月十五. Counted from a given today."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any

from lunar_python import Lunar, LunarMonth, Solar

from nlp.entities.numbers import NUMBER, number
from nlp.patterns import read_yaml
from nlp.text import DATA

_FILE = DATA / "entities" / "days.yaml"
_NUMERAL = r"\d{1,2}|[一二三四五六七八九十]{1,3}"
#: A named day that was not longer ago than this may still be meant; older ones mean next year's.
_STILL = timedelta(days=1)
#: The same for a full date, because women also tell what happened.
_TOLD = timedelta(days=60)

_WEEKDAY = re.compile(r"(下下个?|下个?|这个?|本|上个?)?(?:周|星期|礼拜)([一二三四五六日天末])")
_WEEKEND = re.compile(r"(下下个?|下个?|这个?|本|上个?)?双休日")
_FULL = re.compile(
    rf"(?<![\d.:])(?:(\d{{4}})[年./-])?({_NUMERAL})(?:月份?|[./-])({_NUMERAL})(?:日|号)?(?![\d.:%]|月|块|元|个|岁|米|斤|万)"
)
_IN_MONTH = re.compile(rf"(下下个?|下个?|这个?|本|上个?)月(?:的)?({_NUMERAL}|底|初|中旬?)(?:日|号)?")
_MONTH_PART = re.compile(rf"({_NUMERAL})?月份?(底|初|中旬)(?![一二三四五六七八九十])")
_LATER = re.compile(
    rf"({NUMBER})(天|个?星期|周|个?礼拜|个月)(?:之?后|以后|过后)|(?:过|再过|隔)({NUMBER})(天|个?星期|周|个月)"
)
_DAY_OF_MONTH = re.compile(rf"(?<![第\d月.])({_NUMERAL})(?:号|日)(?![楼线院房活店门商码文])")
_LUNAR = re.compile(
    r"(?:农历|阴历|旧历)?(?:(正|腊|冬|[二三四五六七八九十]|十[一二]?)月)(初[一二三四五六七八九十]|廿[一二三四五六七八九]?|十[一二三四五六七八九]|二十[一二三四五六七八九]?|三十|十五)"
)
_LUNAR_SIGN = re.compile(r"农历|阴历|旧历|正月|腊月|冬月|月初[一二三四五六七八九十]|月廿")
_LUNAR_MONTHS = {"正": 1, "冬": 11, "腊": 12}
_NEW_YEAR_DAY = re.compile(r"(?:大年|年)初([一二三四五六七八九十])")


@cache
def _named() -> tuple[re.Pattern[str], Mapping[str, Mapping[str, Any]]]:
    days: Mapping[str, Mapping[str, Any]] = read_yaml(_FILE)
    longest_first = sorted(days, key=len, reverse=True)
    # 十一 is a number first: only with 国庆 or a word of time around it does it mean the holiday.
    words = [f"{word}(?=节|放假|假期|前|后|那天|期间|小长假|$)" if word == "十一" else word for word in longest_first]
    return re.compile("|".join(words)), days


def read_day(text: str, today: date) -> date | None:
    """The first day a normalised text names, counted from `today`; None when it names none or an impossible one."""
    for reader in (_lunar, _in_month, _full, _weekday, _by_name, _later, _month_part, _alone):
        try:
            day = reader(text, today)
        except (ValueError, OverflowError):
            continue
        if day is not None:
            return day
    return None


def _by_name(text: str, today: date) -> date | None:
    pattern, days = _named()
    match = pattern.search(text)
    if not match:
        return None
    rule = days[match.group()]
    if "days" in rule:
        return today + timedelta(days=rule["days"])
    for year in (today.year - 1, today.year, today.year + 1):
        day = _of_rule(rule, year)
        if day is not None and day >= today - _STILL:
            return day
    return None


def _of_rule(rule: Mapping[str, Any], year: int) -> date | None:
    if "solar" in rule:
        return date(year, *rule["solar"])
    if "nth" in rule:
        month, which, weekday = rule["nth"]
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - 1 - first.weekday()) % 7 + 7 * (which - 1))
    return _lunar_date(year, *rule["lunar"])


@lru_cache(maxsize=128)
def _lunar_date(year: int, month: int, day: int) -> date | None:
    """A day of the lunar year `year`; the 30th of a short month is its last day."""
    of_month = LunarMonth.fromYm(year, month)
    if of_month is None:
        return None
    solar: Solar = Lunar.fromYmd(year, month, min(day, of_month.getDayCount())).getSolar()
    return date(solar.getYear(), solar.getMonth(), solar.getDay())


def _lunar(text: str, today: date) -> date | None:
    if "月" not in text and "初" not in text:
        return None
    new_year = _NEW_YEAR_DAY.search(text)
    match = None if new_year else _LUNAR.search(text)
    if new_year:
        month, day = 1, number(new_year.group(1)) or 1
    elif match and _LUNAR_SIGN.search(text):
        month = _LUNAR_MONTHS.get(match.group(1)) or number(match.group(1)) or 0
        day = number(match.group(2).removeprefix("初")) or 0
    else:
        return None
    for year in (today.year - 1, today.year, today.year + 1):
        found = _lunar_date(year, month, day)
        if found is not None and found >= today - _STILL:
            return found
    return None


def _weekday(text: str, today: date) -> date | None:
    match = _WEEKDAY.search(text)
    weekend = None if match else _WEEKEND.search(text) or re.search(r"()周末", text)
    if match:
        which, name = match.group(1) or "", match.group(2)
    elif weekend:
        which, name = weekend.group(1) or "", "末"
    else:
        return None
    target = 6 if name in "日天" else 5 if name == "末" else "一二三四五六".index(name)
    monday = today - timedelta(days=today.weekday())
    weeks = 2 if which.startswith("下下") else 1 if which.startswith("下") else -1 if which.startswith("上") else 0
    day = monday + timedelta(days=7 * weeks + target)
    if not which and day < today and not (name == "末" and today.weekday() == 6):
        day += timedelta(days=7)
    return today if name == "末" and not which and today.weekday() == 6 else day


def _full(text: str, today: date) -> date | None:
    match = _FULL.search(text)
    if not match:
        return None
    month, day = number(match.group(2)) or 0, number(match.group(3)) or 0
    if match.group(1):
        return date(int(match.group(1)), month, day)
    found = date(today.year, month, day)
    return found.replace(year=today.year + 1) if found < today - _TOLD else found


def _in_month(text: str, today: date) -> date | None:
    match = _IN_MONTH.search(text)
    if not match:
        return None
    which = match.group(1)
    months = 2 if which.startswith("下下") else 1 if which.startswith("下") else -1 if which.startswith("上") else 0
    year, month = _months_on(today, months)
    return _part(year, month, match.group(2))


def _month_part(text: str, today: date) -> date | None:
    match = _MONTH_PART.search(text)
    if not match:
        return None
    if match.group(1):
        month = number(match.group(1)) or 0
        return _part(today.year + (month < today.month), month, match.group(2))
    found = _part(today.year, today.month, match.group(2))
    return found if found >= today else _part(*_months_on(today, 1), match.group(2))


def _part(year: int, month: int, part: str) -> date:
    if part == "底":
        return date(*_months_on(date(year, month, 1), 1), 1) - timedelta(days=1)
    if part == "初":
        return date(year, month, 1)
    return date(year, month, 15 if part.startswith("中") else number(part) or 0)


def _months_on(day: date, months: int) -> tuple[int, int]:
    counted = day.year * 12 + day.month - 1 + months
    return counted // 12, counted % 12 + 1


def _later(text: str, today: date) -> date | None:
    match = _LATER.search(text)
    if not match:
        return None
    count = number(match.group(1) or match.group(3)) or 0
    unit = match.group(2) or match.group(4)
    if "月" in unit:
        year, month = _months_on(today, count)
        last = (date(*_months_on(date(year, month, 1), 1), 1) - timedelta(days=1)).day
        return date(year, month, min(today.day, last))
    return today + timedelta(days=count * (1 if unit == "天" else 7))


def _alone(text: str, today: date) -> date | None:
    """A day of the month alone is the next one to come."""
    match = _DAY_OF_MONTH.search(text)
    day = number(match.group(1)) if match else None
    if not day or day > 31:
        return None
    for months in range(3):
        try:
            found = date(*_months_on(today, months), day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None
