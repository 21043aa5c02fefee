"""Deliver due rows: claim, commit, pass the gate, call the channel, record each outcome alone.

A row is marked `sending` and committed before the platform is called. Whoever is killed in between leaves a row
nobody repeats: it becomes `unknown` and staff see it, where the platform has no idempotency key; where it has
one, the row is sent again under the same key and the platform drops the second. As many
rows are claimed as are sent at once, so that a kill leaves no more unknown rows than sends in flight.
"""

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from bot import clock, gate
from bot.channels.base import Channel
from bot.errors import RecipientGone, Rejected, SendError, StorageUnavailable, WindowClosed
from bot.messages import (
    DeliveryReceipt,
    DeliveryState,
    HeldElsewhere,
    OutboundClass,
    OutboundMessage,
    Trigger,
    Window,
)
from storage.database import Transaction
from storage.repositories import outbox, overtaken
from storage.repositories.outbox import DueRow
from workers import retry
from workers.alive import is_gone
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

LIVE = (OutboundClass.ANSWER, OutboundClass.STAFF)
BULK = (OutboundClass.REMINDER,)
#: Sends at once; also how many rows a kill can leave unknown.
_AT_ONCE = {LIVE: 8, BULK: 32}
#: A job works so long, then makes room for others.
_JOB_SECONDS = 20.0
#: Longer than any call with its time limits: who claimed a row so long ago on another machine is gone.
_ABANDONED = timedelta(seconds=90)
#: A crisis answer on its way for so long alarms staff, whatever becomes of it.
_CRISIS_LATE = timedelta(seconds=8)
_INTERRUPTED = "发送时程序中断，不知道是否已送达；不会自动重发，请先问她是否收到"
#: Whoever writes there has a file of her own by now: what was meant for the old one is not hers to read.
_PARTED = "这个渠道已经从她名下解除，没有发"
_SEND_SECONDS = 45
_MINUTE, _PACE_WAIT = timedelta(minutes=1), timedelta(seconds=5)


async def deliver(house: WorkerHouse, classes: Collection[OutboundClass] = LIVE) -> int:
    """Send what is due, for at most twenty seconds; how many rows were dealt with."""
    kinds = LIVE if OutboundClass.ANSWER in classes else BULK
    until, dealt_with = clock.monotonic() + _JOB_SECONDS, 0
    while clock.monotonic() < until:
        claimed, settled = await _claim(house, kinds)
        dealt_with += len(claimed) + settled
        if not claimed and not settled:
            return dealt_with
        # Every claimed row is recorded, also if one of them ends in an error nobody foresaw.
        await asyncio.gather(*(_send(house, due) for due in claimed))
    house.wake("outbox" if kinds == LIVE else "bulk")
    return dealt_with


async def recover(house: WorkerHouse) -> None:
    """Find rows whose worker is gone, and crisis answers that take too long."""
    now = clock.now()
    async with house.database.transaction() as tx:
        for row in await outbox.stuck(tx):
            age = now - row.claimed_at
            channel = house.channels.get(row.channel)
            if (is_gone(row.claimed_by) or age > _ABANDONED) and channel is not None and channel.idempotent:
                await outbox.repeat(tx, row, now)
                log.warning("message.repeated", extra={"outbox": row.id})
            elif is_gone(row.claimed_by) or age > _ABANDONED:
                await outbox.give_up_unknown(tx, row, _INTERRUPTED, now)
                log.warning("message.unknown", extra={"outbox": row.id})
            elif row.crisis and age > _CRISIS_LATE:
                await outbox.alarm(tx, row.conversation_id, "crisis_late", now, outbox_id=row.id)


async def _claim(house: WorkerHouse, classes: Collection[OutboundClass]) -> tuple[list[DueRow], int]:
    """Rows to send now, and how many were settled without sending."""
    now = clock.now()
    claimed: list[DueRow] = []
    settled = 0
    naming = [name for name, channel in house.channels.items() if channel.names_what_it_answers]
    async with house.database.transaction() as tx:
        if naming:
            await outbox.fix_replies(tx, naming, classes)
        for due in await outbox.find_due(tx, classes, now, _AT_ONCE[LIVE if classes == LIVE else BULK]):
            refusal = _check(house, due, now) or await _check_pace(tx, house, due, now)
            if refusal is None:
                claimed.append(due)
                continue
            settled += 1
            state, code, sentence, until = refusal
            if until is not None:
                await outbox.postpone(tx, due.id, until, sentence)
            else:
                await outbox.finish(tx, due, state, now=now, code=code, sentence=sentence)
        await outbox.claim(tx, claimed, house.name, now)
        overtaken_ids = await overtaken.give_back(tx, claimed)
    return [due for due in claimed if due.id not in overtaken_ids], settled + len(overtaken_ids)


_Refusal = tuple[DeliveryState, str, str, datetime | None]


def _check(house: WorkerHouse, due: DueRow, now: datetime) -> _Refusal | None:
    """What stands against sending: the gate, a stopped campaign, the platform's window."""
    row = due.row
    if row.parted:
        return DeliveryState.SKIPPED, "parted", _PARTED, None
    if row.expires_at is not None and now >= row.expires_at:
        return DeliveryState.SKIPPED, "too_late", "要说的事已经过了时间，不再发", None
    verdict = gate.decide(_situation(house, due, now))
    if not verdict.allowed:
        return DeliveryState.SKIPPED, verdict.reason, gate.REASONS[verdict.reason], verdict.wait_until
    channel = house.channels.get(row.channel)
    if channel is None:
        return DeliveryState.FAILED, "no_channel", "这个渠道没有启用，请管理员检查设置", None
    reserved = 0 if row.crisis or row.outbound_class == OutboundClass.STAFF else 1
    return _check_window(due, channel, now, reserved)


