"""智能机器人 in the contract suite: late answers go to the address in the message."""

from typing import Any

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.wecom_aibot import MAX_TEXT_BYTES, WeComAIBot
from bot.messages import Kind, ReplyTo
from bot.simulator.wecom_push import Seal, bot_message
from tests.support.drills import wecom
from tests.support.drills.base import Drill

SEAL = Seal(wecom.TOKEN, wecom.KEY)
ADDRESS, CODE = "/cgi-bin/aibot/response", "a-response-code-nobody-may-see"


def settings(base: str) -> dict[str, Any]:
    """The section `channels.wecom_aibot`."""
    return {"token": wecom.TOKEN, "encoding_aes_key": wecom.KEY, "api_base": base}


def payload(number: int | str, kind: str = "text", **fields: Any) -> dict[str, Any]:
    """What the bot hears from one member, alone."""
    return {
        "msgid": f"msg-{number}",
        "aibotid": "AIBOTID",
        "chattype": "single",
        "from": {"userid": wecom.MEMBER},
        "response_url": f"http://127.0.0.1:9{ADDRESS}?response_code={CODE}",
        "msgtype": kind,
    } | fields


def _request(text: str, at: float, number: int) -> WebhookRequest:
    return wecom.as_request(bot_message(SEAL, payload(number, text={"content": text}), at=at))


def _outbound(base: str) -> dict[str, Any]:
    extra = {"response_url": f"{base}{ADDRESS}?response_code={CODE}"}
    return {"reply_to": ReplyTo("msg-7", Kind.TEXT, clock.now(), extra)}


DRILL = Drill(
    channel=WeComAIBot,
    settings=settings,
    answer=lambda path, body: {"errcode": 0, "errmsg": "ok"},
    send_path=ADDRESS,
    secrets=(wecom.TOKEN, wecom.KEY, CODE),
    recipient=wecom.MEMBER,
    most=MAX_TEXT_BYTES,
    request=_request,
    forge=wecom.forged,
    throttled={"errcode": 45009, "errmsg": "api freq out of limit"},
    refused={"errcode": 60140, "errmsg": "response code expired"},
    outbound=_outbound,
)
