"""Canned replies: whose they are, which are shared, and who decides that."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, or_, select, update

from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.models import CannedReply, new_id, table

_reply = table(CannedReply).c


@dataclass(frozen=True, slots=True)
class ReplyView:
    """A canned reply, opened. `state`: own, proposed, shared."""

    id: str
    author_id: str
    state: str
    category: str
    title: str
    text: str
    version: int


async def list_for(tx: Transaction, staff_id: str, *, leads: bool = False) -> list[ReplyView]:
    """What she may see: shared ones and her own; who `leads` sees what others propose too. Shared ones first."""
    seen = [_reply.state == "shared", _reply.author_id == staff_id]
    if leads:
        seen.append(_reply.state == "proposed")
    rows = await tx.rows(select(table(CannedReply)).where(or_(*seen)).order_by(_reply.state.desc(), _reply.id))
    return [_view(tx, row) for row in rows]


async def add(tx: Transaction, *, author_id: str, title: str, text: str, category: str, now: datetime) -> str:
    """A new one of her own; its id."""
    reply_id = new_id()
    row = {"id": reply_id, "author_id": author_id, "state": "own", "version": 1}
    await tx.insert(CannedReply, row | _values(tx, title, text, category) | {"changed_at": now})
    return reply_id


async def change(tx: Transaction, reply: ReplyView, staff_id: str, *, leads: bool, now: datetime) -> None:
    """Keep its words. A proposed one is its author's own again until she proposes it anew. Raises NotFound."""
    found = await tx.execute(
        update(table(CannedReply))
        .where(_reply.id == reply.id, _hers(staff_id, leads=leads))
        .values(
            **_values(tx, reply.title, reply.text, reply.category),
            version=_reply.version + 1,
            changed_at=now,
        )
    )
    if not found.rowcount:
        raise NotFound
    await tx.execute(
        update(table(CannedReply)).where(_reply.id == reply.id, _reply.state == "proposed").values(state="own")
    )


async def propose(tx: Transaction, reply_id: str, staff_id: str, now: datetime) -> None:
    """Ask that everybody may use it. Raises WrongState unless it is her own."""
    mine = (_reply.author_id == staff_id) & (_reply.state == "own")
    await _move(tx, (_reply.id == reply_id) & mine, "proposed", now)


async def publish(tx: Transaction, reply_id: str, version: int, now: datetime) -> None:
    """Everybody may use it, in the words of `version`. Raises WrongState when they are others by now."""
    await _move(tx, _proposed(reply_id, version), "shared", now)


async def give_back(tx: Transaction, reply_id: str, version: int, now: datetime) -> None:
    """It stays its author's own. Raises WrongState when it is not proposed any more."""
    await _move(tx, _proposed(reply_id, version), "own", now)


async def remove(tx: Transaction, reply_id: str, staff_id: str, *, leads: bool) -> None:
    """Take it away for good. Raises NotFound."""
    found = await tx.execute(delete(table(CannedReply)).where(_reply.id == reply_id, _hers(staff_id, leads=leads)))
    if not found.rowcount:
        raise NotFound


def _hers(staff_id: str, *, leads: bool) -> ColumnElement[bool]:
    """What she may change: her own until it is shared; shared ones whoever leads."""
    own: ColumnElement[bool] = (_reply.author_id == staff_id) & (_reply.state != "shared")
    return or_(own, _reply.state == "shared") if leads else own


def _proposed(reply_id: str, version: int) -> ColumnElement[bool]:
    found: ColumnElement[bool] = (_reply.id == reply_id) & (_reply.state == "proposed") & (_reply.version == version)
    return found


async def _move(tx: Transaction, condition: ColumnElement[bool], state: str, now: datetime) -> None:
    moved = await tx.execute(update(table(CannedReply)).where(condition).values(state=state, changed_at=now))
    if not moved.rowcount:
        raise WrongState("这条常用语刚被改过，请刷新页面再看")


def _values(tx: Transaction, title: str, text: str, category: str) -> dict[str, object]:
    house = tx.keys.house
    return {
        "title_sealed": house.seal("canned_reply.title", title),
        "text_sealed": house.seal("canned_reply.text", text),
        "category": category,
    }


def _view(tx: Transaction, row: AnyRow) -> ReplyView:
    house = tx.keys.house
    return ReplyView(
        row.id,
        row.author_id,
        row.state,
        row.category,
        house.open("canned_reply.title", row.title_sealed),
        house.open("canned_reply.text", row.text_sealed),
        row.version,
    )
