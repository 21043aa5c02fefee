"""What OneBot v11 clients tell: segments or CQ strings, private or in groups, and what becomes of the bot there.

Source: protocols §7 (OB11 event/*, message/array.md, message/string.md).
"""

import re
from typing import Any

from bot import clock
from bot.errors import UnreadablePayload
from bot.messages import GroupChange, InboundMessage, Kind, Location, Media

NAME = "onebot"
_LAST_SECOND = 4_102_444_800  # 2100: later times are garbage
_CODE = re.compile(r"\[CQ:([A-Za-z0-9_-]{1,32})((?:,[^\[\]]*)?)\]")
_MEDIA = {"image": Kind.IMAGE, "record": Kind.VOICE, "video": Kind.VIDEO}

Segment = tuple[str, dict[str, str]]


def read_event(event: dict[str, Any], account: str) -> InboundMessage | None:
    """The message in a verified event; None for what is none of our business. Raises UnreadablePayload."""
    sort = event.get("post_type")
    if sort == "message":
        return _message(event, account)
    if sort == "notice":
        return _notice(event, account)
    if not isinstance(sort, str):
        raise UnreadablePayload("post_type is missing")
    # Heartbeats, what we said ourselves, and requests: whom to befriend is for a person to decide.
    return None


def read_cq(text: str) -> list[Segment]:
    """The segments of a CQ string: `&amp;` is unescaped last, parameters split at the first `=`."""
    found: list[Segment] = []
    at = 0
    for match in _CODE.finditer(text):
        if match.start() > at:
            found.append(("text", {"text": unescape(text[at : match.start()])}))
        pairs = (part.partition("=") for part in match[2].split(",") if part)
        found.append((match[1], {name: unescape(value) for name, _, value in pairs}))
        at = match.end()
    if at < len(text):
        found.append(("text", {"text": unescape(text[at:])}))
    return found


def unescape(text: str) -> str:
    """What stands behind CQ escapes, of text and of parameters."""
    return text.replace("&#44;", ",").replace("&#91;", "[").replace("&#93;", "]").replace("&amp;", "&")


def _message(event: dict[str, Any], account: str) -> InboundMessage | None:
    where, sub_type = event.get("message_type"), event.get("sub_type")
    # People who hide their name all have one number: they cannot be told apart, nor be answered alone.
    if where not in ("private", "group") or sub_type in ("anonymous", "notice"):
        return None
    self_id, sender = _number(event, "self_id"), _number(event, "user_id")
    number, seconds = _number(event, "message_id"), _number(event, "time")
    if sender == self_id:
        return None
    segments = _segments(event.get("message"))
    group = _number(event, "group_id") if where == "group" else ""
    kind, text, media, place, extra = _content(segments)
    return InboundMessage(
        channel=NAME,
        account=account,
        sender=sender,
        # A client counts anew after it was set up again: its number alone is not enough.
        dedupe_key=f"m:{self_id}:{seconds}:{sender}:{group}:{number}",
        kind=kind,
        sent_at=_time(seconds),
        text=text,
        media=media,
        location=place,
        extra=extra,
        platform_id=number,
        group=group,
        mentioned=any(sort == "at" and values.get("qq") == self_id for sort, values in segments),
    )


def _content(
    segments: list[Segment],
) -> tuple[Kind, str, Media | None, Location | None, dict[str, str]]:
    text = "".join(values.get("text", "") for sort, values in segments if sort == "text").strip()
    for sort, values in segments:
        if sort in _MEDIA:
            address = values.get("url") or values.get("file", "")
            return _MEDIA[sort], text, Media(address, address), None, {}
        if sort == "location":
            place = _place(values)
            if place is not None:
                return Kind.LOCATION, text, None, place, {}
        if sort == "share":
            return Kind.LINK, text or values.get("title", ""), None, None, dict(values)
    said = {"text", "at", "reply", "face"}
    others = sorted({sort for sort, _ in segments} - said)
    if text or not others:
        return Kind.TEXT, text, None, None, {}
    return Kind.UNKNOWN, "", None, None, {"MsgType": ",".join(others)[:64]}


def _place(values: dict[str, str]) -> Location | None:
    try:
        place = Location(float(values["lat"]), float(values["lon"]), values.get("title", ""))
    except (KeyError, ValueError):
        return None
    return place if -90 <= place.latitude <= 90 and -180 <= place.longitude <= 180 else None


def _notice(event: dict[str, Any], account: str) -> InboundMessage | None:
    sort, sub_type = event.get("notice_type"), event.get("sub_type")
    if sort == "friend_add":
        return _event(event, account, Kind.FOLLOW)
    if sort not in ("group_increase", "group_decrease", "group_ban"):
        return None
    if _number(event, "user_id") != _number(event, "self_id"):
        return None
    if sort == "group_ban":
        change = GroupChange.UNMUTED if sub_type == "lift_ban" else GroupChange.MUTED
    else:
        change = GroupChange.JOINED if sort == "group_increase" else GroupChange.LEFT
    return _event(event, account, Kind.GROUP, key=change.value, group=_number(event, "group_id"))


def _event(event: dict[str, Any], account: str, kind: Kind, **place: str) -> InboundMessage:
    sender, seconds = _number(event, "user_id"), _number(event, "time")
    parts = (event.get("notice_type"), event.get("sub_type"), sender, place.get("group", ""), seconds)
    return InboundMessage(
        channel=NAME,
        account=account,
        sender=sender,
        dedupe_key="e:" + ":".join(str(part) for part in parts),
        kind=kind,
        sent_at=_time(seconds),
        **place,  # type: ignore[arg-type]
    )


def _segments(message: Any) -> list[Segment]:
    if isinstance(message, str):
        return read_cq(message)
    if not isinstance(message, list):
        raise UnreadablePayload("the message is neither segments nor text")
    found: list[Segment] = []
    for item in message:
        values = item.get("data") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(item.get("type"), str) or not isinstance(values, dict | None):
            raise UnreadablePayload("a segment cannot be read")
        found.append((item["type"], {str(name): _word(value) for name, value in (values or {}).items()}))
    return found


def _word(value: Any) -> str:
    return value if isinstance(value, str) else "" if isinstance(value, (dict, list, bool)) else str(value)


def _number(event: dict[str, Any], name: str) -> str:
    """A number as digits: clients write most as numbers, some as text; message ids may be negative."""
    value = event.get(name)
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"-?[0-9]{1,20}", text, re.ASCII):
        raise UnreadablePayload(f"{name} is not a number")
    return text


def _time(seconds: str) -> Any:
    if not 0 <= int(seconds) < _LAST_SECOND:
        raise UnreadablePayload("the time is not a sensible number")
    return clock.from_timestamp(int(seconds))
