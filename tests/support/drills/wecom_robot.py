"""The group robots in the contract suite."""

from typing import Any

from bot.channels.wecom_callback import MAX_TEXT_BYTES
from bot.channels.wecom_robot import WeComRobot
from tests.support.drills.base import Drill

KEY = "693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa"


def _answer(path: str, body: Any) -> Any:
    return {"errcode": 0, "errmsg": "ok"}


DRILL = Drill(
    channel=WeComRobot,
    settings=lambda base: {"keys": {"alarm": KEY}, "api_base": base},
    answer=_answer,
    send_path="/cgi-bin/webhook/send",
    secrets=(KEY,),
    recipient="alarm",
    most=MAX_TEXT_BYTES,
    throttled={"errcode": 45009, "errmsg": "api freq out of limit"},
    refused={"errcode": 93000, "errmsg": "invalid webhook url"},
)
