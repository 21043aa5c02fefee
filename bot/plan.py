"""Who gets a notice, by which address and way, and who does not and why; the gate decides again at sending.

Counting and planning go through the same `Planner`, so that the numbers somebody approves are those that are sent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Any

from bot import clock, gate
from bot.channels.base import Channel, Way, ways_of
from bot.config import Settings
from bot.messages import HeldElsewhere, OutboundClass, Trigger
from storage.database import AnyRow, Transaction
from storage.encryption import Keyring
from storage.repositories import audiences
from storage.repositories.audiences import Audience, Caps, Stretch

#: The channels of the house by name.
Channels = Mapping[str, Channel]
#: Contacts counted at once.
_STRETCH = 2000
#: What staff read when somebody is left out for another reason than the gate's.
REASONS = {
    "staff": "工作人员自己的测试手机，不群发",
    "no_address": "她没有用选定的渠道",
    "window_closed": "平台只许在她来过消息后的一段时间里发，现在过了",
    "window_reserved": "这一轮只剩一条，留给工作人员",
    "no_grant": "她没有允许接收这个订阅通知",
    "month_full": "这个月平台允许发给她的条数用完了",
    "frequency": "最近发给她的通知已经够多",
}


@dataclass(frozen=True, slots=True)
class House:
    """The house's own rules for notices: hours, and how many a woman gets in so many days at most (0: no cap)."""

    zone: str
    quiet_from: time
    quiet_to: time
    most_notices: int = 0
    most_notices_days: int = 30

    @classmethod
    def of(cls, settings: Settings) -> "House":
        """The rules as the settings have them."""
        service, campaigns = settings.service, settings.campaigns
        return cls(
            service.timezone,
            service.quiet_from,
            service.quiet_to,
            most_notices=campaigns.most_per_woman,
            most_notices_days=campaigns.most_per_woman_days,
        )

    def caps(self, now: datetime) -> Caps:
        """From when on what she got counts: by our cap, and by the calendar month platforms count in."""
        local = clock.local(now, self.zone)
        month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return Caps(now - timedelta(days=self.most_notices_days), month.astimezone(now.tzinfo))

    def is_quiet(self, now: datetime) -> bool:
        """Whether nobody gets anything now."""
        return not gate.decide(self.situation("", now, consented=True)).allowed

    def situation(self, channel: str, now: datetime, **facts: Any) -> gate.Situation:
        """What the gate decides on for one campaign message."""
        return gate.Situation(
            outbound_class=OutboundClass.CAMPAIGN,
            channel=channel,
            now=now,
            zone=self.zone,
            quiet_from=self.quiet_from,
            quiet_to=self.quiet_to,
            **facts,
        )


