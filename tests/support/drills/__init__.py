"""What the contract suite asks of every channel: one drill each, one line each here."""

from tests.support.drills import (
    onebot,
    qq_official,
    sms,
    webchat,
    wechat_oa,
    wecom,
    wecom_aibot,
    wecom_kf,
    wecom_robot,
)
from tests.support.drills.base import Drill, Provider, provider

__all__ = ["DRILLS", "Drill", "Provider", "provider"]

#: Every channel of CHANNELS has one: the suite fails when one is missing.
DRILLS: list[Drill] = [
    wechat_oa.DRILL,
    wecom.DRILL,
    wecom_kf.DRILL,
    wecom_aibot.DRILL,
    wecom_robot.DRILL,
    qq_official.DRILL,
    onebot.DRILL,
    sms.DRILL,
    webchat.DRILL,
]
