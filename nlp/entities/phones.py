"""Phone numbers of China: mobiles, and landlines with area code; spaced, dashed, or in Chinese digits.

A mobile begins 13–19 and has eleven digits; a landline has an area code of three or four digits beginning
with 0 (source: the numbering plan of the ministry, 电信网编号计划). Short numbers such as 12338 are nobody's.
"""

import re

_CHINESE_DIGITS = str.maketrans("零〇一幺二三四五六七八九", "001123456789")
_CHINESE = re.compile(r"[零〇一幺二三四五六七八九\d][零〇一幺二三四五六七八九\d \-]{9,16}")
_GAP = r"[-\s.·_]{0,2}"
_MOBILE = re.compile(rf"(?<!\d)(?:\+?86{_GAP})?(1[3-9]\d{_GAP}(?:\d{_GAP}){{7}}\d)(?!\d)")
_LANDLINE = re.compile(rf"(?<!\d)\(?(0\d{{2,3}})\)?{_GAP}(\d{{3,4}}{_GAP}\d{{4}})(?!\d)")


def read_phone(text: str) -> str:
    """The first phone number in a normalised text, digits only; empty when there is none."""
    found = _first(text)
    if not found:
        run = _CHINESE.search(text)
        found = _first(run.group().translate(_CHINESE_DIGITS)) if run else ""
    return found


def _first(text: str) -> str:
    mobile = _MOBILE.search(text)
    if mobile:
        return re.sub(r"\D", "", mobile.group(1))
    landline = _LANDLINE.search(text)
    return re.sub(r"\D", "", landline.group(1) + landline.group(2)) if landline else ""
