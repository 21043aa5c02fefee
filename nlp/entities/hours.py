"""Times of the day: 下午三点, 两点半, 9点一刻, 19:30, 晚上8点40."""

import re

from nlp.entities.numbers import number

_PART = "凌晨|清晨|清早|早上|早晨|一早|早|上午|中午|正午|午后|下午|傍晚|晚上|今晚|明晚|昨晚|晚|夜里|半夜"
_HOUR = r"\d{1,2}|[一二两三四五六七八九十]{1,3}"
_CLOCK = re.compile(
    rf"({_PART})?(?:的|大概|大约|差不多)?(?<!第)(?<![\d./:])({_HOUR})(?:点钟?|点整|时(?!候|间|常|刻)|:(?=\d))"
    r"(?:(半)|(一刻|三刻)|([0-5]?\d(?!\d|点)|[一二三四五]?十[一二三四五六七八九]?|零?[一二三四五六七八九](?=分))分?)?"
)
_AFTERNOON = frozenset({"午后", "下午", "傍晚", "晚上", "今晚", "明晚", "昨晚", "晚", "夜里"})


def read_clock(text: str) -> str:
    """The first time of day in a normalised text as HH:MM (24 hours); empty when there is none."""
    for match in _CLOCK.finditer(text):
        part, hour_text, half, quarter, minute_text = match.groups()
        hour = number(hour_text)
        if hour is None or hour > 24 or (hour_text == "一" and not part and not half and not quarter):
            continue
        if hour_text == "一" and part in {"早", "晚"} and not (half or quarter):
            continue
        minute = 30 if half else 15 if quarter == "一刻" else 45 if quarter else number(minute_text or "零")
        if minute is None or minute > 59:
            continue
        part = part or _part_before(text[: match.start()])
        late = part in _AFTERNOON and hour < 12
        noon = part in {"中午", "正午"} and hour < 4
        midnight = part in {"晚上", "今晚", "夜里", "半夜"} and hour == 12
        if late or noon:
            hour += 12
        return f"{(0 if midnight else hour) % 24:02d}:{minute:02d}"
    return ""


def _part_before(before: str) -> str:
    """A part of the day named a little earlier: 明天下午,三点."""
    found = re.findall(_PART, before[-8:])
    return found[-1] if found else ""
