"""The official account in the contract suite."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.wechat_oa import MAX_TEXT_BYTES, WeChatOA
from bot.simulator.wechat_push import Message, build
from tests.support.drills.base import Drill
from tests.support.wechat import SECRETS, account


def _settings(base: str) -> dict[str, Any]:
    return {
        "token": SECRETS.token,
        "encoding_aes_key": SECRETS.encoding_aes_key,
        "app_id": SECRETS.app_id,
        "app_secret": SECRETS.app_secret,
        "api_base": base,
    }


def _request(text: str, at: float, number: int) -> WebhookRequest:
    push = build(account("safe"), Message.text("o-drill-0001", text, msg_id=number, at=at), signed_at=at)
    return WebhookRequest("POST", dict(parse_qsl(push.query_string)), {}, push.body, clock.now())


def _forge(request: WebhookRequest) -> WebhookRequest:
    return replace(request, query=dict(request.query) | {"msg_signature": "0" * 40})


def _answer(path: str, body: Any) -> Any:
    if path.endswith("stable_token"):
        return {"access_token": "a-drill-token-of-the-account", "expires_in": 7200}
    return {"errcode": 0, "errmsg": "ok"}


DRILL = Drill(
    channel=WeChatOA,
    settings=_settings,
    answer=_answer,
    send_path="/cgi-bin/message/custom/send",
    secrets=(SECRETS.token, SECRETS.encoding_aes_key, SECRETS.app_secret, "a-drill-token-of-the-account"),
    recipient="o-drill-0001",
    most=MAX_TEXT_BYTES,
    request=_request,
    forge=_forge,
    throttled={"errcode": 45011, "errmsg": "api freq limit"},
    expired={"errcode": 42001, "errmsg": "access_token expired"},
    refused={"errcode": 48001, "errmsg": "api unauthorized"},
    gone={"errcode": 43004, "errmsg": "require subscribe"},
)
