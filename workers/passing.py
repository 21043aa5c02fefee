"""The gate before a part of a batch: her wishes, the platform's rules, our cap, as they are at this moment."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot import gate, plan
from bot.channels.base import Channel
from bot.messages import DeliveryState, HeldElsewhere
from storage.database import Transaction
from storage.repositories import audiences, deliveries
from storage.repositories.deliveries import DueDelivery, Outcome


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for all rows of a part: the time, the rules, and what each of them got lately."""

    now: datetime
    rules: plan.House
    lane: plan.Lane
    channel: Channel
    recent: Mapping[str, int] = field(default_factory=dict)
    monthly: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    #: Who allowed the lane's template; looked at only where it has one.
    allowing: Collection[str] = ()

    def judge(self, one: DueDelivery, *, is_repeat: bool = False) -> Outcome | None:
        """None when it may go now; else what becomes of it.

        A repeated request was counted when it was made: only what the gate says of her holds it back.
        """
        verdict = gate.decide(self._situation(one))
        if verdict.wait_until is not None:
            words = gate.REASONS[verdict.reason]
            return Outcome(one.id, DeliveryState.QUEUED, verdict.wait_until, "", verdict.reason, words)
        reason = verdict.reason or ("" if is_repeat else self._counted(one))
        if not reason:
            return None
        return Outcome(one.id, DeliveryState.SKIPPED, self.now, "", reason, words_for(reason))

    def _counted(self, one: DueDelivery) -> str:
        row, lane = one.row, self.lane
        if self.rules.most_notices and self.recent.get(row.id, 0) >= self.rules.most_notices:
            return "frequency"
        if lane.way.needs_template and row.identity_id not in self.allowing:
            return "no_grant"
        month = self.monthly.get((row.id, lane.channel, lane.way.name), 0)
        return plan.lane_refusal(lane, row, self.channel, now=self.now, this_month=month)

    def _situation(self, one: DueDelivery) -> gate.Situation:
        row = one.row
        return self.rules.situation(
            row.channel,
            self.now,
            wishes=gate.read_wishes(one.wishes),
            locked=row.locked,
            opted_out=row.opted_out,
            stopped_all=row.stopped_all,
            consented=row.consented,
            unfollowed=row.unfollowed,
            violence_case=row.violence_case,
            erased=row.erased or not one.address,
            in_group=row.in_group,
            held_elsewhere=row.held_elsewhere == HeldElsewhere.PERSON,
        )


async def moment_of(
    tx: Transaction, rules: plan.House, lane: plan.Lane, channel: Channel, found: list[DueDelivery], now: datetime
) -> Moment:
    """What holds for these rows now; read only where something depends on it."""
    if not found:
        return Moment(now, rules, lane, channel)
    recent, monthly = await audiences.reached_since(
        tx,
        [one.row.id for one in found],
        rules.caps(now),
        cap=bool(rules.most_notices),
        month=bool(lane.way.per_month),
    )
    allowing: set[str] = set()
    if lane.way.needs_template:
        allowing = await deliveries.allowing(tx, [one.row.identity_id for one in found], lane.template_id)
    return Moment(now, rules, lane, channel, recent, monthly, allowing)


def words_for(reason: str) -> str:
    """What staff read for a reason of the gate or of the plan."""
    return gate.REASONS.get(reason) or plan.REASONS[reason]