async def _check_pace(tx: Transaction, house: WorkerHouse, due: DueRow, now: datetime) -> _Refusal | None:
    """What goes beyond the platform's messages a minute is dropped there without a word: it waits here."""
    most = house.channels[due.row.channel].most_per_minute
    if not most or await outbox.sent_since(tx, due.row.identity_id, now - _MINUTE) < most:
        return None
    return DeliveryState.SKIPPED, "pace", "", now + _PACE_WAIT


def _check_window(due: DueRow, channel: Channel, now: datetime, reserved: int) -> _Refusal | None:
    """The platform's own rule: so many in so long after she did something; the last one is kept for a person."""
    row = due.row
    window: Window = channel.window(Trigger(row.window_trigger or Trigger.MESSAGE))
    if window.is_always:
        return None
    if row.window_opened_at is None:
        return DeliveryState.FAILED, "no_window", "她还没有来过消息，微信不让主动发", None
    if now - row.window_opened_at >= timedelta(seconds=window.seconds):
        sentence = "超过平台允许的时间她没有来消息，发不出去；请等她再来消息或换安全的方式联系"
        return DeliveryState.FAILED, "window_closed", sentence, None
    if row.window_used >= window.count:
        return DeliveryState.FAILED, "window_used", "这一轮能发的条数用完了，等她再来消息才能发", None
    # In a group staff never write, and where one message is all there is nothing can be kept.
    kept = reserved if window.count > 1 and not row.group_id else 0
    if row.window_used >= window.count - kept:
        return DeliveryState.FAILED, "window_reserved", "这一轮只剩一条，留给工作人员", None
    return None


def _situation(house: WorkerHouse, due: DueRow, now: datetime) -> gate.Situation:
    row, service = due.row, house.settings.service
    return gate.Situation(
        outbound_class=OutboundClass(row.outbound_class),
        channel=row.channel,
        now=now,
        zone=service.timezone,
        quiet_from=service.quiet_from,
        quiet_to=service.quiet_to,
        live=row.last_inbound_at is not None and now - row.last_inbound_at < gate.LIVE_CHAT,
        wishes=gate.read_wishes(due.wishes),
        locked=row.locked_at is not None,
        said_before_lock=row.locked_at is not None and row.created_at < row.locked_at,
        opted_out=row.opted_out_at is not None,
        stopped_all=row.stopped_all_at is not None,
        consented=row.consented_at is not None,
        unfollowed=row.unfollowed_at is not None,
        violence_case=row.violence_case_at is not None,
        erased=row.erased_at is not None or not due.address,
        in_group=row.group_id is not None,
        held_elsewhere=row.held_elsewhere == HeldElsewhere.PERSON,
        override=row.allowance_id is not None,
        said_before_hold=row.held_at is not None and not row.crisis and row.created_at <= row.held_at,
    )


async def _send(house: WorkerHouse, due: DueRow) -> None:
    channel = house.channels[due.row.channel]
    message = OutboundMessage(
        recipient=due.address,
        text=due.text,
        idempotency_key=due.row.idempotency_key,
        outbound_class=OutboundClass(due.row.outbound_class),
        row_id=due.id,
        group=due.group,
        reply_to=due.reply_to,
        again=due.row.attempts > 0,
        conversation=due.row.conversation_id or "",
    )
    receipt = DeliveryReceipt()
    error: SendError | None = None
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            receipt = await channel.send(message)
    except SendError as problem:
        error = problem
    except Exception as problem:  # nothing is known: never said twice
        log.error("send.crashed", extra={"outbox": due.id, "error": type(problem).__name__})
        error = SendError(_INTERRUPTED, code="crashed", known_unsent=False)
    for _ in range(5):
        try:
            await _record(house, due, error, receipt)
            return
        except StorageUnavailable:
            await asyncio.sleep(1)
    # The row stays `sending` and becomes `unknown`: the outcome could not be written down.
    log.error("outcome.not_recorded", extra={"outbox": due.id})


async def _record(house: WorkerHouse, due: DueRow, error: SendError | None, receipt: DeliveryReceipt) -> None:
    now = clock.now()
    channel = house.channels[due.row.channel]
    async with house.database.transaction() as tx:
        if error is None:
            await outbox.finish(tx, due, DeliveryState.SENT, now=now, platform_id=receipt.platform_id)
            return
        decision = retry.decide(
            error,
            attempt=due.row.attempts + 1,
            now=now,
            created_at=due.row.created_at,
            idempotent=channel.idempotent,
        )
        await outbox.finish(
            tx,
            due,
            decision.state,
            now=now,
            code=decision.code,
            sentence=decision.sentence,
            not_before=decision.not_before,
            counted=not error.known_unsent and decision.state is not DeliveryState.QUEUED,
        )
        if isinstance(error, WindowClosed):
            await outbox.mark_window_used_up(tx, due.row)
        if isinstance(error, RecipientGone):
            await outbox.mark_gone(tx, due.row.identity_id, now)
    level = logging.ERROR if isinstance(error, Rejected) else logging.WARNING
    log.log(level, "message.not_sent", extra={"outbox": due.id, "code": error.code, "state": decision.state.value})
