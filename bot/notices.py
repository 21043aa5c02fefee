"""How a notice to many reads: what was typed filled in, held against the rules, counted as each channel counts. Pure.

What is typed may hold variables ({电话}) that stand for facts of the house; what concerns one woman alone is none of
them: a notice is the same for everybody, so that it tells nobody who got it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot import manners
from bot.channels.base import Channel, ways_of
from bot.channels.sms_text import count_segments
from bot.occasions import GAP

#: What may stand in braces, and what stands for it in the settings is the console's to say.
PHONE, HOUSE, LINK = "电话", "县妇联", "链接"
VARIABLES = (PHONE, HOUSE, LINK)
_VARIABLE = re.compile(r"[{｛]([^{}｛｝\n]{0,20})[}｝]")
_LONGEST_TARGET = 500
#: The platform's limit of a field of a subscription notice (protocols §1.8: thing ≤ 20).
_LONGEST_FIELD = 20


@dataclass(frozen=True, slots=True)
class Place:
    """One channel by one way, as the composer names it."""

    channel: str
    way: str
    to_groups: bool
    needs_template: bool
    per_month: int

    @property
    def key(self) -> str:
        """Its name in forms: wechat_oa.mass."""
        return f"{self.channel}.{self.way}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a text: the key of its sentence and the words it is about. `when`: save, submit or never.

    It says what the problem keeps from happening; never: it is only said.
    """

    key: str
    words: str = ""
    when: str = "save"


def places(channels: Mapping[str, Channel]) -> tuple[Place, ...]:
    """Every channel and way a notice can go out by."""
    return tuple(
        Place(name, way.name, way.to_groups, way.needs_template, way.per_month)
        for name, channel in channels.items()
        for way in ways_of(channel).values()
    )


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; those unknown stay as they are."""
    return _VARIABLE.sub(lambda found: values.get(found[1].strip(), found[0]), text)


def uses(text: str, variable: str) -> bool:
    """Whether a text holds this variable."""
    return any(name.strip() == variable for name in _VARIABLE.findall(text))


def check(text: str, channel: Channel | None = None) -> list[Problem]:
    """What is wrong with a text that is filled in, on one channel or anywhere."""
    found = []
    if unknown := [f"{{{name}}}" for name in _VARIABLE.findall(text)]:
        found.append(Problem("variable", "、".join(dict.fromkeys(unknown))))
    if words := manners.giveaways(text):
        found.append(Problem("private", "、".join(words)))
    found += [Problem("never", hit[0]) for pattern in manners.never().values() if (hit := pattern.search(text))]
    if gaps := GAP.findall(text):
        found.append(Problem("gap", "、".join(dict.fromkeys(gaps)), "submit"))
    if channel is not None and text and len(parts := channel.split([text])) > 1:
        found.append(Problem("long", str(len(text) - len(parts[0]))))
    if text and not re.search(r"\d{5,}|\d{3,4}-\d{7,8}", text):
        found.append(Problem("no_phone", when="never"))
    return found


def segments(text: str, signature: str = "") -> int:
    """How many text messages it is billed as."""
    return count_segments(text, signature)


def is_target(address: str) -> bool:
    """Whether a short link may lead there: a whole web address, without a name or password in it."""
    if len(address) > _LONGEST_TARGET or re.search(r"[\s\x00-\x1f\\]", address):
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and port != 0


def read_fields(typed: str) -> dict[str, str] | None:
    """Fields of a subscription notice, one a line as `thing1=妇女之家`; None when a line is none, or too long."""
    fields = {}
    for line in filter(None, (one.strip() for one in typed.splitlines())):
        name, mark, value = line.replace("＝", "=", 1).partition("=")
        name, value = name.strip(), value.strip()
        if not mark or not value or not re.fullmatch(r"[a-z_]+\d+", name):
            return None
        if name.startswith("thing") and len(value) > _LONGEST_FIELD:
            return None
        fields[name] = value
    return fields


def check_fields(fields: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the fields of a subscription notice: each of them is read on a locked screen."""
    private = [word for value in fields.values() for word in manners.giveaways(value)]
    found = [Problem("private_field", "、".join(dict.fromkeys(private)))] if private else []
    if gaps := [gap for value in fields.values() for gap in GAP.findall(value)]:
        found.append(Problem("gap", "、".join(gaps), "submit"))
    return found
