"""How a notice spreads beside the channels: as typed, short links and clicks, groups without a bot, forwarding."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from bot.errors import NotFound
from storage.database import Transaction
from storage.models import (
    Area,
    CampaignDraft,
    CampaignLink,
    ChannelGroup,
    Forwarding,
    PlainGroup,
    Staff,
    TopicSubscription,
    new_id,
    table,
)

_draft = table(CampaignDraft).c
_link = table(CampaignLink).c
_plain = table(PlainGroup).c
_group = table(ChannelGroup).c
_forwarding = table(Forwarding).c
_area = table(Area).c
_staff = table(Staff).c


@dataclass(frozen=True, slots=True)
class Link:
    """A short link: its code, the area whose poster carries it (empty: the texts), how often it was opened."""

    code: str
    area_id: str
    target: str
    clicks: int


@dataclass(frozen=True, slots=True)
class Group:
    """A group a notice can be forwarded to by hand, and who says she did."""

    id: str
    kind: str
    title: str
    area_id: str
    area: str
    keeper_id: str
    keeper: str
    forwarded_at: datetime | None = None


async def keep_written(tx: Transaction, campaign_id: str, written: Mapping[str, Any]) -> None:
    """Keep what was typed."""
    await tx.execute(delete(table(CampaignDraft)).where(_draft.campaign_id == campaign_id))
    row = {"campaign_id": campaign_id, "written": json.dumps(written, ensure_ascii=False)}
    await tx.insert(CampaignDraft, row)


async def written(tx: Transaction, campaign_id: str) -> dict[str, Any] | None:
    """What was typed; None for a campaign that came from somewhere else."""
    row = await tx.first(select(_draft.written).where(_draft.campaign_id == campaign_id))
    return dict(json.loads(row.written)) if row else None


async def set_link(tx: Transaction, campaign_id: str, target: str, now: datetime, *, area_id: str = "") -> str:
    """The code of the campaign's link (of an area's poster), made where there is none, led to `target`."""
    for one in await links(tx, campaign_id):
        if one.area_id == area_id:
            if one.target != target:
                await tx.execute(update(table(CampaignLink)).where(_link.code == one.code).values(target=target))
            return one.code
    code = secrets.token_urlsafe(6)
    row = {"campaign_id": campaign_id, "area_id": area_id or None, "target": target, "created_at": now}
    await tx.insert(CampaignLink, {"id": new_id(), "code": code, **row})
    return code


async def links(tx: Transaction, campaign_id: str) -> list[Link]:
    """All links of a campaign, in the order they were made."""
    rows = await tx.rows(
        select(_link.code, _link.area_id, _link.target, _link.clicks)
        .where(_link.campaign_id == campaign_id)
        .order_by(_link.id)
    )
    return [Link(row.code, row.area_id or "", row.target, row.clicks) for row in rows]


async def follow_link(tx: Transaction, code: str, *, count: bool) -> str:
    """Where a short link leads; with `count` it was opened once more. Raises NotFound."""
    row = await tx.first(select(_link.target).where(_link.code == code))
    if row is None:
        raise NotFound
    if count:
        await tx.execute(update(table(CampaignLink)).where(_link.code == code).values(clicks=_link.clicks + 1))
    return str(row.target)


async def add_group(
    tx: Transaction, *, kind: str, title: str, area_id: str | None, keeper_id: str | None, now: datetime
) -> str:
    """A group nobody's bot is in; its id."""
    group_id = new_id()
    row = {"kind": kind, "title_sealed": tx.keys.house.seal("plain_group.title", title), "area_id": area_id}
    await tx.insert(PlainGroup, {"id": group_id, "keeper_id": keeper_id, "created_at": now, **row})
    return group_id


async def remove_group(tx: Transaction, group_id: str, areas: frozenset[str] | None, now: datetime) -> None:
    """It is gone, or nobody's any more. Raises NotFound for one of other areas."""
    if not any(one.id == group_id for one in await plain_groups(tx, areas)):
        raise NotFound
    await tx.execute(update(table(PlainGroup)).where(_plain.id == group_id).values(removed_at=now))


async def plain_groups(tx: Transaction, areas: frozenset[str] | None) -> list[Group]:
    """Groups without a bot, of these areas (None: all), by area and in the order they were typed in."""
    query = (
        select(_plain.id, _plain.kind, _plain.title_sealed, _plain.area_id, _plain.keeper_id)
        .add_columns(_area.name.label("area"), _staff.name_sealed, _staff.login)
        .outerjoin(table(Area), _area.id == _plain.area_id)
        .outerjoin(table(Staff), _staff.id == _plain.keeper_id)
        .where(_plain.removed_at.is_(None))
        .order_by(_area.code, _plain.id)
    )
    if areas is not None:
        query = query.where(_plain.area_id.in_(areas))
    house = tx.keys.house
    return [
        Group(
            row.id,
            row.kind,
            house.open("plain_group.title", row.title_sealed),
            row.area_id or "",
            row.area or "",
            row.keeper_id or "",
            house.open("staff.name", row.name_sealed) or row.login or "",
        )
        for row in await tx.rows(query)
    ]


async def forwarded(tx: Transaction, campaign_id: str) -> dict[str, datetime]:
    """When which group got it by hand."""
    rows = await tx.rows(select(_forwarding.group_id, _forwarding.at).where(_forwarding.campaign_id == campaign_id))
    return {row.group_id: row.at for row in rows}


async def set_forwarded(
    tx: Transaction, campaign_id: str, group_id: str, staff_id: str, now: datetime, *, done: bool = True
) -> None:
    """Tick a group off, or take it back; safe to repeat."""
    await tx.execute(
        delete(table(Forwarding)).where(_forwarding.campaign_id == campaign_id, _forwarding.group_id == group_id)
    )
    if done:
        row = {"campaign_id": campaign_id, "group_id": group_id, "staff_id": staff_id, "at": now}
        await tx.insert(Forwarding, {"id": new_id(), **row})


async def topics(tx: Transaction) -> list[str]:
    """Topics somebody asked for notices about."""
    column = table(TopicSubscription).c.topic
    return [row.topic for row in await tx.rows(select(column).distinct().order_by(column))]
