"""QQ's official bot in the contract suite."""

from dataclasses import replace
from typing import Any

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.qq_official import MAX_TEXT_BYTES, QQOfficial
from bot.messages import Kind, ReplyTo
from bot.simulator.qq_push import Pushed, private_message, push
from tests.conftest import MORNING
from tests.support.drills.base import Drill

APP_ID, SECRET, ACCESS = "102000001", "a-secret-of-a-test-bot", "a-drill-token-of-the-bot"
WOMAN = "0123456789ABCDEF0123456789ABCDEF"


def settings(base: str) -> dict[str, Any]:
    """The section `channels.qq_official`."""
    return {"app_id": APP_ID, "secret": SECRET, "api_base": base, "token_base": base}


def as_request(pushed: Pushed) -> WebhookRequest:
    """A signed push as our web layer hands it over."""
    return WebhookRequest("POST", {}, pushed.headers, pushed.body, clock.now())


def answer(path: str, body: Any) -> Any:
    """What QQ answers when all is well; the token's life is text."""
    if path.endswith("getAppAccessToken"):
        return {"access_token": ACCESS, "expires_in": "7200"}
    return {"id": "ROBOT1.0_of-qq", "timestamp": "2026-11-24T09:00:00+08:00"}


def _request(text: str, at: float, number: int) -> WebhookRequest:
    return as_request(push(SECRET, APP_ID, private_message(WOMAN, text, f"ROBOT1.0_{number}", at=at), at=at))


def _forge(request: WebhookRequest) -> WebhookRequest:
    return replace(request, body=request.body + b" ")


DRILL = Drill(
    channel=QQOfficial,
    settings=settings,
    answer=answer,
    send_path=f"/v2/users/{WOMAN}/messages",
    secrets=(SECRET, ACCESS),
    recipient=WOMAN,
    most=MAX_TEXT_BYTES,
    request=_request,
    forge=_forge,
    throttled={"code": 22009, "message": "msg limit exceed"},
    expired={"code": 11244, "message": "token not exist or expire"},
    refused={"code": 304003, "message": "url not allow"},
    gone={"code": 40054003, "message": "not friend"},
    key_of=lambda body: f"{body['msg_id']}:{body['msg_seq']}",
    outbound=lambda base: {"reply_to": ReplyTo("ROBOT1.0_7", Kind.TEXT, MORNING)},
)
