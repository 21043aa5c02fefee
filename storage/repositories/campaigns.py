"""Campaigns: written by one, approved by another, planned once a recipient, paused and stopped at any time.

The steps: draft → submitted → (returned to draft, or) approved → scheduled or sending ⇄ paused → done; stopped from
anywhere between. Who takes a step is the console's to check; that nobody approves her own is checked here.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from bot.errors import NotFound, WrongState
from bot.messages import PRIORITY, OutboundClass
from bot.occasions import GAP
from storage.database import Transaction
from storage.models import (
    Campaign,
    CampaignReview,
    CampaignVariant,
    Contact,
    DeliveryBatch,
    Identity,
    Outbox,
    Staff,
    new_id,
    table,
)
from storage.repositories import recipients
from storage.repositories.audiences import Audience

_campaign = table(Campaign).c
_variant = table(CampaignVariant).c
_review = table(CampaignReview).c
_batch = table(DeliveryBatch).c
_contact = table(Contact).c
_identity = table(Identity).c
_staff = table(Staff).c


@dataclass(frozen=True, slots=True)
class Variant:
    """How a campaign reads on one channel by one way; `extra` is what the way needs besides the text."""

    channel: str
    way: str
    text: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Review:
    """What a second person said: comment, returned, approved."""

    staff_id: str
    at: datetime
    verdict: str
    comment: str


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign as the console shows it. Times are aware UTC."""

    id: str
    title: str
    text: str
    status: str
    audience: str
    occasion: str
    created_by: str | None
    approved_by: str | None
    created_at: datetime
    submitted_at: datetime | None
    approved_at: datetime | None
    scheduled_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    planned_at: datetime | None
    fallen: str
    finished_at: datetime | None


_VIEW = select(*(_campaign[name] for name in CampaignView.__dataclass_fields__))


async def create(tx: Transaction, *, title: str, text: str, staff_id: str | None, now: datetime) -> str:
    """A new draft; its id. Without `staff_id` it has no author until somebody changes it."""
    campaign_id = new_id()
    await tx.insert(
        Campaign,
        {"id": campaign_id, "title": title, "text": text, "created_by": staff_id, "created_at": now},
    )
    return campaign_id


async def find(tx: Transaction, campaign_id: str) -> CampaignView:
    """One campaign. Raises NotFound."""
    row = await tx.first(_VIEW.where(_campaign.id == campaign_id))
    if row is None:
        raise NotFound
    return CampaignView(*row)


async def list_all(tx: Transaction, limit: int = 100) -> list[CampaignView]:
    """All campaigns, the newest first."""
    return [CampaignView(*row) for row in await tx.rows(_VIEW.order_by(_campaign.id.desc()).limit(limit))]


async def update_draft(tx: Transaction, campaign_id: str, *, title: str, text: str, staff_id: str) -> None:
    """Change a draft, whose author is who changed it last; one that was submitted goes back to draft.

    Raises WrongState once it is approved.
    """
    await _back_to_draft(tx, campaign_id, staff_id, title=title, text=text)


async def set_audience(tx: Transaction, campaign_id: str, audience: Audience, staff_id: str) -> None:
    """Whom a draft is for. Raises WrongState once it is approved."""
    await _back_to_draft(tx, campaign_id, staff_id, audience=audience.to_json())


async def set_times(
    tx: Transaction, campaign_id: str, staff_id: str, *, scheduled_at: datetime | None, expires_at: datetime | None
) -> None:
    """When a draft is to go out, and when it is too late. Raises WrongState once it is approved."""
    await _back_to_draft(tx, campaign_id, staff_id, scheduled_at=scheduled_at, expires_at=expires_at)


async def set_variants(tx: Transaction, campaign_id: str, variants: Sequence[Variant], staff_id: str | None) -> None:
    """How a draft reads on each channel, in the order ways are tried. Raises WrongState once it is approved."""
    await _back_to_draft(tx, campaign_id, staff_id)
    await tx.execute(delete(table(CampaignVariant)).where(_variant.campaign_id == campaign_id))
    for position, one in enumerate(variants):
        await tx.insert(
            CampaignVariant,
            {
                "id": new_id(),
                "campaign_id": campaign_id,
                "position": position,
                "channel": one.channel,
                "way": one.way,
                "text": one.text,
                "extra": json.dumps(one.extra, ensure_ascii=False) if one.extra else "",
            },
        )


async def variants_of(tx: Transaction, campaign_id: str) -> tuple[Variant, ...]:
    """How a campaign reads on each channel; empty: the same text everywhere, by every channel's first way."""
    rows = await tx.rows(
        select(_variant.channel, _variant.way, _variant.text, _variant.extra)
        .where(_variant.campaign_id == campaign_id)
        .order_by(_variant.position)
    )
    return tuple(Variant(row[0], row[1], row[2], json.loads(row[3]) if row[3] else {}) for row in rows)


