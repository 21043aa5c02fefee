"""The groups the bot is in: met, joined, left, kept in order by cadres; how often it has answered there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.messages import GroupChange
from storage.database import Transaction
from storage.models import Area, ChannelGroup, Staff, new_id, table

_group = table(ChannelGroup).c
_MINUTE = timedelta(minutes=1)

#: Channel, account, the platform's id of the group.
Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group as cadres see it: never the platform's id."""

    id: str
    channel: str
    title: str
    area_id: str
    area: str
    keeper_id: str
    keeper: str
    notices_allowed: bool
    muted: bool
    joined_at: datetime
    left_at: datetime | None
    heard_at: datetime | None


async def find_or_add(tx: Transaction, places: Iterable[Place], now: datetime) -> dict[Place, str]:
    """The id of each group's row, made where it is new; places without a group are left out."""
    found: dict[Place, str] = {}
    for place in sorted(one for one in places if one[2]):
        digest = _digest(tx, place)
        row = await tx.first(select(_group.id).where(_group.address_digest == digest))
        if row is None:
            await tx.insert_if_new(
                ChannelGroup,
                {
                    "id": new_id(),
                    "channel": place[0],
                    "account": place[1],
                    "address_digest": digest,
                    "address_sealed": tx.keys.house.seal("channel_group.address", place[2]),
                    "joined_at": now,
                },
            )
            row = await tx.first(select(_group.id).where(_group.address_digest == digest))
        assert row is not None
        found[place] = row.id
    return found


async def note_change(tx: Transaction, place: Place, change: GroupChange, now: datetime) -> None:
    """The bot joined or left a group, or the group wants nothing from us, or does again; safe to repeat."""
    group_id = (await find_or_add(tx, [place], now))[place]
    values: dict[GroupChange, dict[str, Any]] = {
        GroupChange.JOINED: {"left_at": None, "muted": False},
        GroupChange.LEFT: {"left_at": now},
        GroupChange.MUTED: {"muted": True},
        GroupChange.UNMUTED: {"muted": False},
    }
    await tx.execute(update(table(ChannelGroup)).where(_group.id == group_id).values(**values[change]))


async def count_answer(tx: Transaction, group_id: str, now: datetime, most: int) -> bool:
    """Note that the bot is spoken to in a group; False when it has answered there `most` times this minute."""
    row = await tx.first(
        select(_group.minute_at, _group.minute_answers).where(_group.id == group_id).with_for_update()
    )
    if row is None:
        return False
    fresh = row.minute_at is None or now - row.minute_at >= _MINUTE
    answered = 0 if fresh else row.minute_answers
    values: dict[str, Any] = {"heard_at": now, "left_at": None, "minute_answers": answered + 1}
    if fresh:
        values["minute_at"] = now
    await tx.execute(update(table(ChannelGroup)).where(_group.id == group_id).values(**values))
    return answered < most


async def all_groups(tx: Transaction, areas: frozenset[str] | None) -> list[GroupView]:
    """Groups of these areas and those without one (None: all), the newest first."""
    query = (
        select(
            table(ChannelGroup), table(Area).c.name.label("area"), table(Staff).c.name_sealed, table(Staff).c.login
        )
        .outerjoin(table(Area), table(Area).c.id == _group.area_id)
        .outerjoin(table(Staff), table(Staff).c.id == _group.keeper_id)
        .order_by(_group.id.desc())
    )
    if areas is not None:
        query = query.where(_group.area_id.in_(areas) | _group.area_id.is_(None))
    house = tx.keys.house
    return [
        GroupView(
            id=row.id,
            channel=row.channel,
            title=house.open("channel_group.title", row.title_sealed),
            area_id=row.area_id or "",
            area=row.area or "",
            keeper_id=row.keeper_id or "",
            keeper=house.open("staff.name", row.name_sealed) or row.login or "",
            notices_allowed=row.notices_allowed,
            muted=row.muted,
            joined_at=row.joined_at,
            left_at=row.left_at,
            heard_at=row.heard_at,
        )
        for row in await tx.rows(query)
    ]


async def area_names(tx: Transaction, areas: frozenset[str] | None) -> dict[str, str]:
    """The areas a group may be given to, by id (None: all)."""
    rows = await tx.rows(select(table(Area).c.id, table(Area).c.name).order_by(table(Area).c.code))
    return {row.id: row.name for row in rows if areas is None or row.id in areas}


async def set_group(
    tx: Transaction,
    group_id: str,
    *,
    title: str,
    area_id: str | None,
    keeper_id: str | None,
    notices_allowed: bool,
) -> None:
    """What cadres decide about a group."""
    await tx.execute(
        update(table(ChannelGroup))
        .where(_group.id == group_id)
        .values(
            title_sealed=tx.keys.house.seal("channel_group.title", title) if title else None,
            area_id=area_id,
            keeper_id=keeper_id,
            notices_allowed=notices_allowed,
        )
    )


def _digest(tx: Transaction, place: Place) -> bytes:
    return tx.keys.digest("group", "\0".join(place))
