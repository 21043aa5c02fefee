"""When hotline staff are at work: the hours of the settings, minus public holidays, and in words."""

from datetime import datetime

from bot.config import Service
from bot.workdays import calendar_of

_WEEKDAYS = "一二三四五六日"


def is_on_duty(service: Service, now: datetime) -> bool:
    """Whether the desk is open at `now` (aware)."""
    return calendar_of(service).is_open(now)


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
