"""Send what campaigns have planned: claim a batch, then part for part gate, commit, platform, outcome.

Before every part the gate sees each recipient as she is at that moment, and rows are `sending` and committed before
the platform is called. Whoever is killed in between leaves them `unknown`; only where the platform knows a repeated
request by its key are they sent again, the same ones under the same key. A pause, a stop or an opt-out holds from the
next part on. The platform's measure (workers/limiter.py) is asked before rows are taken, so that none waits for it
with its verdict already given.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import clock, plan
from bot.channels.base import BulkChannel, Channel, Notice, NoticeOutcome, Way, ways_of
from bot.errors import RecipientGone, SendError, StorageUnavailable, WindowClosed
from bot.messages import DeliveryState, OutboundClass, OutboundMessage
from storage.database import Transaction
from storage.repositories import campaigns, deliveries, outbox, recipients, reports
from storage.repositories.campaigns import Variant
from storage.repositories.deliveries import Batch, DueDelivery, Outcome
from workers import retry
from workers.alive import is_gone
from workers.house import WorkerHouse
from workers.passing import moment_of

log = logging.getLogger(__name__)

#: A job works so long, then makes room for reminders and files.
_JOB_SECONDS = 5.0
#: Batches one worker has in hand: while one waits for the platform the other asks the database.
_LANES = 2
#: Sends at once, and the most rows a kill leaves unknown in one batch.
_PART = 128
_SEND_SECONDS = 45
#: Longer than any part may take: a batch not renewed for so long has lost its worker.
_ABANDONED = timedelta(seconds=180)
#: So long a platform knows the key of a request (a day), with an hour to spare for clocks.
_KEY_KNOWN = timedelta(hours=20)
_RECORD_TRIES = 60
_REPORTS = 500
_ASK_AGAIN = timedelta(seconds=60)
_INTERRUPTED = "发送时程序中断，不知道是否已送达；不会自动重发"
_TOO_FEW = "这种群发一次至少要两个人，这次只剩一个人，请单独联系"
_NO_WAY = "这个渠道没有启用或不支持这种发法，请管理员检查设置"


@dataclass(slots=True)
class _Work:
    """A batch in hand: where it goes, what it says, and how often it was asked of the platform."""

    batch: Batch
    channel: Channel
    way: Way
    variant: Variant
    attempt: int
    #: When it may be taken up again, if it is not done.
    again_at: datetime

    @property
    def lane(self) -> plan.Lane:
        """As the plan names it."""
        return plan.Lane(self.batch.channel, self.way, str(self.variant.extra.get("template_id", "")))


@dataclass(slots=True)
class _Part:
    """Deliveries that are on their way from this commit on; `seen` counts those looked at."""

    sends: list[DueDelivery] = field(default_factory=list)
    seen: int = 0
    key: str = ""


async def send(house: WorkerHouse) -> int:
    """Work off batches for some seconds, then make room; how many messages were handed to platforms."""
    await recover(house)
    until = clock.monotonic() + _JOB_SECONDS
    async with house.database.reading() as tx:
        more = await recipients.next_due(tx, clock.now())
    if more:
        house.wake("campaigns")  # for another worker; this one's own next turn otherwise
    blocked: dict[tuple[str, str], float] = {}
    return sum(await asyncio.gather(*(_work_off(house, blocked, until) for _ in range(_LANES))))


async def recover(house: WorkerHouse) -> None:
    """Give back batches whose worker is gone: interrupted rows are unknown, or repeated where that is no repeat."""
    now = clock.now()
    async with house.database.transaction() as tx:
        for row in await deliveries.working(tx):
            if not is_gone(row.claimed_by) and now - row.claimed_at < _ABANDONED:
                continue
            batch = Batch(row.id, row.campaign_id, row.channel, row.way, row.attempt, row.claimed_by)
            channel = house.channels.get(batch.channel)
            way = ways_of(channel).get(batch.way) if channel is not None else None
            then: DeliveryState | None = DeliveryState.UNKNOWN
            if way is not None and way.idempotent:
                then = DeliveryState.QUEUED if way.is_plain else None
            number = await deliveries.take_back(tx, batch, now, then=then, sentence=_INTERRUPTED)
            log.warning("batch.taken_back", extra={"batch": batch.id, "rows": number, "state": then or "repeated"})


async def apply_reports(house: WorkerHouse) -> None:
    """Bring deliveries to the truth platforms report, some hundred reports at a time."""
    until = clock.monotonic() + _JOB_SECONDS
    while clock.monotonic() < until:
        async with house.database.transaction() as tx:
            if not await reports.apply(tx, _REPORTS, clock.now()):
                return
    house.wake("reports")


async def _work_off(house: WorkerHouse, blocked: dict[tuple[str, str], float], until: float) -> int:
    sent = 0
    rules = plan.House.of(house.settings)
    while clock.monotonic() < until and not rules.is_quiet(clock.now()):
        now = clock.monotonic()
        for place in [place for place, free_at in blocked.items() if free_at <= now]:
            del blocked[place]
        async with house.database.transaction() as tx:
            batch = await deliveries.claim_batch(tx, house.name, list(blocked), clock.now())
        if batch is not None:
            sent += await _work(house, batch, blocked, until)
        elif blocked:
            await asyncio.sleep(max(min([*blocked.values(), until]) - now, 0.01))
        else:
            break
    return sent


async def _work(house: WorkerHouse, batch: Batch, blocked: dict[tuple[str, str], float], until: float) -> int:
    """One batch, part for part; what is left of it is released."""
    channel = house.channels.get(batch.channel)
    way = ways_of(channel).get(batch.way) if channel is not None else None
    async with house.database.reading() as tx:
        variant = await campaigns.text_for(tx, batch.campaign_id, batch.channel, batch.way)
    if channel is None or way is None:
        await _give_up(house, batch)
        return 0
    work = _Work(batch, channel, way, variant, batch.attempt, clock.now())
    sent = 0
    while clock.monotonic() < until:
        granted = await _granted(house, work, blocked)
        if not granted:
            break
        part = await _take_groups(house, work, granted) if way.to_groups else await _take(house, work, granted)
        await _give_back(house, work, granted, part)
        if part is None or not part.seen:
            break
        sent += len(part.sends)
        if part.sends and not await _record(house, work, part, await _deliver(work, part)):
            break
    await _safely(house, lambda tx: deliveries.release(tx, batch, work.again_at))
    return sent


async def _granted(house: WorkerHouse, work: _Work, blocked: dict[tuple[str, str], float]) -> int:
    """How many rows may be taken: a part, or as many as the platform's measure lets through (0: not now)."""
    most = _PART if work.way.is_plain else work.way.most_at_once
    limit = _limit(house, work)
    if not limit:
        return most
    requests = _PART if work.way.is_plain else 1
    granted, wait = await house.limiter.take(_name(work), requests, limit)
    if not granted:
        blocked[(work.batch.channel, work.batch.way)] = clock.monotonic() + wait
        return 0
    return granted if work.way.is_plain else most


