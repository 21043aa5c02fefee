"""What QQ's official bots are told: messages in private and in groups, and what becomes of the bot there.

Source: protocols §6 (QQ-send-receive/event.md, QQ-group/manage/event.md, QQ-user/manage/event.md). openids differ
per bot, member_openids per group: the same person in a group and in private cannot be joined.
"""

import re
from datetime import UTC, datetime
from typing import Any

from bot import clock
from bot.errors import UnreadablePayload
from bot.messages import GroupChange, InboundMessage, Kind, Media

NAME = "qq_official"
_LAST_SECOND = 4_102_444_800  # 2100: later times are garbage
_MENTION = re.compile(r"<@!?[A-Za-z0-9_-]{1,64}>|<qqbot-at-user[^>]{0,128}/>")
_GROUP_CHANGES = {
    "GROUP_ADD_ROBOT": GroupChange.JOINED,
    "GROUP_DEL_ROBOT": GroupChange.LEFT,
    "GROUP_MSG_REJECT": GroupChange.MUTED,
    "GROUP_MSG_RECEIVE": GroupChange.UNMUTED,
}
_PERSON_EVENTS = {
    "FRIEND_ADD": Kind.FOLLOW,
    "FRIEND_DEL": Kind.UNFOLLOW,
    "C2C_MSG_REJECT": Kind.NOTICE,
    "C2C_MSG_RECEIVE": Kind.NOTICE,
}
#: Events whose id may be answered instead of a message's.
ANSWERABLE = frozenset({Kind.FOLLOW})
_MEDIA = {"image": Kind.IMAGE, "voice": Kind.VOICE, "audio": Kind.VOICE, "video": Kind.VIDEO}


def read_event(event: dict[str, Any], account: str) -> InboundMessage | None:
    """The message in a verified event; None for what is none of our business. Raises UnreadablePayload."""
    name, event_id, body = event.get("t"), event.get("id", ""), event.get("d")
    if not isinstance(name, str) or not isinstance(body, dict) or not isinstance(event_id, str):
        raise UnreadablePayload("type or content is missing")
    if name == "C2C_MESSAGE_CREATE":
        return _message(body, account, _text(_part(body, "author"), "user_openid"))
    if name in ("GROUP_AT_MESSAGE_CREATE", "GROUP_MESSAGE_CREATE"):
        return _group_message(name, body, account)
    if name in _GROUP_CHANGES:
        return InboundMessage(
            channel=NAME,
            account=account,
            sender=_text(body, "op_member_openid", needed=False) or _text(body, "group_openid"),
            dedupe_key=_event_key(name, event_id, body),
            kind=Kind.GROUP,
            sent_at=_event_time(body),
            key=_GROUP_CHANGES[name].value,
            group=_text(body, "group_openid"),
        )
    if name in _PERSON_EVENTS:
        return InboundMessage(
            channel=NAME,
            account=account,
            sender=_text(body, "openid"),
            dedupe_key=_event_key(name, event_id, body),
            kind=_PERSON_EVENTS[name],
            sent_at=_event_time(body),
            platform_id=event_id if _PERSON_EVENTS[name] in ANSWERABLE else "",
        )
    # Members who come and go, taps, and whatever the platform invents: not addressed to us, so not kept.
    return None


def _group_message(name: str, body: dict[str, Any], account: str) -> InboundMessage:
    author = _part(body, "author")
    mentions = body.get("mentions") if isinstance(body.get("mentions"), list) else []
    # With this right the platform tells every word of a group; @all is not said to us.
    spoken_to = name == "GROUP_AT_MESSAGE_CREATE" or any(
        isinstance(one, dict) and one.get("is_you") is True for one in mentions or []
    )
    return _message(
        body,
        account,
        _text(author, "member_openid"),
        group=_text(body, "group_openid"),
        mentioned=spoken_to,
        from_bot=author.get("bot") is True,
    )


def _message(body: dict[str, Any], account: str, sender: str, **place: Any) -> InboundMessage:
    number = _text(body, "id")
    content = _MENTION.sub("", _text(body, "content", needed=False)).strip()
    files = [one for one in body.get("attachments") or [] if isinstance(one, dict)]
    kind, media, extra = Kind.TEXT, None, {}
    if files:
        kind, media = _file(files[0])
        content = content or _text(files[0], "asr_refer_text", needed=False)
        extra = {f"file{at}": address_of(one) for at, one in enumerate(files[1:], 2)}
    elif not content:
        kind, extra = (Kind.TEXT, {}) if place.get("group") else (Kind.UNKNOWN, {"MsgType": "empty"})
    return InboundMessage(
        channel=NAME,
        account=account,
        sender=sender,
        dedupe_key=f"m:{number}",
        kind=kind,
        sent_at=_written_time(body),
        text=content,
        media=media,
        extra=extra,
        platform_id=number,
        **place,
    )


def _file(one: dict[str, Any]) -> tuple[Kind, Media]:
    address, sort = address_of(one), _text(one, "content_type", needed=False)
    return _MEDIA.get(sort.partition("/")[0], Kind.UNKNOWN), Media(address, address, sort[:32])


def address_of(one: dict[str, Any]) -> str:
    """Where a file lies: the platform may leave out the scheme."""
    address = _text(one, "url", needed=False)
    return address if not address or "://" in address else "https://" + address.removeprefix("//")


def _event_key(name: str, event_id: str, body: dict[str, Any]) -> str:
    who = body.get("openid") or body.get("group_openid")
    return f"e:{event_id}" if event_id else f"e:{name}:{who}:{body.get('timestamp')}"


def _event_time(body: dict[str, Any]) -> datetime:
    value = body.get("timestamp")
    seconds = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds < _LAST_SECOND:
        raise UnreadablePayload("the time is not a sensible number")
    return clock.from_timestamp(seconds)


def _written_time(body: dict[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(body, "timestamp"))
    except ValueError:
        raise UnreadablePayload("the time cannot be read") from None
    if moment.tzinfo is None:
        raise UnreadablePayload("the time has no zone")
    return moment.astimezone(UTC)


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise UnreadablePayload(f"{name} is missing")
    return value


def _text(body: dict[str, Any], name: str, *, needed: bool = True) -> str:
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not 0 < len(value) <= 512):
        raise UnreadablePayload(f"{name} is missing or no text")
    return value