@dataclass(frozen=True, slots=True)
class Lane:
    """One channel by one way; `template_id` where the way needs a template she allowed."""

    channel: str
    way: Way
    template_id: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One recipient and where she gets it."""

    contact_id: str
    identity_id: str
    lane: Lane


@dataclass(slots=True)
class Choice:
    """What came of a stretch: who gets it, and why how many do not."""

    chosen: list[Chosen] = field(default_factory=list)
    fallen: Counter[str] = field(default_factory=Counter)


def lanes(channels: Channels, variants: Sequence[Any]) -> tuple[Lane, ...]:
    """The lanes of a campaign in the order they are tried; without variants, every channel by its first way.

    A variant has `channel`, `way` and `extra`. What is not switched on, or cannot push, is left out.
    """
    known = {name: ways_of(channel) for name, channel in channels.items()}
    if not variants:
        firsts = ((name, next(iter(ways.values()))) for name, ways in known.items() if ways)
        return tuple(Lane(name, way) for name, way in firsts if not way.to_groups)
    return tuple(
        Lane(one.channel, known[one.channel][one.way], str(one.extra.get("template_id", "")))
        for one in variants
        if one.way in known.get(one.channel, {})
    )


class Planner:
    """Chooses for one stretch after another at one moment; what the gate said of the same facts is remembered."""

    def __init__(self, house: House, keys: Keyring, ways: Sequence[Lane], channels: Channels, now: datetime) -> None:
        self._house = house
        self._keys = keys
        self._lanes = ways
        self._channels = channels
        self._now = now
        self._said: dict[tuple[Any, ...], str] = {}

    def choose(self, stretch: Stretch) -> Choice:
        """Everybody of the stretch, once."""
        choice = Choice()
        for contact_id, rows in groupby(stretch.rows, key=lambda row: row.id):
            found = self._one(stretch, contact_id, list(rows))
            if isinstance(found, Chosen):
                choice.chosen.append(found)
            else:
                choice.fallen[found] += 1
        return choice

    def _one(self, stretch: Stretch, contact_id: str, rows: list[AnyRow]) -> Chosen | str:
        if contact_id in stretch.staff:
            return "staff"
        if self._house.most_notices and stretch.recent.get(contact_id, 0) >= self._house.most_notices:
            return self._refusal(rows[0]) or "frequency"
        why = ""
        for lane in self._lanes:
            for row in rows:
                if row.channel != lane.channel or row.in_group:
                    continue
                refusal = self._refusal(row) or self._lane_refusal(stretch, lane, row)
                if not refusal:
                    return Chosen(contact_id, row.identity_id, lane)
                why = why or refusal
        return why or self._refusal(rows[0], address=False) or "no_address"

    def _refusal(self, row: AnyRow, *, address: bool = True) -> str:
        """The gate's reason; waiting for an hour is none. Without `address` only what concerns her, not where."""
        facts = {name: getattr(row, name) for name in _FACTS}
        if not address:
            facts["unfollowed"] = False
        if row.wishes_sealed is not None and not row.erased:
            key = self._keys.contact_key(row.id, row.wrapped_key)
            wishes = gate.read_wishes(key.open_json("contact.wishes", row.wishes_sealed, {}))
            return self._ask(row, facts | {"wishes": wishes})
        remembered = (row.channel, row.held_elsewhere, *facts.values())
        if remembered not in self._said:
            self._said[remembered] = self._ask(row, facts)
        return self._said[remembered]

    def _ask(self, row: AnyRow, facts: dict[str, Any]) -> str:
        held = row.held_elsewhere == HeldElsewhere.PERSON
        situation = self._house.situation(row.channel or "", self._now, held_elsewhere=held, **facts)
        verdict = gate.decide(situation)
        return "" if verdict.allowed or verdict.wait_until is not None else verdict.reason

    def _lane_refusal(self, stretch: Stretch, lane: Lane, row: AnyRow) -> str:
        return lane_refusal(
            lane,
            row,
            self._channels[lane.channel],
            now=self._now,
            this_month=stretch.monthly.get((row.id, lane.channel, lane.way.name), 0),
        ) or ("no_grant" if lane.template_id and not _allows(stretch, row, lane) else "")


_FACTS = ("consented", "opted_out", "stopped_all", "locked", "violence_case", "erased", "unfollowed")


def _allows(stretch: Stretch, row: AnyRow, lane: Lane) -> bool:
    return lane.template_id in stretch.templates.get(row.identity_id, frozenset())


def lane_refusal(lane: Lane, row: AnyRow, channel: Channel, *, now: datetime, this_month: int) -> str:
    """What the platform's own rules have against one address: its window, its messages a month."""
    if lane.way.per_month and this_month >= lane.way.per_month:
        return "month_full"
    if not lane.way.keeps_window:
        return ""
    window = channel.window(Trigger(row.window_trigger or Trigger.MESSAGE))
    if window.is_always:
        return ""
    if row.window_opened_at is None or now - row.window_opened_at >= timedelta(seconds=window.seconds):
        return "window_closed"
    # The last one is kept for a person, where one is not all there is.
    kept = 1 if window.count > 1 else 0
    return "window_reserved" if row.window_used >= window.count - kept else ""


def by_lane(chosen: Iterable[Chosen]) -> Iterator[tuple[Lane, list[Chosen]]]:
    """Those chosen, gathered by lane."""
    found: dict[tuple[str, str], tuple[Lane, list[Chosen]]] = {}
    for one in chosen:
        found.setdefault((one.lane.channel, one.lane.way.name), (one.lane, []))[1].append(one)
    yield from found.values()


async def count(
    tx: Transaction,
    house: House,
    channels: Channels,
    audience: Audience,
    variants: Sequence[Any],
) -> tuple[Counter[str], Counter[str]]:
    """How many would get it now by channel, and why how many would not. Reads every contact of the audience once."""
    now = clock.now()
    planner = Planner(house, tx.keys, lanes(channels, variants), channels, now)
    reached: Counter[str] = Counter()
    fallen: Counter[str] = Counter()
    after = ""
    while True:
        stretch = await audiences.read_stretch(tx, audience, after, limit=_STRETCH, now=now, caps=house.caps(now))
        choice = planner.choose(stretch)
        reached.update(one.lane.channel for one in choice.chosen)
        fallen += choice.fallen
        if stretch.is_last:
            return reached, fallen
        after = stretch.last
