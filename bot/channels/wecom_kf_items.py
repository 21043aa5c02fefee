"""One item of 微信客服's list as a message: what she sent, what the platform reports, what a member answered.

`sync_msg` is signed by nothing but our own token, so an item that makes no sense must not stop the list: it becomes
UNKNOWN and is kept for staff. Source: protocols §3 (developer.work.weixin.qq.com/document/path/94670, 94699).
"""

import hashlib
import json
from typing import Any

from bot import clock
from bot.messages import DeliveryState, HeldElsewhere, InboundMessage, Kind, Location, Media, Receipt

NAME = "wecom_kf"
_CUSTOMER, _SYSTEM, _MEMBER = 3, 4, 5
_LAST_SECOND = 4_102_444_800  # 2100: later times are garbage
_MEDIA = {"image": Kind.IMAGE, "voice": Kind.VOICE, "video": Kind.VIDEO}
_LINKS = {"link": "title", "channels_shop_product": "title", "miniprogram": "title", "channels": "title"}
#: Why a message of ours did not arrive: for staff.
_FAILURES = {
    0: "微信没有送达，没有说明原因",
    1: "客服账号已经删除，没有送达",
    2: "应用已经关闭，没有送达",
    4: "超过 48 小时她没有来消息，没有送达；请等她再来消息或换安全的方式联系",
    5: "会话已经结束，没有送达；等她再来消息才能发",
    6: "这一轮超过 5 条，没有送达；等她再来消息才能发",
    7: "没有关联视频号，没有送达",
    8: "主体不一致，没有送达",
    9: "主体未认证，没有送达",
    10: "她拒收了客服消息，没有送达；请换别的方式联系",
}
_REFUSED = 10
#: change_type of session_status_change: taken from the pool, passed on, ended by a member, taken back.
_ENDED_SESSION = 3


def read_item(item: dict[str, Any], corp: str, account: str) -> InboundMessage:
    """The message of one item; never raises for what the platform may send."""
    event = _inner(item, "event") if item.get("msgtype") == "event" else {}
    user = str(event.get("external_userid") or item.get("external_userid") or "")
    kfid = str(event.get("open_kfid") or item.get("open_kfid") or account)
    number = str(item.get("msgid") or _digest(item))
    found: dict[str, Any] = {
        "channel": NAME,
        "account": corp,
        # Events of the whole account concern nobody in particular.
        "sender": f"{kfid} {user}"[:128],
        "dedupe_key": f"m:{kfid}:{number}",
        "sent_at": clock.from_timestamp(_seconds(item)),
        "platform_id": number,
    }
    if item.get("msgtype") == "event":
        return _event(event, found)
    if item.get("origin") == _MEMBER:
        return _by_member(item, found)
    return _said(item, found)


def _said(item: dict[str, Any], found: dict[str, Any]) -> InboundMessage:
    kind = str(item.get("msgtype", ""))
    inner = _inner(item, kind)
    if kind == "text":
        menu = str(inner.get("menu_id", ""))
        return InboundMessage(kind=Kind.TEXT, text=_text(inner, "content"), key=menu, **found)
    if kind in _MEDIA:
        media = Media(str(inner.get("media_id", "")), "", "amr" if kind == "voice" else "")
        return InboundMessage(kind=_MEDIA[kind], media=media, **found)
    if kind == "location":
        place = _place(inner)
        if place is not None:
            return InboundMessage(kind=Kind.LOCATION, location=place, **found)
    if kind in _LINKS:
        return InboundMessage(kind=Kind.LINK, text=_text(inner, _LINKS[kind]), **found)
    extra = {"MsgType": kind[:32]} | {name: str(value)[:200] for name, value in inner.items()}
    return InboundMessage(kind=Kind.UNKNOWN, extra=extra, **found)


def _by_member(item: dict[str, Any], found: dict[str, Any]) -> InboundMessage:
    """What a member answered in the WeCom client: a person has the talk, we are silent."""
    kind = str(item.get("msgtype", ""))
    text = _text(_inner(item, kind), "content") if kind == "text" else ""
    return InboundMessage(
        kind=Kind.NOTICE,
        text=text,
        by_member=str(item.get("servicer_userid") or "?")[:64],
        held_elsewhere=HeldElsewhere.PERSON,
        extra={"MsgType": kind[:32]},
        **found,
    )


def _event(event: dict[str, Any], found: dict[str, Any]) -> InboundMessage:
    name = str(event.get("event_type", ""))
    match name:
        case "enter_session":
            return _entered(event, found)
        case "msg_send_fail":
            return _failed(event, found)
        case "session_status_change":
            change = event.get("change_type")
            now = HeldElsewhere.ENDED if change == _ENDED_SESSION else HeldElsewhere.PERSON
            return InboundMessage(kind=Kind.NOTICE, key=name, held_elsewhere=now, **found)
        case "servicer_status_change" | "user_recall_msg" | "servicer_recall_msg":
            recalled = {"recalled": str(event.get("recall_msgid", ""))}
            return InboundMessage(kind=Kind.NOTICE, key=name, extra=recalled, **found)
        case "reject_customer_msg_switch_change":
            refuses = event.get("reject_switch") == 1
            return InboundMessage(kind=Kind.UNFOLLOW if refuses else Kind.NOTICE, key=name, **found)
    extra = {"event_type": name[:64]} | {
        key: str(value)[:200] for key, value in event.items() if key != "welcome_code"
    }
    return InboundMessage(kind=Kind.NOTICE, key=name[:64], extra=extra, **found)


def _entered(event: dict[str, Any], found: dict[str, Any]) -> InboundMessage:
    """She opened the talk: with a welcome code we may greet her, within twenty seconds, once."""
    scene, code = str(event.get("scene_param") or event.get("scene") or ""), str(event.get("welcome_code", ""))
    if not code:
        return InboundMessage(kind=Kind.NOTICE, key=scene[:128], **found)
    return InboundMessage(kind=Kind.FOLLOW, key=scene[:128], extra={"welcome_code": code[:256]}, **found)


def _failed(event: dict[str, Any], found: dict[str, Any]) -> InboundMessage:
    reason = event.get("fail_type")
    number = reason if isinstance(reason, int) else 0
    receipt = Receipt(
        DeliveryState.FAILED,
        row_id=str(event.get("fail_msgid", "")),
        code=f"fail_{number}",
        sentence=_FAILURES.get(number, f"微信没有送达（原因 {number}）"),
    )
    return InboundMessage(
        kind=Kind.UNFOLLOW if number == _REFUSED else Kind.RECEIPT,
        key="msg_send_fail",
        receipt=receipt,
        held_elsewhere=HeldElsewhere.ENDED if number == 5 else None,
        extra={"fail_type": str(number)},
        **found,
    )


def _place(inner: dict[str, Any]) -> Location | None:
    try:
        place = Location(float(inner["latitude"]), float(inner["longitude"]), str(inner.get("name", "")))
    except (KeyError, TypeError, ValueError):
        return None
    on_earth = -90 <= place.latitude <= 90 and -180 <= place.longitude <= 180
    return place if on_earth else None


def _inner(item: dict[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _text(inner: dict[str, Any], name: str) -> str:
    value = inner.get(name, "")
    return value if isinstance(value, str) else ""


def _seconds(item: dict[str, Any]) -> int:
    value = item.get("send_time")
    return value if isinstance(value, int) and 0 < value < _LAST_SECOND else int(clock.timestamp())


def _digest(item: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()[:32]