async def _give_back(house: WorkerHouse, work: _Work, granted: int, part: _Part | None) -> None:
    limit = _limit(house, work)
    if not limit:
        return
    used = len(part.sends) if part is not None else 0
    unused = granted - used if work.way.is_plain else int(used == 0)
    await house.limiter.give_back(_name(work), unused, limit)


def _limit(house: WorkerHouse, work: _Work) -> int:
    limits = house.settings.campaigns.per_minute
    return limits.get(_name(work), limits.get(work.batch.channel, 0))


def _name(work: _Work) -> str:
    return f"{work.batch.channel}:{work.batch.way}" if work.batch.way else work.batch.channel


async def _take(house: WorkerHouse, work: _Work, limit: int) -> _Part | None:
    """Choose and mark the next part in one transaction; None when the batch is to be let go."""
    now, lane = clock.now(), work.lane
    async with house.database.transaction() as tx:
        if not await deliveries.renew(tx, work.batch, now):
            return None
        old = [] if work.way.is_plain else await deliveries.interrupted(tx, work.batch)
        if old and now - old[0].row.claimed_at > _KEY_KNOWN:
            await deliveries.settle(tx, [_unknown(one, now) for one in old], now)
            old = []
        found = old or await deliveries.due(tx, work.batch, limit, now)
        moment = await moment_of(tx, plan.House.of(house.settings), lane, work.channel, found, now)
        verdicts = [(one, moment.judge(one, is_repeat=bool(old))) for one in found]
        sends = [one for one, refusal in verdicts if refusal is None]
        outcomes = [refusal for _, refusal in verdicts if refusal is not None]
        if len(sends) < work.way.least_at_once:
            outcomes += [Outcome(one.id, DeliveryState.FAILED, now, "", "too_few", _TOO_FEW) for one in sends]
            sends = []
        if old:
            # Whom the gate keeps out now was part of the request that may have arrived.
            outcomes = [_unknown(one, now) for one in old if one not in sends]
        await deliveries.settle(tx, outcomes, now)
        if sends:
            await _mark(tx, work, sends, now, is_repeat=bool(old))
    if not found:
        work.again_at = now + timedelta(seconds=1)
    return _Part(sends, len(found), f"{work.batch.id}-{work.attempt}")


