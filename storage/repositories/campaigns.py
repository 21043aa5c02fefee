"""Campaigns: written by one, approved by another, planned once a recipient, stopped at any time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from bot.errors import NotFound, WrongState
from bot.messages import PRIORITY, OutboundClass
from storage.database import AnyRow, Transaction
from storage.models import Campaign, Contact, Identity, Outbox, Staff, new_id, table
from storage.repositories import outbox

_campaign = table(Campaign).c
_contact = table(Contact).c
_identity = table(Identity).c
_other = table(Identity).alias("other")
_staff = table(Staff).c
_outbox = table(Outbox).c


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign as the console shows it. Times are aware UTC."""

    id: str
    title: str
    text: str
    status: str
    created_by: str
    approved_by: str | None
    created_at: datetime
    submitted_at: datetime | None
    approved_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


_VIEW = select(*(_campaign[name] for name in CampaignView.__dataclass_fields__))


async def create(tx: Transaction, *, title: str, text: str, staff_id: str, now: datetime) -> str:
    """A new draft; its id."""
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
    await _step(
        tx,
        campaign_id,
        ("draft", "submitted"),
        "已经批准的通知不能再改；请停止后另写一份",
        status="draft",
        title=title,
        text=text,
        created_by=staff_id,
        submitted_at=None,
    )


async def submit(tx: Transaction, campaign_id: str, now: datetime) -> None:
    """Ask for approval. Raises WrongState."""
    await _step(tx, campaign_id, ("draft",), "只有草稿可以提交审批", status="submitted", submitted_at=now)


async def approve(tx: Transaction, campaign_id: str, staff_id: str, now: datetime) -> None:
    """Approve it; never one's own. Raises WrongState."""
    campaign = await find(tx, campaign_id)
    if campaign.created_by == staff_id:
        raise WrongState("写的人不能自己批准，请另一位负责人批准")
    await _step(
        tx,
        campaign_id,
        ("submitted",),
        "只有提交了的通知可以批准",
        status="approved",
        approved_by=staff_id,
        approved_at=now,
    )


async def start(tx: Transaction, campaign_id: str, now: datetime) -> None:
    """Begin to send. Raises WrongState."""
    await _step(tx, campaign_id, ("approved",), "批准以后才能发送", status="sending", started_at=now)
    tx.wake("bulk")


async def stop(tx: Transaction, campaign_id: str, now: datetime) -> None:
    """Stop at once: what is still waiting is not sent. Raises WrongState."""
    await _step(
        tx,
        campaign_id,
        ("submitted", "approved", "sending"),
        "已经结束或停止，不用再停",
        status="stopped",
        finished_at=now,
    )
    await tx.execute(
        update(table(Outbox))
        .where(_outbox.campaign_id == campaign_id, _outbox.state == "queued")
        .values(state="skipped", finished_at=now, error_code="stopped", error_sentence="群发已停止，这条没有发")
    )


async def counts(tx: Transaction, campaign_id: str) -> dict[str, int]:
    """Rows by state, and `planned`, their sum. Raises NotFound."""
    await find(tx, campaign_id)
    found = await outbox.counts_of(tx, campaign_id)
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


async def unplanned(tx: Transaction) -> list[tuple[str, str]]:
    """Campaigns being sent whose recipients are not all planned yet: id and the last contact planned."""
    rows = await tx.rows(
        select(_campaign.id, _campaign.planned_to)
        .where(_campaign.status == "sending", _campaign.planned_at.is_(None))
        .order_by(_campaign.started_at)
        .with_for_update()
    )
    return [(row.id, row.planned_to) for row in rows]


async def candidates(tx: Transaction, after: str, limit: int) -> Sequence[AnyRow]:
    """Contacts after the id `after` with the address a notice takes: the one she used last."""
    newest = (
        select(_other.c.id)
        .where(_other.c.contact_id == _contact.id)
        .order_by(_other.c.last_inbound_at.desc().nulls_last(), _other.c.id)
        .limit(1)
        .correlate(table(Contact))
        .scalar_subquery()
    )
    return await tx.rows(
        select(
            _contact.id,
            _contact.wrapped_key,
            _contact.wishes_sealed,
            _contact.consented_at,
            _contact.opted_out_at,
            _contact.stopped_all_at,
            _contact.locked_at,
            _contact.violence_case_at,
            _contact.erased_at,
            _identity.id.label("identity_id"),
            _identity.channel,
            _identity.unfollowed_at,
        )
        .select_from(table(Contact))
        .join(table(Identity), _identity.id == newest)
        .where(_contact.id > after)
        .order_by(_contact.id)
        .limit(limit)
    )


async def plan_rows(tx: Transaction, campaign_id: str, recipients: Sequence[AnyRow], now: datetime) -> None:
    """One outbox row a recipient; planning the same contact twice keeps the first."""
    for recipient in recipients:
        await tx.insert_if_new(
            Outbox,
            {
                "id": new_id(),
                "idempotency_key": f"campaign:{campaign_id}:{recipient.id}",
                "outbound_class": OutboundClass.CAMPAIGN.value,
                "priority": PRIORITY[OutboundClass.CAMPAIGN],
                "contact_id": recipient.id,
                "identity_id": recipient.identity_id,
                "campaign_id": campaign_id,
                "said_at": now,
                "created_at": now,
                "not_before": now,
            },
        )


async def mark_planned(tx: Transaction, campaign_id: str, planned_to: str, *, done_at: datetime | None) -> None:
    """Remember how far planning went."""
    values: dict[str, Any] = {"planned_to": planned_to}
    if done_at is not None:
        values["planned_at"] = done_at
    await tx.execute(update(table(Campaign)).where(_campaign.id == campaign_id).values(**values))


async def finish_sent(tx: Transaction, now: datetime) -> None:
    """Close campaigns all of whose rows have ended."""
    open_rows = (
        select(func.count())
        .where(_outbox.campaign_id == _campaign.id, _outbox.state.in_(("queued", "sending")))
        .scalar_subquery()
    )
    await tx.execute(
        update(table(Campaign))
        .where(_campaign.status == "sending", _campaign.planned_at.is_not(None), open_rows == 0)
        .values(status="done", finished_at=now)
    )


async def audience(tx: Transaction, against: Callable[[AnyRow], str]) -> dict[str, int]:
    """How many would get a notice now, and why the others would not; `against` names the reason for a row."""
    found = {"all": 0, "will_get": 0}
    after = ""
    while rows := await candidates(tx, after, 1000):
        after = rows[-1].id
        for row in rows:
            found["all"] += 1
            name = against(row) or "will_get"
            found[name] = found.get(name, 0) + 1
    return found


async def _step(tx: Transaction, campaign_id: str, allowed: Sequence[str], refusal: str, **values: Any) -> None:
    changed = await tx.execute(
        update(table(Campaign)).where(_campaign.id == campaign_id, _campaign.status.in_(allowed)).values(**values)
    )
    if not changed.rowcount:
        await find(tx, campaign_id)
        raise WrongState(refusal)
