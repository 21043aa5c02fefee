"""The small facts in a message: when, how many, which one, yes or no, a phone, an age, what was already done.

Pure functions over a normalised text. There is no clock here: whoever wants 明天 as a date passes `now`.
"""

import re
from datetime import date, datetime, timedelta

_DIGITS = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "俩": 2,
    "三": 3,
    "仨": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_NUMBER = r"(?:\d{1,4}|[零〇一二两三四五六七八九十百]{1,5})"

_PHONE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?(1[3-9]\d[- ]?\d{4}[- ]?\d{4})(?!\d)|(?<!\d)(0\d{2,3}-?\d{7,8})(?!\d)")
_ORDINAL = re.compile(
    rf"^(?:我?(?:要|选|报|取消|想要|就)?)?第({_NUMBER})[个项条场期节]?|第({_NUMBER})[个项场]|^(?:选|报|要)?({_NUMBER})(?:号|个)?[。.!]?$"
)
_YES = re.compile(
    r"^(?:好+的?|好呀|好啊|好吧|可以的?|行的?|行吧|是的?|是啊|对的?|对啊|嗯+|嗯呢|恩+|要的?|要得|没问题|确认|确定|同意|愿意|方便|中|成|得行|ok|yes|y|当然|需要|是这样|没错|安全|有的?)[啊呀吧哦了的,。!~ ]*$"
)
_NO = re.compile(
    r"^(?:不+|不是的?|不要了?|不用了?|不行|不对|不可以|不了|不需要|不方便|不愿意?|不想|不同意|没有?|算了吧?|还是算了|别了|no|n|不确定|不安全|先不|暂时不|取消)[啊呀吧哦了的,。!~ ]*$"
)
_DONE = {
    "police": re.compile(r"(?<!想)(?<!要)(?<!敢)(?<!没)(?<!没有)(?:已经|也|都)?(?:报(?:了|过)警|报警了|报过案|出警|警察来了|派出所来|派出所(?:给|出))"),
    "warning": re.compile(r"(?:开|出|给|拿到|有)(?:了|过|具了?|到)?[^,。]{0,4}告诫书"),
    "protection_order": re.compile(r"(?:申请|办|拿到|有|下)(?:了|过|来了?)[^,。]{0,6}保护令|保护令(?:下来|批|到期|办好)"),
    "lawsuit": re.compile(r"(?:已经|我)?(?:起诉了|起诉过|已起诉|立案了|开庭了|上诉了|判决下来|法院判了)"),
    "hospital": re.compile(r"(?:去|在|到|住)(?:了|过)?(?:医院|急诊)(?:了|看|检查|缝|治)?|住院|验(?:了|过)伤|缝了|(?:做|有)(?:了|过)?伤情鉴定"),
    "federation": re.compile(r"(?:找|问|去|打)(?:了|过)[^,。]{0,3}(?:妇联|12338)"),
    "mediation": re.compile(r"(?:调解|村里(?:说|劝))(?:了|过)"),
}  # fmt: skip
_OTHER = re.compile(
    r"(?:我|帮|替)(?:的)?(?:妈妈?|母亲|姐姐?|妹妹?|闺女|女儿|孩子|儿子|表姐|表妹|嫂子|闺蜜|朋友|同事|邻居|外甥女|侄女|奶奶|姥姥|婆婆)[^,。?!]{0,10}(?:被|挨|让|不敢|怎么|求助|受|遭)|(?:邻居|隔壁|楼上|朋友|同事)[^,。?!]{0,8}(?:被|挨|打|家暴)|帮(?:我)?(?:朋友|姐|妹|妈|同事|邻居)(?:问|咨询)|打(?:我妈|孩子|妈妈|女儿|儿子|我姐|我妹)"
)
_SELF = re.compile(r"我|俺|咱")
_AGE = re.compile(
    rf"(?:孩子|娃|女儿|儿子|闺女|宝宝|小孩|妹妹|弟弟|丫头|他|她)[^,。?!\d]{{0,6}}?({_NUMBER})(?:周?岁|(个)?月)|({_NUMBER})(?:周?岁|(个)?月)(?:大)?的?(?:孩子|娃|女儿|儿子|闺女|宝宝|小孩|女婴|婴儿)"
)
_MY_AGE = re.compile(rf"(?:我|本人)(?:今年|才|刚)?({_NUMBER})岁?(?!个|号|点|年|月|天|块|次)|^({_NUMBER})岁")
_PEOPLE = re.compile(
    rf"({_NUMBER})(?:个人|位|个大人|口人|个名额|人(?!民|家)|个孩子)|两大一小|一大一小|一大两小|两大两小|一家三口|一家四口|(我和[^,。]{{1,6}})(两|俩|三|仨)个?(?:人)?|(我们|咱们?)(俩|仨|两|三|四|五)个?"
)
_FIXED_PEOPLE = {"两大一小": 3, "一大一小": 2, "一大两小": 3, "两大两小": 4, "一家三口": 3, "一家四口": 4}
_TRIGGERS = re.compile(r"[\d一二两俩三仨四五六七八九十零今明后昨周星礼下午早晚月天年]")