async def _mark(tx: Transaction, work: _Work, sends: list[DueDelivery], now: datetime, *, is_repeat: bool) -> None:
    if is_repeat:
        return  # marked and counted when it was made
    if not work.way.is_plain:
        await deliveries.count_attempt(tx, work.batch, work.attempt + 1)
        work.attempt += 1
    await _count(tx, work, [one.row.identity_id for one in sends], 1)
    await deliveries.mark_sending(tx, [one.id for one in sends], now)


async def _count(tx: Transaction, work: _Work, identities: list[str], by: int) -> None:
    """Count sends against her window and what she allowed; -1 gives them back."""
    if work.way.keeps_window:
        await deliveries.use_window(tx, identities, by)
    if work.way.needs_template:
        await deliveries.use_grant(tx, identities, work.lane.template_id, -by)


async def _deliver(work: _Work, part: _Part) -> dict[str, SendError | str]:
    """Hand a part to the platform; by row its own id for it, or what went wrong."""
    if work.way.is_plain:
        results = await asyncio.gather(*(_deliver_one(work, one) for one in part.sends))
        return {one.id: result for one, result in zip(part.sends, results, strict=True)}
    assert isinstance(work.channel, BulkChannel)
    by_address = {one.address: one.id for one in part.sends}
    notice = Notice(
        work.way.name,
        work.variant.text,
        tuple(by_address),
        part.key,
        campaign=work.batch.campaign_id,
        extra=work.variant.extra,
    )
    outcome: NoticeOutcome | SendError
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            outcome = await work.channel.send_many(notice)
    except SendError as problem:
        outcome = problem
    except Exception as problem:  # nothing is known: never said twice
        log.error("send.crashed", extra={"batch": work.batch.id, "error": type(problem).__name__})
        outcome = SendError(_INTERRUPTED, code="crashed", known_unsent=False)
    if isinstance(outcome, SendError):
        return dict.fromkeys(by_address.values(), outcome)
    return {row: outcome.refused.get(address, outcome.platform_id) for address, row in by_address.items()}


async def _deliver_one(work: _Work, one: DueDelivery) -> SendError | str:
    message = OutboundMessage(
        recipient=one.address,
        text=work.variant.text,
        idempotency_key=f"campaign:{work.batch.campaign_id}:{one.row.id}",
        outbound_class=OutboundClass.CAMPAIGN,
        row_id=one.id,
        again=one.row.attempts > 0,
    )
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            return (await work.channel.send(message)).platform_id
    except SendError as problem:
        return problem
    except Exception as problem:  # nothing is known: never said twice
        log.error("send.crashed", extra={"delivery": one.id, "error": type(problem).__name__})
        return SendError(_INTERRUPTED, code="crashed", known_unsent=False)


