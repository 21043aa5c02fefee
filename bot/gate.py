"""The safe-contact gate: may this be sent to her, here, now? Pure, and the only way out of the house.

Whoever sends asks here: the pipeline before a passive reply, the outbox worker before every other send. Live
answers skip quiet hours and opt-out; while a 安全词 lock is on, only answers to what was said after it go out.
Everything we start ourselves passes her wishes, quiet hours, opt-out and consent (safety.md, "The phone may be
in the wrong hands").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from bot import clock
from bot.messages import OutboundClass


@dataclass(frozen=True, slots=True)
class Wishes:
    """What she said about being contacted. Empty `channels` and `days` mean "no wish"; times are local."""

    channels: tuple[str, ...] = ()
    days: tuple[int, ...] = ()  # ISO weekdays 1–7
    not_before: time | None = None
    not_after: time | None = None
    do_not_initiate: bool = False
    allow_broadcast: bool = False
    cover_story: str = ""


def read_wishes(stored: Mapping[str, Any]) -> Wishes:
    """Her wishes from the JSON kept in the database; times as HH:MM."""
    return Wishes(
        channels=tuple(stored.get("channels", ())),
        days=tuple(day for day in stored.get("days", ()) if isinstance(day, int)),
        not_before=time.fromisoformat(stored["not_before"]) if stored.get("not_before") else None,
        not_after=time.fromisoformat(stored["not_after"]) if stored.get("not_after") else None,
        do_not_initiate=bool(stored.get("do_not_initiate")),
        allow_broadcast=bool(stored.get("allow_broadcast")),
        cover_story=str(stored.get("cover_story", "")),
    )


@dataclass(frozen=True, slots=True)
class Situation:
    """All the decision depends on. `live`: she wrote within the platform's window and talks with us."""

    outbound_class: OutboundClass
    channel: str
    now: datetime
    zone: str
    quiet_from: time
    quiet_to: time
    live: bool = False
    wishes: Wishes = field(default_factory=Wishes)
    locked: bool = False
    #: It answers something older than the lock: whoever reads it now may not be she.
    said_before_lock: bool = False
    opted_out: bool = False
    stopped_all: bool = False
    consented: bool = False
    unfollowed: bool = False
    violence_case: bool = False
    erased: bool = False
    #: She spoke to us in a group: everybody there would read it.
    in_group: bool = False
    #: A member of staff answers her in the platform's own client.
    held_elsewhere: bool = False
    #: The bot meant to say it before a person took over; what is urgent (a crisis answer) is never that.
    said_before_hold: bool = False
    #: A supervisor lets this one message or call of staff through, with a reason. It lifts her channels, days and
    #: hours and the house's quiet hours; never "do not initiate", a 安全词 lock, or what makes it impossible.
    override: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`allowed` now, or not before `wait_until`, or never; `reason` names why (REASONS has staff's words)."""

    allowed: bool
    reason: str = ""
    wait_until: datetime | None = None


#: She is "there" so long after her last word: a staff answer then is part of the live chat.
LIVE_CHAT = timedelta(minutes=60)
#: Her telephone among the channels of her wishes.
PHONE = "phone"
#: What staff read when the gate holds something back.
REASONS = {
    "erased": "她的信息已删除，不能再发送",
    "locked": "她发过安全词，为了她的安全暂停一切发送",
    "in_group": "她是在群里说的，群里只有机器人的简短回答；请私下联系她",
    "held_elsewhere": "同事正在企业微信里接待她，这里不能发",
    "held": "接待以后，机器人还没发出的这条不再发",
    "unfollowed": "她已取消关注，收不到消息",
    "stopped_all": "她要求停止一切主动消息",
    "opted_out": "她已退订通知",
    "no_consent": "她没有同意接收通知",
    "violence_case": "她有进行中的人身安全个案，不向她群发",
    "do_not_initiate": "她要求不要主动联系",
    "other_channel": "她没有同意用这个渠道联系",
    "quiet_hours": "现在是免打扰时段，会在时段结束后发送",
    "unsafe_time": "现在不是她说的安全时段，会等到安全时段再发送",
}

_GO = Verdict(True)
#: What an override lifts.
_LIFTED = frozenset({"other_channel", "quiet_hours", "unsafe_time"})


def decide(situation: Situation) -> Verdict:
    """The gate's verdict on one message."""
    refusal = _refusal(situation)
    if refusal:
        return Verdict(False, refusal)
    if situation.outbound_class is OutboundClass.ANSWER or situation.live or _is_overridden(situation):
        return _GO
    return _timing(situation)


def can_be_overridden(reason: str) -> bool:
    """Whether a supervisor's override may lift this refusal."""
    return reason in _LIFTED


def _is_overridden(situation: Situation) -> bool:
    return situation.override and situation.outbound_class is OutboundClass.STAFF


def _refusal(situation: Situation) -> str:
    if situation.erased:
        return "erased"
    if situation.locked and (situation.said_before_lock or situation.outbound_class is not OutboundClass.ANSWER):
        return "locked"
    if situation.in_group and situation.outbound_class is not OutboundClass.ANSWER:
        return "in_group"
    if situation.held_elsewhere:
        return "held_elsewhere"
    if situation.said_before_hold and situation.outbound_class is OutboundClass.ANSWER:
        return "held"
    if situation.unfollowed:
        return "unfollowed"
    if situation.outbound_class is OutboundClass.ANSWER or (
        situation.live and situation.outbound_class is OutboundClass.STAFF
    ):
        return ""
    wishes = situation.wishes
    if wishes.do_not_initiate:
        return "do_not_initiate"
    if wishes.channels and situation.channel not in wishes.channels and not _is_overridden(situation):
        return "other_channel"
    if situation.outbound_class in (OutboundClass.REMINDER, OutboundClass.CAMPAIGN) and situation.stopped_all:
        return "stopped_all"
    if situation.outbound_class is not OutboundClass.CAMPAIGN:
        return ""
    if situation.opted_out:
        return "opted_out"
    if not situation.consented:
        return "no_consent"
    if situation.violence_case and not wishes.allow_broadcast:
        return "violence_case"
    return ""


def _timing(situation: Situation) -> Verdict:
    """Quiet hours and her own safe hours: the first allowed quarter of an hour within eight days."""
    reason = _closed(situation, situation.now)
    if not reason:
        return _GO
    moment = situation.now.replace(second=0, microsecond=0)
    moment -= timedelta(minutes=moment.minute % 15)
    for _ in range(8 * 24 * 4):
        moment += timedelta(minutes=15)
        if not _closed(situation, moment):
            return Verdict(False, reason, moment)
    return Verdict(False, "do_not_initiate")


def _closed(situation: Situation, moment: datetime) -> str:
    local = clock.local(moment, situation.zone)
    if is_quiet(moment, situation.zone, situation.quiet_from, situation.quiet_to):
        return "quiet_hours"
    wishes = situation.wishes
    if wishes.days and local.isoweekday() not in wishes.days:
        return "unsafe_time"
    if (
        wishes.not_before is not None
        and wishes.not_after is not None
        and not _within(local.time(), wishes.not_before, wishes.not_after)
    ):
        return "unsafe_time"
    return ""


def is_open(situation: Situation) -> bool:
    """Whether neither quiet hours nor her own safe hours stand against `now`."""
    return not _closed(situation, situation.now)


def is_quiet(moment: datetime, zone: str, quiet_from: time, quiet_to: time) -> bool:
    """Whether `moment` lies in the quiet hours of `zone`."""
    return _within(clock.local(moment, zone).time(), quiet_from, quiet_to)


def _within(moment: time, begin: time, end: time) -> bool:
    """Whether `moment` lies in a span of the day that may cross midnight; an empty span holds nothing."""
    if begin <= end:
        return begin <= moment < end
    return moment >= begin or moment < end
