"""The text message gateway in the contract suite."""

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from aiohttp import web

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.sms import SMS
from bot.channels.sms_text import units
from tests.support.drills.base import Drill

KEY, INBOUND, WOMAN = "demoSecretOfTheGateway", "0123456789abcdefSECRET", "13800138000"


def settings(base: str) -> dict[str, Any]:
    """The section `channels.sms`."""
    return {
        "ec_name": "测试妇联",
        "ap_id": "demoAp",
        "secret_key": KEY,
        "sign": "SIGN0001",
        "inbound_secret": INBOUND,
        "api_base": base,
        "signature_text": "【测试妇联】",
    }


def pushed(what: str, content: Any, secret: str = INBOUND) -> WebhookRequest:
    """What the gateway pushes: a report or an uplink."""
    body = json.dumps(content, ensure_ascii=False).encode()
    return WebhookRequest("POST", {}, {}, body, clock.now(), {"secret": secret, "what": what})


def opened(body: Any) -> dict[str, Any]:
    """A submit as the gateway reads it."""
    value: dict[str, Any] = json.loads(base64.b64decode(body))
    return value


def local(at: float) -> str:
    """A time as the gateway writes it."""
    return datetime.fromtimestamp(at, timezone(timedelta(hours=8))).strftime("%Y%m%d%H%M%S")


def _request(text: str, at: float, number: int) -> WebhookRequest:
    uplink = {"mobile": WOMAN, "smsContent": text, "sendTime": local(at + number), "addSerial": "0001"}
    return pushed("uplink", uplink)


def _forge(request: WebhookRequest) -> WebhookRequest:
    return replace(request, parts=dict(request.parts) | {"secret": INBOUND[:-1]})


def answer(path: str, body: Any) -> Any:
    """What the gateway answers when all is well."""
    return {"rspcod": "success", "msgGroup": "0824151226001000000000", "success": True}


DRILL = Drill(
    channel=SMS,
    settings=settings,
    answer=answer,
    send_path="/sms/norsubmit",
    secrets=(KEY, INBOUND),
    recipient=WOMAN,
    most=500 - 6,
    request=_request,
    forge=_forge,
    throttled=web.Response(status=429),
    refused={"rspcod": "IllegalMac", "msgGroup": "", "success": False},
    size=units,
    has_clock=False,
)
