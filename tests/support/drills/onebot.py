"""OneBot in the contract suite: a client with an HTTP address of its own."""

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.onebot import MAX_TEXT_BYTES, OneBot
from tests.support.drills.base import Drill

SECRET, TOKEN, WOMAN, SELF = "a-secret-of-a-client", "a-token-of-a-client", "12345678", 10001000


def settings(base: str) -> dict[str, Any]:
    """The section `channels.onebot`."""
    return {"secret": SECRET, "access_token": TOKEN, "api_base": base}


def private_message(text: str, at: float, number: int) -> dict[str, Any]:
    """Somebody writes to the bot alone."""
    return {
        "time": int(at),
        "self_id": SELF,
        "post_type": "message",
        "message_type": "private",
        "sub_type": "friend",
        "message_id": number,
        "user_id": int(WOMAN),
        "message": [{"type": "text", "data": {"text": text}}],
        "raw_message": text,
        "font": 0,
    }


def signed(event: Any, secret: str = SECRET) -> WebhookRequest:
    """What the client posts."""
    body = json.dumps(event, ensure_ascii=False).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    headers = {"X-Self-ID": str(SELF), "X-Signature": f"sha1={signature}"}
    return WebhookRequest("POST", {}, headers, body, clock.now())


def _request(text: str, at: float, number: int) -> WebhookRequest:
    return signed(private_message(text, at, number))


def _forge(request: WebhookRequest) -> WebhookRequest:
    return replace(request, body=request.body + b" ")


def answer(path: str, body: Any) -> Any:
    """What a client answers when all is well."""
    return {"status": "ok", "retcode": 0, "data": {"message_id": 77}}


DRILL = Drill(
    channel=OneBot,
    settings=settings,
    answer=answer,
    send_path="/send_private_msg",
    secrets=(SECRET, TOKEN),
    recipient=WOMAN,
    most=MAX_TEXT_BYTES,
    request=_request,
    forge=_forge,
    throttled=web.Response(status=429),
    refused={"status": "failed", "retcode": 100, "data": None},
    has_clock=False,
)
