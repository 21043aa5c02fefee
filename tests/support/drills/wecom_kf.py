"""微信客服 in the contract suite: the callback only says that there is something to fetch."""

from typing import Any

from bot.channels.base import WebhookRequest
from bot.channels.wecom_callback import MAX_TEXT_BYTES
from bot.channels.wecom_kf import WeComKf
from bot.simulator.wecom_push import kf_callback
from tests.support.drills import wecom
from tests.support.drills.base import Drill

KFID, USER = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q", "wmAJ2GCAAAme1XQRC-NI-q0_ZM9ukoAw"


def settings(base: str) -> dict[str, Any]:
    """The section `channels.wecom_kf`."""
    return {name: value for name, value in wecom.settings(base).items() if name != "agent_id"}


def _answer(path: str, body: Any) -> Any:
    if path.endswith("service_state/get"):
        return {"errcode": 0, "errmsg": "ok", "service_state": 1}
    return wecom.answer(path, body)


def _request(text: str, at: float, number: int) -> WebhookRequest:
    return wecom.as_request(kf_callback(wecom.SEAL, KFID, f"token-{number}", at=at))


DRILL = Drill(
    channel=WeComKf,
    settings=settings,
    answer=_answer,
    send_path="/cgi-bin/kf/send_msg",
    secrets=(wecom.SECRET, wecom.TOKEN, wecom.KEY, wecom.ACCESS),
    recipient=f"{KFID} {USER}",
    most=MAX_TEXT_BYTES,
    request=_request,
    forge=wecom.forged,
    throttled={"errcode": 45009, "errmsg": "api freq out of limit"},
    expired={"errcode": 42001, "errmsg": "access_token expired"},
    refused={"errcode": 60011, "errmsg": "no privilege"},
    key_of=lambda body: str(body["msgid"]),
    is_pulled=True,
)
