"""What the gateway pushes: status reports of what we submitted, and what people write back.

Source: protocols §8. The body is JSON, or Base64 of JSON as we submit it; one object or a list of them.
"""

import base64
import binascii
import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from bot.channels.base import WebhookRequest
from bot.channels.sms_text import OPT_OUT, is_opt_out
from bot.config import Section
from bot.errors import UnreadablePayload
from bot.messages import DeliveryState, InboundMessage, Kind, Receipt

NAME = "sms"
#: The gateway's times have no zone; its clocks are in this one.
_CHINA = timezone(timedelta(hours=8))
_MOBILE = re.compile(r"(?:\+?86)?(1[0-9]{10})|([0-9]{3,20})")
_MOST_AT_ONCE = 500


class Names(Section):
    """The gateway's names for its fields: the carriers agree on little."""

    ec_name: str = "ecName"
    ap_id: str = "apId"
    secret_key: str = "secretKey"  # noqa: S105  the name of a field
    mobiles: str = "mobiles"
    content: str = "content"
    template_id: str = "templateId"
    params: str = "params"
    sign: str = "sign"
    add_serial: str = "addSerial"
    mac: str = "mac"
    #: Of the answer to a submit.
    code: str = "rspcod"
    message_id: str = "msgGroup"
    success: str = "success"
    #: Of a status report.
    report_id: str = "msgGroup"
    report_mobile: str = "mobile"
    report_submitted: str = "submitDate"
    report_received: str = "receiveDate"
    report_status: str = "reportStatus"
    report_error: str = "errorCode"
    #: Of what people write.
    uplink_mobile: str = "mobile"
    uplink_text: str = "smsContent"
    uplink_time: str = "sendTime"
    uplink_serial: str = "addSerial"


def read_reports(
    request: WebhookRequest, names: Names, account: str, delivered: tuple[str, ...]
) -> tuple[InboundMessage, ...]:
    """Status reports. Raises UnreadablePayload."""
    return tuple(_report(item, request, names, account, delivered) for item in _items(request.body))


def read_uplinks(request: WebhookRequest, names: Names, account: str) -> tuple[InboundMessage, ...]:
    """What people wrote back; `key` is the extension they wrote to. Raises UnreadablePayload.

    The gateway gives no id, so number, extension, second and text make a message the same message. One of the
    opt-out words carriers know becomes the one word every channel knows.
    """
    found = []
    for item in _items(request.body):
        mobile, sent_at = _mobile(item, names.uplink_mobile), _time(item, names.uplink_time)
        serial, text = _text(item, names.uplink_serial), _text(item, names.uplink_text).strip()
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        found.append(
            InboundMessage(
                channel=NAME,
                account=account,
                sender=mobile,
                dedupe_key=f"m:{mobile}:{serial}:{_text(item, names.uplink_time)}:{digest}",
                kind=Kind.TEXT,
                sent_at=sent_at or request.received_at,
                text=OPT_OUT if is_opt_out(text) else text,
                key=serial,
            )
        )
    return tuple(found)


def _report(
    item: dict[str, Any], request: WebhookRequest, names: Names, account: str, delivered: tuple[str, ...]
) -> InboundMessage:
    group, mobile = _text(item, names.report_id), _mobile(item, names.report_mobile)
    status, error = _text(item, names.report_status), _text(item, names.report_error)
    if not group or not (status or error):
        raise UnreadablePayload("a report without its id or status")
    arrived = any(word.upper() in {status.upper(), error.upper()} for word in delivered)
    code = status if arrived or not error else error
    sentence = "" if arrived else f"短信没有送到（{code[:32]}），请换别的方式联系"
    receipt = Receipt(
        DeliveryState.DELIVERED if arrived else DeliveryState.FAILED,
        platform_id=group[:64],
        code=code[:32],
        sentence=sentence,
        submitted_at=_time(item, names.report_submitted),
    )
    return InboundMessage(
        channel=NAME,
        account=account,
        sender=mobile,
        dedupe_key=f"r:{group}:{mobile}:{status}:{error}",
        kind=Kind.RECEIPT,
        sent_at=_time(item, names.report_received) or request.received_at,
        receipt=receipt,
    )


def _items(body: bytes) -> list[dict[str, Any]]:
    try:
        value = _json(body)
    except ValueError:
        try:
            value = _json(base64.b64decode(b"".join(body.split()), validate=True))
        except (ValueError, binascii.Error):
            raise UnreadablePayload("neither JSON nor Base64 of it") from None
    items = value if isinstance(value, list) else [value]
    if not items or len(items) > _MOST_AT_ONCE or not all(isinstance(item, dict) for item in items):
        raise UnreadablePayload("not an object, nor a list of some")
    return items


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise UnreadablePayload("the JSON is too deep") from None


def _mobile(item: dict[str, Any], name: str) -> str:
    match = _MOBILE.fullmatch(_text(item, name))
    if match is None:
        raise UnreadablePayload("the number is missing or none")
    return match[1] or match[2]


def _time(item: dict[str, Any], name: str) -> datetime | None:
    """A time such as 20261124090000, in China; None where there is none."""
    digits = re.sub(r"[^0-9]", "", _text(item, name))[:14]
    if not digits:
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=_CHINA)
    except ValueError:
        raise UnreadablePayload("the time cannot be read") from None


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if isinstance(value, (bool, dict, list)):
        raise UnreadablePayload(f"{name} is no text")
    return "" if value is None else str(value)