async def text_for(tx: Transaction, campaign_id: str, channel: str, way: str) -> Variant:
    """What goes out on one channel by one way. Raises NotFound."""
    for one in await variants_of(tx, campaign_id):
        if (one.channel, one.way) == (channel, way):
            return one
    return Variant(channel, way, (await find(tx, campaign_id)).text)


async def submit(tx: Transaction, campaign_id: str, now: datetime) -> None:
    """Ask for approval. Raises WrongState, also while it has no author or leaves a place open."""
    campaign = await find(tx, campaign_id)
    if campaign.created_by is None:
        raise WrongState("这份草稿是按日历准备的，请先打开「修改」看一遍、填好再提交")
    texts = [campaign.text] + [one.text for one in await variants_of(tx, campaign_id)]
    if gaps := [gap for text in texts for gap in GAP.findall(text)]:
        raise WrongState(f"还有没填的地方：{'、'.join(dict.fromkeys(gaps))}")
    await _step(tx, campaign_id, ("draft",), "只有草稿可以提交审批", status="submitted", submitted_at=now)


async def approve(tx: Transaction, campaign_id: str, staff_id: str, now: datetime, comment: str = "") -> None:
    """Approve it; never one's own. Raises WrongState."""
    await _not_her_own(tx, campaign_id, staff_id)
    await _step(
        tx,
        campaign_id,
        ("submitted",),
        "只有提交了的通知可以批准",
        status="approved",
        approved_by=staff_id,
        approved_at=now,
    )
    await comment_on(tx, campaign_id, staff_id, now, comment=comment, verdict="approved")


async def return_draft(tx: Transaction, campaign_id: str, staff_id: str, now: datetime, comment: str) -> None:
    """Give it back to its author with what is to be changed. Raises WrongState."""
    await _not_her_own(tx, campaign_id, staff_id)
    await _step(tx, campaign_id, ("submitted",), "只有提交了的通知可以退回", status="draft", submitted_at=None)
    await comment_on(tx, campaign_id, staff_id, now, comment=comment, verdict="returned")


async def comment_on(
    tx: Transaction, campaign_id: str, staff_id: str, now: datetime, *, comment: str, verdict: str = "comment"
) -> None:
    """Keep what somebody says of a campaign."""
    row = {"campaign_id": campaign_id, "staff_id": staff_id, "at": now, "verdict": verdict, "comment": comment}
    await tx.insert(CampaignReview, {"id": new_id(), **row})


async def reviews_of(tx: Transaction, campaign_id: str) -> list[Review]:
    """What was said of a campaign, the oldest first."""
    query = select(_review.staff_id, _review.at, _review.verdict, _review.comment)
    rows = await tx.rows(query.where(_review.campaign_id == campaign_id).order_by(_review.id))
    return [Review(*row) for row in rows]


async def schedule(tx: Transaction, campaign_id: str, at: datetime) -> None:
    """Begin to send at that moment. Raises WrongState."""
    await _step(tx, campaign_id, ("approved", "scheduled"), "批准以后才能定时", status="scheduled", scheduled_at=at)


async def start(tx: Transaction, campaign_id: str, now: datetime) -> None:
    """Begin to send. Raises WrongState."""
    await _step(tx, campaign_id, ("approved", "scheduled"), "批准以后才能发送", status="sending", started_at=now)
    tx.wake("campaigns")


async def pause(tx: Transaction, campaign_id: str) -> None:
    """Nothing more goes out until it is resumed, but what is on its way. Raises WrongState."""
    await _step(tx, campaign_id, ("sending",), "正在发送的通知才能暂停", status="paused")


async def resume(tx: Transaction, campaign_id: str) -> None:
    """Go on where it was paused. Raises WrongState."""
    await _step(tx, campaign_id, ("paused",), "暂停了的通知才能继续", status="sending")
    tx.wake("campaigns")


async def stop(tx: Transaction, campaign_id: str, now: datetime) -> None:
    """Stop for good: what is waiting is not sent. Raises WrongState."""
    await _step(
        tx,
        campaign_id,
        ("submitted", "approved", "scheduled", "sending", "paused"),
        "已经结束或停止，不用再停",
        status="stopped",
        finished_at=now,
    )
    tx.wake("campaigns")


async def put_away(tx: Transaction, campaign_id: str) -> None:
    """A draft that is not wanted this year. Raises WrongState once it was handed in."""
    refusal = "这条通知已经提交或发出，请先在通知里退回或停止"
    await _step(tx, campaign_id, ("draft",), refusal, status="declined")


async def take_up(tx: Transaction, campaign_id: str) -> None:
    """A draft that was put away is wanted after all. Raises WrongState."""
    await _step(tx, campaign_id, ("declined",), "这份草稿没有收起来", status="draft")


