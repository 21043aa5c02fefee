"""Whole numbers as women write them: digits, Chinese numerals, 俩 and 仨."""

DIGITS = {
    "零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "俩": 2, "三": 3, "仨": 3,
    "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
}  # fmt: skip
#: A number in a pattern, up to four digits or up to 九百九十九.
NUMBER = r"(?:\d{1,4}|[零〇一二两三四五六七八九十百]{1,5})"


def number(text: str) -> int | None:
    """A whole number written in digits or Chinese numerals up to 999; None when it is neither."""
    if text.isdecimal():
        return int(text)
    total = current = 0
    for character in text:
        if character in DIGITS:
            current = DIGITS[character]
        elif character == "十":
            total, current = total + (current or 1) * 10, 0
        elif character == "百":
            total, current = total + (current or 1) * 100, 0
        elif character == "廿":
            total, current = total + 20, 0
        else:
            return None
    return total + current if text else None
