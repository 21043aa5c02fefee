"""How the console says things in Chinese: names of states and reasons (words.yaml), times, waiting."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot import clock

_FILE = Path(__file__).parent / "words.yaml"
_WEEKDAYS = "一二三四五六日"


@cache
def _book() -> dict[str, Any]:
    book: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return book


def name(group: str, key: str) -> str:
    """The word for `key` in `group` (states, categories …); the key itself where there is none."""
    return str(_book()[group].get(key, key)) if key else ""


def group(name_of_group: str) -> Mapping[str, str]:
    """All words of a group by key, in order."""
    words: Mapping[str, str] = _book()[name_of_group]
    return words


def moment(value: datetime | None, zone: str) -> str:
    """11月28日 14:30; with the year when it is another."""
    if value is None:
        return ""
    local = clock.local(value, zone)
    year = "" if local.year == clock.local(clock.now(), zone).year else f"{local.year}年"
    return f"{year}{local.month}月{local.day}日 {local:%H:%M}"


def iso_moment(value: str, zone: str) -> str:
    """The same for a moment kept as ISO 8601."""
    return moment(datetime.fromisoformat(value), zone)


def day(value: datetime, zone: str) -> str:
    """11月28日（周六）14:30."""
    local = clock.local(value, zone)
    return f"{local.month}月{local.day}日（周{_WEEKDAYS[local.weekday()]}）{local:%H:%M}"


def date(value: datetime | None, zone: str) -> str:
    """11月28日; with the year when it is another."""
    return moment(value, zone).partition(" ")[0]


def iso_day(value: datetime, zone: str) -> str:
    """2026-11-28, as date fields of forms want it."""
    return f"{clock.local(value, zone):%Y-%m-%d}"


def waited(since: datetime | None, now: datetime) -> str:
    """How long ago, in words: 刚刚, 3 分钟, 2 小时 5 分, 3 天."""
    if since is None:
        return ""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "刚刚"
    if minutes < 60:
        return f"{minutes} 分钟"
    if minutes < 24 * 60:
        return f"{minutes // 60} 小时 {minutes % 60} 分"
    return f"{minutes // (24 * 60)} 天"


def span(minutes: int) -> str:
    """A stretch of time in words: 不到 1 分钟, 12 分钟, 2 小时 5 分, 1 天 3 小时."""
    if minutes < 1:
        return "不到 1 分钟"
    if minutes < 60:
        return f"{minutes} 分钟"
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} 小时 {rest} 分" if rest else f"{hours} 小时"
    return f"{hours // 24} 天 {hours % 24} 小时"


def standing(line: Any, stands: Any) -> str:
    """Why a line of the queue has its colour: 危险：正在受暴，已超时 3 分钟; 还剩 12 分钟."""
    key = ("over" if stands.is_over else "left") + ("_paused" if stands.paused else "")
    time = name("clock", key).format(time=span(stands.minutes))
    if line.risk < 2:
        return time
    kinds = "、".join(name("risk_kinds", kind) for kind in line.risk_kinds.split()[:2])
    return name("clock", "danger").format(kinds=kinds or name("risk", "2"), time=time)


def listed(value: Any, group_of: str = "") -> str:
    """A value of the form as people read it."""
    if isinstance(value, list | tuple):
        return "、".join(listed(one, group_of) for one in value)
    return name(group_of, str(value)) if group_of else str(value)


def browser(agent: str) -> str:
    """A browser's own description in two words, such as Chrome · Windows."""
    engine = next((name for name in ("MicroMessenger", "Edg", "Firefox", "Chrome", "Safari") if name in agent), "")
    system = next((name for name in ("Windows", "Android", "iPhone", "Mac OS", "Linux") if name in agent), "")
    return " · ".join(filter(None, (engine.replace("Edg", "Edge"), system)))


def masked(value: str) -> str:
    """An identifier with its middle hidden: 138****0000; of a short one only the ends are seen."""
    ends = (3, 4) if len(value) >= 10 else (1, 1)
    return f"{value[: ends[0]]}****{value[-ends[1] :]}" if value else ""


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "date": date,
    "iso_moment": iso_moment,
    "day": day,
    "iso_day": iso_day,
    "waited": waited,
    "span": span,
    "listed": listed,
    "masked": masked,
}