def number(text: str) -> int | None:
    """A whole number written in digits or Chinese numerals up to 999; None when it is neither."""
    if text.isdigit():
        return int(text)
    total = current = 0
    for character in text:
        if character in _DIGITS:
            current = _DIGITS[character]
        elif character == "十":
            total, current = total + (current or 1) * 10, 0
        elif character == "百":
            total, current = total + (current or 1) * 100, 0
        else:
            return None
    return total + current if text else None


def read_entities(text: str, now: datetime | None = None) -> dict[str, object]:
    """What a normalised text holds; keys appear only when found.

    `when` (ISO date or date and time, needs `now`), `time` (HH:MM), `people`, `phone`, `choice` (from 1),
    `answer` (yes/no),
    `child_age` (years), `age` (years), `done` (measures already taken), `hurt` (self/other).
    """
    found: dict[str, object] = {}
    if len(text) <= 14:
        _read_answer(text, found)
    if _TRIGGERS.search(text):
        _read_numbers(text, found)
        found.update(read_when(text, now))
    if len(text) > 3:
        if (
            "报" in text
            or "书" in text
            or "令" in text
            or "院" in text
            or "诉" in text
            or "伤" in text
            or "妇联" in text
            or "调解" in text
            or "缝" in text
            or "庭" in text
        ):
            done = [name for name, pattern in _DONE.items() if pattern.search(text)]
            if done:
                found["done"] = done
        if _OTHER.search(text):
            found["hurt"] = "other"
        elif (
            "我" in text and _SELF.search(text) and ("打" in text or "暴" in text or "骚扰" in text or "威胁" in text)
        ):
            found["hurt"] = "self"
    return found


def _read_answer(text: str, found: dict[str, object]) -> None:
    match = _ORDINAL.search(text)
    if match:
        choice = number(next(group for group in match.groups() if group))
        if choice is not None and 1 <= choice <= 99:
            found["choice"] = choice
    if _YES.match(text):
        found["answer"] = "yes"
    elif _NO.match(text):
        found["answer"] = "no"


def _read_numbers(text: str, found: dict[str, object]) -> None:
    phone = _PHONE.search(text)
    if phone:
        found["phone"] = re.sub(r"[- ]", "", phone.group(1) or phone.group(2))
    people = _PEOPLE.search(text)
    if people:
        count = _FIXED_PEOPLE.get(people.group(0))
        if count is None:
            count = number(next(group for group in (people.group(1), people.group(3), people.group(5)) if group))
        if count and count <= 50:
            found["people"] = count
    if "岁" in text or "月" in text:
        age = _AGE.search(text)
        if age:
            value = number(age.group(1) or age.group(3))
            months = bool(re.search(r"月(?:大)?", age.group(0))) and "岁" not in age.group(0)
            if value is not None and value <= 120:
                found["child_age"] = value // 12 if months else value
    mine = _MY_AGE.search(text)
    if mine and "岁" in text:
        value = number(mine.group(1) or mine.group(2))
        if value is not None and 5 <= value <= 110:
            found["age"] = value