async def send_again(tx: Transaction, campaign_id: str, now: datetime, *, include_unknown: bool = False) -> int:
    """Send once more to those whose delivery failed, and only where asked expressly to those of whom nobody knows.

    How many. Raises WrongState while it is being sent, and when its time is over.
    """
    campaign = await find(tx, campaign_id)
    if campaign.expires_at is not None and campaign.expires_at <= now:
        raise WrongState("过了这条通知的最后时间，不能再发")
    await _step(tx, campaign_id, ("done", "stopped"), "发完或停止以后才能补发", status="sending", finished_at=None)
    states = ("failed", "unknown") if include_unknown else ("failed",)
    number = await recipients.requeue(tx, campaign_id, states, now)
    tx.wake("campaigns")
    return number


async def clone(
    tx: Transaction, campaign_id: str, *, title: str, occasion: str, staff_id: str | None, now: datetime
) -> str:
    """A new draft with the text, variants and audience of another campaign; its id. Raises NotFound."""
    old = await find(tx, campaign_id)
    made = await create(tx, title=title, text=old.text, staff_id=staff_id, now=now)
    await tx.execute(
        update(table(Campaign))
        .where(_campaign.id == made)
        .values(audience=old.audience, occasion=occasion, cloned_from=campaign_id)
    )
    await set_variants(tx, made, await variants_of(tx, campaign_id), staff_id)
    return made


async def counts(tx: Transaction, campaign_id: str) -> dict[str, int]:
    """Deliveries by state, those of an expired list included, and `planned`, their sum. Raises NotFound."""
    row = await tx.first(select(_campaign.result).where(_campaign.id == campaign_id))
    if row is None:
        raise NotFound
    kept = Counter(json.loads(row.result) if row.result else {})
    found = dict(kept + Counter(await recipients.counts(tx, campaign_id)))
    return found | {"planned": sum(found.values())}


async def preview(tx: Transaction, campaign_id: str, staff_id: str, now: datetime) -> bool:
    """Send the text to the staff member's own phone; False when none is set for her."""
    campaign = await find(tx, campaign_id)
    row = await tx.first(
        select(_contact.id, _contact.wrapped_key, _identity.id.label("identity_id"))
        .join(table(Staff), _staff.preview_contact_id == _contact.id)
        .join(table(Identity), _identity.contact_id == _contact.id)
        .where(_staff.id == staff_id)
        .order_by(_identity.last_inbound_at.desc().nulls_last())
        .limit(1)
    )
    if row is None or row.wrapped_key is None:
        return False
    key = tx.keys.contact_key(row.id, row.wrapped_key)
    await tx.insert(
        Outbox,
        {
            "id": new_id(),
            "idempotency_key": f"preview:{campaign_id}:{new_id()}",
            "outbound_class": OutboundClass.STAFF.value,
            "priority": PRIORITY[OutboundClass.STAFF],
            "contact_id": row.id,
            "identity_id": row.identity_id,
            "staff_id": staff_id,
            "text_sealed": key.seal("outbox.text", campaign.text),
            "said_at": now,
            "created_at": now,
            "not_before": now,
        },
    )
    tx.wake("live")
    return True


async def _not_her_own(tx: Transaction, campaign_id: str, staff_id: str) -> None:
    if (await find(tx, campaign_id)).created_by == staff_id:
        raise WrongState("写的人不能自己批准，请另一位负责人批准")


async def _back_to_draft(tx: Transaction, campaign_id: str, staff_id: str | None, **values: Any) -> None:
    await _step(
        tx,
        campaign_id,
        ("draft", "submitted"),
        "已经批准的通知不能再改；请停止后另写一份",
        status="draft",
        created_by=staff_id,
        submitted_at=None,
        **values,
    )


async def _step(tx: Transaction, campaign_id: str, allowed: Sequence[str], refusal: str, **values: Any) -> None:
    changed = await tx.execute(
        update(table(Campaign)).where(_campaign.id == campaign_id, _campaign.status.in_(allowed)).values(**values)
    )
    if not changed.rowcount:
        await find(tx, campaign_id)
        raise WrongState(refusal)


async def place(tx: Transaction, campaign_id: str, area_id: str | None) -> None:
    """Say whose a campaign is: the area of who wrote it; None is the whole county."""
    await tx.execute(update(table(Campaign)).where(_campaign.id == campaign_id).values(area_id=area_id))


async def list_in(tx: Transaction, areas: frozenset[str] | None, limit: int = 100) -> list[CampaignView]:
    """Campaigns written in these areas (None: all), the newest first."""
    query = _VIEW.order_by(_campaign.id.desc()).limit(limit)
    if areas is not None:
        query = query.where(_campaign.area_id.in_(areas))
    return [CampaignView(*row) for row in await tx.rows(query)]


async def check_visible(tx: Transaction, campaign_id: str, areas: frozenset[str] | None) -> None:
    """Raises NotFound for a campaign of other areas than these (None: all)."""
    row = await tx.first(select(_campaign.area_id).where(_campaign.id == campaign_id))
    if row is None or (areas is not None and row.area_id not in areas):
        raise NotFound
