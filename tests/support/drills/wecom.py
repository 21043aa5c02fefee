"""WeCom's self-built app in the contract suite."""

from dataclasses import replace
from typing import Any

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.wecom import WeCom
from bot.channels.wecom_callback import MAX_TEXT_BYTES
from bot.simulator.wecom_push import Seal, Sealed, app_message
from tests.support.drills.base import Drill

CORP_ID, AGENT_ID = "ww0123456789abcdef", 1000002
SECRET, TOKEN, KEY = "a-secret-of-a-test-app-000001", "wecomtesttoken1", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
ACCESS = "a-drill-token-of-the-enterprise"
SEAL = Seal(TOKEN, KEY, CORP_ID)
MEMBER = "wang-xiulan"


def settings(base: str) -> dict[str, Any]:
    """The section `channels.wecom`."""
    return {
        "corp_id": CORP_ID,
        "agent_id": AGENT_ID,
        "secret": SECRET,
        "token": TOKEN,
        "encoding_aes_key": KEY,
        "api_base": base,
    }


def as_request(sealed: Sealed, method: str = "POST") -> WebhookRequest:
    """A sealed push as our web layer hands it over."""
    return WebhookRequest(method, sealed.query, {}, sealed.body, clock.now())


def forged(request: WebhookRequest) -> WebhookRequest:
    """The same request with another signature."""
    return replace(request, query=dict(request.query) | {"msg_signature": "0" * 40})


def answer(path: str, body: Any) -> Any:
    """What WeCom answers when all is well."""
    if path.endswith("gettoken"):
        return {"errcode": 0, "errmsg": "ok", "access_token": ACCESS, "expires_in": 7200}
    return {"errcode": 0, "errmsg": "ok", "msgid": "msg-of-wecom-1"}


def _request(text: str, at: float, number: int) -> WebhookRequest:
    return as_request(app_message(SEAL, AGENT_ID, MEMBER, "text", at=int(at), Content=text, MsgId=number))


DRILL = Drill(
    channel=WeCom,
    settings=settings,
    answer=answer,
    send_path="/cgi-bin/message/send",
    secrets=(SECRET, TOKEN, KEY, ACCESS),
    recipient=MEMBER,
    most=MAX_TEXT_BYTES,
    request=_request,
    forge=forged,
    throttled={"errcode": 45009, "errmsg": "api freq out of limit"},
    expired={"errcode": 42001, "errmsg": "access_token expired"},
    refused={"errcode": 60011, "errmsg": "no privilege"},
    gone={"errcode": 0, "errmsg": "ok", "invaliduser": MEMBER},
)