_RELATIVE = {
    "大后天": 3,
    "后天": 2,
    "明天": 1,
    "明早": 1,
    "明晚": 1,
    "明日": 1,
    "今天": 0,
    "今晚": 0,
    "今早": 0,
    "今日": 0,
    "昨天": -1,
    "昨晚": -1,
    "前天": -2,
}
_DAY = re.compile("|".join(_RELATIVE))
_WEEKDAY = re.compile(r"(下下|下|这|本|上)?个?(?:周|星期|礼拜)([一二三四五六日天末])")
_DATE = re.compile(
    r"(?:(\d{4})年)?(\d{1,2}|[一二三四五六七八九十]{1,3})(?:月|[./-])(\d{1,2}|[一二三四五六七八九十]{1,3})(?:日|号)?"
)
_LATER = re.compile(rf"({_NUMBER})(天|个?星期|周|个月)(?:之?后|以后|内)?")
_DAY_OF_MONTH = re.compile(rf"(?<![第\d月])({_NUMBER})(?:号|日)(?![楼线院房活])")
_CLOCK = re.compile(
    r"(凌晨|早上|早晨|早|上午|中午|下午|傍晚|晚上|晚|夜里)?(\d{1,2}|[一二两三四五六七八九十]{1,3})(?:点钟?|时|:)(?:(半)|(一刻)|([0-5]?\d|[一二三四五]?十[一二三四五六七八九]?)分?)?"
)


def read_when(text: str, now: datetime | None) -> dict[str, object]:
    """`when` as an ISO date or local date and time counted from `now` (its own zone), `time` as HH:MM."""
    found: dict[str, object] = {}
    clock = _clock(text)
    if clock:
        found["time"] = clock
    if now is None:
        return found
    day = _day(text, now.date())
    if day is not None:
        found["when"] = f"{day.isoformat()}T{clock}" if clock else day.isoformat()
    return found


def _clock(text: str) -> str:
    match = _CLOCK.search(text)
    if not match:
        return ""
    part, hour_text, half, quarter, minute_text = match.groups()
    hour = number(hour_text)
    if (
        hour is None
        or hour > 24
        or (hour_text == "一" and not part and "一点" in match.group(0) and not (half or minute_text))
    ):
        return ""
    minute = 30 if half else 15 if quarter else (number(minute_text) or 0) if minute_text else 0
    if (
        (
            part in {"下午", "傍晚", "晚上", "晚", "夜里"}
            or (part is None and re.search(r"(?:今晚|明晚|下午|晚上)", text))
        )
        and hour < 12
    ) or (part == "中午" and hour < 3):
        hour += 12
    return f"{hour % 24:02d}:{minute:02d}" if minute < 60 else ""


def _day(text: str, today: date) -> date | None:
    relative = _DAY.search(text)
    if relative:
        return today + timedelta(days=_RELATIVE[relative.group(0)])
    weekday = _WEEKDAY.search(text)
    if weekday:
        return _weekday(weekday.group(1) or "", weekday.group(2), today)
    absolute = _DATE.search(text)
    if absolute:
        return _absolute(absolute, today)
    later = _LATER.search(text)
    if later and re.search(r"后|以后", later.group(0)):
        count = number(later.group(1)) or 0
        unit = later.group(2)
        return today + timedelta(days=count * (7 if "周" in unit or "星期" in unit else 30 if "月" in unit else 1))
    alone = _DAY_OF_MONTH.search(text)
    if alone:
        return _day_of_month(number(alone.group(1)), today)
    return None


def _weekday(which: str, name: str, today: date) -> date:
    target = 6 if name in "日天" else 5 if name == "末" else "一二三四五六".index(name)
    monday = today - timedelta(days=today.weekday())
    weeks = {"下下": 2, "下": 1, "上": -1}.get(which, 0)
    day = monday + timedelta(days=7 * weeks + target)
    return day + timedelta(days=7) if not which and day < today else day


def _absolute(match: re.Match[str], today: date) -> date | None:
    month, day = number(match.group(2)), number(match.group(3))
    year = int(match.group(1)) if match.group(1) else today.year
    try:
        found = date(year, month or 0, day or 0)
        return found.replace(year=year + 1) if not match.group(1) and found < today - timedelta(days=60) else found
    except ValueError:
        return None


def _day_of_month(day: int | None, today: date) -> date | None:
    if not day or day > 31:
        return None
    month, year = today.month, today.year
    for _ in range(3):
        try:
            found = date(year, month, day)
        except ValueError:
            found = None
        if found is not None and found >= today:
            return found
        month, year = (1, year + 1) if month == 12 else (month + 1, year)
    return None
