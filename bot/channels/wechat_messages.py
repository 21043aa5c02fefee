"""Messages and events as the official account and WeCom's app write them in XML, and the text reply to them.

The two differ in whose account it is and which events there are; fields, numbers and times are the same.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot import clock
from bot.channels.wechat_xml import Node, flatten, text_of
from bot.errors import UnreadablePayload
from bot.messages import InboundMessage, Kind, Location, Media

_LAST_SECOND = 4_102_444_800  # 2100: later times are garbage
_UNSUPPORTED = "【收到不支持的消息类型"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_MEDIA_KINDS = {
    "image": Kind.IMAGE,
    "voice": Kind.VOICE,
    "video": Kind.VIDEO,
    "shortvideo": Kind.VIDEO,
}
_COMMON = frozenset({"ToUserName", "FromUserName", "CreateTime", "MsgType"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """Whose messages these are, and what each event is by its name in small letters."""

    channel: str
    account: str
    event_kinds: Mapping[str, Kind]


def read_message(node: Node, dialect: Dialect) -> InboundMessage:
    """The message in a verified body. Raises UnreadablePayload when a required field is missing or garbage."""
    sender, kind = text_of(node, "FromUserName"), text_of(node, "MsgType").lower()
    if not sender or not kind or len(sender) > 128:
        raise UnreadablePayload("sender or type is missing")
    seconds = _number(node, "CreateTime", _LAST_SECOND)
    if kind == "event":
        return _event(node, dialect, sender, seconds)
    number = _number(node, "MsgId", 2**64)
    found: dict[str, Any] = {
        "channel": dialect.channel,
        "account": dialect.account,
        "sender": sender,
        "dedupe_key": f"m:{number}",
        "sent_at": clock.from_timestamp(seconds),
        "order": number & (2**63 - 1),
        "platform_id": str(number),
    }
    if kind == "text":
        content = text_of(node, "Content")
        if content.startswith(_UNSUPPORTED):
            return InboundMessage(kind=Kind.UNKNOWN, extra={"MsgType": "unsupported"}, **found)
        return InboundMessage(kind=Kind.TEXT, text=content, **found)
    if kind in _MEDIA_KINDS:
        media = Media(text_of(node, "MediaId"), text_of(node, "PicUrl"), text_of(node, "Format"))
        return InboundMessage(
            kind=_MEDIA_KINDS[kind], media=media, text=text_of(node, "Recognition").strip(), **found
        )
    if kind == "location":
        # X is the latitude, Y the longitude, whatever the names suggest.
        place = _place(node, "Location_X", "Location_Y", text_of(node, "Label"))
        return InboundMessage(kind=Kind.LOCATION, location=place, **found)
    extra = {name: value for name, value in flatten(node).items() if name not in _COMMON}
    if kind == "link":
        return InboundMessage(kind=Kind.LINK, text=text_of(node, "Title"), extra=extra, **found)
    return InboundMessage(kind=Kind.UNKNOWN, extra={"MsgType": kind[:32], **extra}, **found)


def _event(node: Node, dialect: Dialect, sender: str, seconds: int) -> InboundMessage:
    name, key = text_of(node, "Event"), text_of(node, "EventKey")
    kind = dialect.event_kinds.get(name.lower(), Kind.UNKNOWN)
    # Two different events of one person in one second are two events.
    number = text_of(node, "MsgID")
    dedupe_key = "e:" + ":".join(filter(None, (sender, str(seconds), name, key, number)))
    extra: dict[str, str] = {}
    if kind in (Kind.RECEIPT, Kind.UNKNOWN):
        extra = {field: value for field, value in flatten(node).items() if field not in _COMMON}
        if name.startswith("subscribe_msg_"):
            dedupe_key += ":" + hashlib.sha256(repr(sorted(extra.items())).encode()).hexdigest()[:16]
    place = None
    if name.upper() == "LOCATION":
        place = _place(node, "Latitude", "Longitude", "")
    return InboundMessage(
        channel=dialect.channel,
        account=dialect.account,
        sender=sender,
        dedupe_key=dedupe_key,
        kind=kind,
        sent_at=clock.from_timestamp(seconds),
        key=key.removeprefix("qrscene_") if kind is Kind.FOLLOW else key,
        location=place,
        extra=extra,
    )


def _place(node: Node, latitude: str, longitude: str, label: str) -> Location:
    try:
        place = Location(float(text_of(node, latitude)), float(text_of(node, longitude)), label)
    except ValueError:
        raise UnreadablePayload("the place is not two numbers") from None
    if not (-90 <= place.latitude <= 90 and -180 <= place.longitude <= 180):
        raise UnreadablePayload("the place is not on this earth")
    return place


def _number(node: Node, name: str, limit: int) -> int:
    text = text_of(node, name).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= limit:
        raise UnreadablePayload(f"{name} is not a sensible number")
    return int(text)


def legal(text: str) -> str:
    """`text` without the characters XML forbids and platforms choke on."""
    return _ILLEGAL.sub("", text)


def text_reply(sender: str, account: str, text: str, now: str) -> bytes:
    """A passive text reply to `sender`, not yet encrypted; `now` in seconds."""
    return (
        f"<xml><ToUserName><![CDATA[{_cdata(sender)}]]></ToUserName>"
        f"<FromUserName><![CDATA[{_cdata(account)}]]></FromUserName>"
        f"<CreateTime>{now}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content><![CDATA[{_cdata(text)}]]></Content></xml>"
    ).encode()


def _cdata(text: str) -> str:
    """`text` for a CDATA section: the end mark is split over two, characters XML forbids are dropped."""
    return legal(text).replace("]]>", "]]]]><![CDATA[>")
