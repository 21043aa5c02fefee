"""When hotline staff are at work: weekly hours from the settings, minus the public holidays of China."""

from datetime import datetime
from functools import lru_cache

import holidays

from bot import clock
from bot.config import Service, parse_hours

_WEEKDAYS = "一二三四五六日"


def is_on_duty(service: Service, now: datetime) -> bool:
    """Whether somebody is at the desk at `now` (aware)."""
    local = clock.local(now, service.timezone)
    hours = service.duty_hours.get(local.isoweekday(), "")
    return _is_open(hours, local.replace(second=0, microsecond=0, tzinfo=None))


def hours_in_words(service: Service) -> str:
    """The duty hours as people read them: 「周一至周五 08:30-12:00、14:30-17:30（节假日除外）」."""
    groups: list[tuple[str, list[int]]] = []
    for day in range(1, 8):
        hours = service.duty_hours.get(day, "")
        if not hours:
            continue
        if groups and groups[-1][0] == hours and groups[-1][1][-1] == day - 1:
            groups[-1][1].append(day)
        else:
            groups.append((hours, [day]))
    if not groups:
        return "暂无固定值班时间"
    parts = [f"{_days(days)} {hours.replace(',', '、')}" for hours, days in groups]
    return "；".join(parts) + "（节假日除外）"


def _days(days: list[int]) -> str:
    first = f"周{_WEEKDAYS[days[0] - 1]}"
    return first if len(days) == 1 else f"{first}至周{_WEEKDAYS[days[-1] - 1]}"


@lru_cache(maxsize=64)
def _is_open(hours: str, minute: datetime) -> bool:
    """Asked for every message, answered once a minute."""
    if minute.date() in _calendar(minute.year):
        return False
    return any(begin <= minute.time() < end for begin, end in parse_hours(hours))


@lru_cache(maxsize=4)
def _calendar(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("CN", years=year)
