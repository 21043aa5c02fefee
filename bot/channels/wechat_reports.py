"""What WeChat reports of our own messages: template and mass messages, subscription notices and what she allows.

Source: protocols §1.4 (TEMPLATESENDJOBFINISH, MASSSENDJOBFINISH, subscribe_msg_*_event).
"""

from collections.abc import Mapping

from bot.messages import DeliveryState, Receipt

#: Why the platform does not pass a mass message, by the number in err(…).
_MASS = {
    "10001": "涉嫌广告",
    "20001": "涉嫌政治",
    "20002": "涉嫌色情",
    "20004": "涉嫌社会问题",
    "20006": "涉嫌违法犯罪",
    "20008": "涉嫌欺诈",
    "20013": "涉嫌版权",
    "21000": "涉嫌其他",
    "22000": "涉嫌互推",
}
_TEMPLATE = {
    "user block": "她拒收公众号消息，没有送到",
    "system failed": "微信系统失败，没有送到，可以补发",
    "freq limit": "微信限制了频率，没有送到，可以补发",
}


def read_reports(event: str, extra: Mapping[str, str]) -> tuple[Receipt, ...]:
    """The receipts in an event, by its name in small letters and its fields as plain strings."""
    match event:
        case "templatesendjobfinish":
            return (_template(extra),)
        case "masssendjobfinish":
            return (_mass(extra),)
        case "subscribe_msg_sent_event":
            return tuple(_sent(one) for one in _items(extra, "SubscribeMsgSentEvent"))
        case "subscribe_msg_popup_event":
            return tuple(_grant(one) for one in _items(extra, "SubscribeMsgPopupEvent"))
        case "subscribe_msg_change_event":
            return tuple(_grant(one) for one in _items(extra, "SubscribeMsgChangeEvent"))
    return ()


def _template(extra: Mapping[str, str]) -> Receipt:
    status = extra.get("Status", "")
    if status.strip() == "success":
        return Receipt(DeliveryState.DELIVERED, platform_id=extra.get("MsgID", ""))
    why = status.partition(":")[2].strip()
    sentence = _TEMPLATE.get(why, f"微信说没有送到（{why[:32]}）")
    return Receipt(DeliveryState.FAILED, platform_id=extra.get("MsgID", ""), code=why[:32], sentence=sentence)


def _mass(extra: Mapping[str, str]) -> Receipt:
    """A whole mass message: the platform says to how many it went, never to whom."""
    status, number = extra.get("Status", ""), extra.get("MsgID", "")
    sent = extra.get("SentCount", "")
    if status == "send success":
        count = int(sent) if sent.isascii() and sent.isdigit() else 0
        return Receipt(DeliveryState.DELIVERED, platform_id=number, kind="mass", sent_count=count)
    code = status.removeprefix("err(").removesuffix(")")
    reason = _MASS.get(code, code[:32])
    sentence = f"微信没有发出这次群发：{reason}。请修改内容后另发"
    return Receipt(DeliveryState.FAILED, platform_id=number, kind="mass", code=code[:32], sentence=sentence)


def _sent(item: Mapping[str, str]) -> Receipt:
    code = item.get("ErrorCode", "0")
    if code == "0":
        return Receipt(DeliveryState.DELIVERED, platform_id=item.get("MsgID", ""))
    sentence = f"订阅通知没有送到（{item.get('ErrorStatus', code)[:32]}）"
    return Receipt(DeliveryState.FAILED, platform_id=item.get("MsgID", ""), code=code[:32], sentence=sentence)


def _grant(item: Mapping[str, str]) -> Receipt:
    """She allows one more notice by a template, or none any more."""
    accepts = item.get("SubscribeStatusString") == "accept"
    state = DeliveryState.DELIVERED if accepts else DeliveryState.FAILED
    return Receipt(state, platform_id=item.get("TemplateId", "")[:64], kind="grant")


def _items(extra: Mapping[str, str], name: str) -> list[dict[str, str]]:
    """The items of a list that may be one or many, from their paths."""
    found: dict[str, dict[str, str]] = {}
    for path, value in extra.items():
        parts = path.split(".")
        if parts[0] == name and len(parts) >= 3:
            found.setdefault(".".join(parts[:-1]), {})[parts[-1]] = value
    return list(found.values())