async def _record(house: WorkerHouse, work: _Work, part: _Part, results: dict[str, SendError | str]) -> bool:
    """Write down what became of a part; False when the platform is to be asked again later."""
    now = clock.now()
    errors = {row: result for row, result in results.items() if isinstance(result, SendError)}
    if errors and not work.way.is_plain and work.way.idempotent:
        worst = next(iter(errors.values()))
        if not worst.known_unsent:
            # Nobody knows: the same rows go again under the same key, and the platform drops what it has.
            work.again_at = now + _ASK_AGAIN
            return False
    outcomes: list[Outcome] = []
    uncounted: list[str] = []
    for one in part.sends:
        result = results[one.id]
        if isinstance(result, str):
            outcomes.append(Outcome(one.id, DeliveryState.SENT, now, result))
            continue
        decision = retry.decide(
            result,
            attempt=one.row.attempts + 1,
            now=now,
            created_at=now,
            idempotent=work.way.is_plain and work.way.idempotent,
        )
        again_at = decision.not_before or now
        outcomes.append(Outcome(one.id, decision.state, again_at, "", decision.code, decision.sentence))
        if result.known_unsent or decision.state is DeliveryState.QUEUED:
            uncounted.append(one.row.identity_id)
    if errors:
        kinds = sorted({error.code for error in errors.values()})
        log.warning("part.refused", extra={"batch": work.batch.id, "rows": len(errors), "codes": kinds[:5]})

    async def write(tx: Transaction) -> None:
        await deliveries.settle(tx, outcomes, now)
        await _count(tx, work, [name for name in uncounted if name], -1)
        for one in part.sends:
            error = errors.get(one.id)
            if isinstance(error, RecipientGone) and one.row.identity_id:
                await outbox.mark_gone(tx, one.row.identity_id, now)
            if isinstance(error, WindowClosed) and one.row.identity_id:
                await outbox.mark_window_used_up(tx, one.row)

    if not await _safely(house, write):
        # The rows stay `sending` and become `unknown`: the outcome could not be written down.
        log.error("outcome.not_recorded", extra={"batch": work.batch.id, "rows": len(outcomes)})
    return True


async def _safely(house: WorkerHouse, write: Callable[[Transaction], Awaitable[object]]) -> bool:
    """Write, also when the database is away for a minute; False when it stays away."""
    for _ in range(_RECORD_TRIES):
        try:
            async with house.database.transaction() as tx:
                await write(tx)
            return True
        except StorageUnavailable:
            await asyncio.sleep(1)
    return False


async def _take_groups(house: WorkerHouse, work: _Work, limit: int) -> _Part | None:
    """Groups of the house are nobody: only the hours of the house hold for them."""
    now, rules = clock.now(), plan.House.of(house.settings)
    async with house.database.transaction() as tx:
        if not await deliveries.renew(tx, work.batch, now) or rules.is_quiet(now):
            return None
        rows = await deliveries.due_groups(tx, work.batch, limit, now)
        await deliveries.mark_sending(tx, [row.delivery_id for row in rows], now)
    return _Part([DueDelivery(row, row.recipient.removeprefix("robot:"), {}) for row in rows], len(rows))


async def _give_up(house: WorkerHouse, batch: Batch) -> None:
    """Nothing of a batch can be sent: its channel is off."""
    now = clock.now()
    async with house.database.transaction() as tx:
        if await deliveries.renew(tx, batch, now):
            await deliveries.fail_batch(tx, batch, "no_channel", _NO_WAY, now)
        await deliveries.release(tx, batch, now)


def _unknown(one: DueDelivery, now: datetime) -> Outcome:
    return Outcome(one.id, DeliveryState.UNKNOWN, now, "", "interrupted", _INTERRUPTED)
