"""Handing a held conversation to a colleague: offered, taken or given back; the holder holds it until it is taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update

from bot.errors import NotFound, StaleConversation, WrongState
from storage.database import AnyRow, Transaction
from storage.models import Contact, Conversation, Staff, Transfer, new_id, table
from storage.repositories.desks import Profile
from storage.repositories.inbox import claim
from storage.repositories.inbox.holding import hold_address
from storage.repositories.inbox.scope import ANSWERING, Scope, look, within

_transfer = table(Transfer).c
_conversation = table(Conversation).c
_contact = table(Contact).c
_staff = table(Staff).c


@dataclass(frozen=True, slots=True)
class Offer:
    """An open transfer; its reason opened."""

    id: str
    conversation_id: str
    from_id: str
    to_id: str | None
    skill: str
    reason: str
    due_at: datetime
    risk: int
    category: str

    def is_for(self, profile: Profile) -> bool:
        """Whether she may take it."""
        if self.from_id == profile.staff_id:
            return False
        return self.to_id == profile.staff_id if self.to_id is not None else profile.has(self.skill)


@dataclass(frozen=True, slots=True)
class Towards:
    """Whom a conversation is offered to: a colleague, or whoever has a skill (a category or language_xx)."""

    staff_id: str | None = None
    skill: str = ""


async def offer(
    tx: Transaction, conversation_id: str, from_id: str, to: Towards, *, reason: str, now: datetime, due_at: datetime
) -> str:
    """Offer a conversation she holds; the transfer's id. An open offer of it is withdrawn.

    Raises StaleConversation unless she holds it, WrongState when the colleague does not answer women.
    """
    row = await tx.first(
        select(_conversation.id, _conversation.contact_id, _contact.wrapped_key)
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id, _conversation.state == "held", _conversation.holder_id == from_id)
        .with_for_update(of=table(Conversation), key_share=True)
    )
    if row is None or row.wrapped_key is None:
        raise StaleConversation("这个会话不在你手里，请刷新页面")
    if to.staff_id is not None:
        await _check_colleague(tx, to.staff_id, conversation_id, now, but=from_id)
    await _end(tx, conversation_id, "withdrawn", now)
    transfer_id = await _insert(
        tx, row, {"from_id": from_id, "to_id": to.staff_id, "skill": to.skill, "due_at": due_at}, reason, now
    )
    await _touch(tx, conversation_id)
    return transfer_id


async def accept(tx: Transaction, transfer_id: str, profile: Profile, scope: Scope, now: datetime) -> str:
    """Take what was offered to her; the conversation's id. Exactly one of many who try gets it.

    Raises NotFound when it is not offered to her or not hers to see, StaleConversation when it is no longer open.
    """
    row = await _find(tx, transfer_id, scope)
    if row.from_id == profile.staff_id or not (
        row.to_id == profile.staff_id or (row.to_id is None and profile.has(row.skill))
    ):
        raise NotFound
    if await _answer(tx, transfer_id, "accepted", profile.staff_id, now):
        moved = await tx.execute(
            update(table(Conversation))
            .where(
                _conversation.id == row.conversation_id,
                _conversation.state == "held",
                _conversation.holder_id == row.from_id,
            )
            .values(holder_id=profile.staff_id, held_at=now, version=_conversation.version + 1)
        )
        if moved.rowcount:
            return str(row.conversation_id)
    raise StaleConversation("这次转接已经结束：对方收回了，或者别的同事已接")


async def give_back(tx: Transaction, transfer_id: str, profile: Profile, scope: Scope, now: datetime) -> str:
    """Decline, or take one's own offer back; the conversation's id. Raises NotFound and StaleConversation."""
    row = await _find(tx, transfer_id, scope)
    own = row.from_id == profile.staff_id
    # Offered to whoever has a skill, it stays open for the others when one of them cannot take it.
    if not own and row.to_id != profile.staff_id:
        raise NotFound
    if not await _answer(tx, transfer_id, "withdrawn" if own else "returned", profile.staff_id, now):
        raise StaleConversation("这次转接已经结束，请刷新页面")
    await _touch(tx, row.conversation_id)
    return str(row.conversation_id)


async def reassign(
    tx: Transaction, conversation_id: str, staff_id: str, *, by: str, reason: str, scope: Scope, now: datetime
) -> str | None:
    """A supervisor (`by`) gives a conversation to somebody, whoever holds it or nobody; who held it before.

    Raises NotFound, and WrongState when it is closed or the colleague may not take it.
    """
    await hold_address(tx, conversation_id, scope)
    row = await tx.first(
        select(
            _conversation.id,
            _conversation.state,
            _conversation.holder_id,
            _conversation.contact_id,
            _contact.wrapped_key,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id, within(scope), _contact.wrapped_key.is_not(None))
        .with_for_update(of=table(Conversation), key_share=True)
    )
    if row is None:
        raise NotFound
    if row.state == "closed":
        raise WrongState("这个会话已经结束，不能再分配")
    await _check_colleague(tx, staff_id, conversation_id, now)
    await _end(tx, conversation_id, "ended", now)
    if row.state == "held":
        await tx.execute(
            update(table(Conversation))
            .where(_conversation.id == conversation_id)
            .values(holder_id=staff_id, held_at=now, version=_conversation.version + 1)
        )
    else:
        await claim(tx, conversation_id, staff_id, now, scope)
    taken = {"to_id": staff_id, "state": "accepted", "due_at": now, "answered_at": now, "answered_by": by}
    await _insert(tx, row, {"from_id": row.holder_id or by} | taken, reason, now)
    return str(row.holder_id) if row.holder_id else None


async def check_visible(tx: Transaction, transfer_id: str, scope: Scope) -> None:
    """Raises NotFound for a transfer that does not exist, or of a conversation she may not see."""
    await _find(tx, transfer_id, scope)


async def offers(tx: Transaction, scope: Scope, profile: Profile) -> list[Offer]:
    """Open transfers she made or may take, the oldest first."""
    rows = await tx.rows(_OPEN.where(within(scope)).order_by(_transfer.id))
    found = [_offer(tx, row) for row in rows]
    return [one for one in found if one.from_id == profile.staff_id or one.is_for(profile)]


async def offer_of(tx: Transaction, conversation_id: str) -> Offer | None:
    """The open transfer of one conversation."""
    row = await tx.first(_OPEN.where(_transfer.conversation_id == conversation_id))
    return _offer(tx, row) if row is not None else None


async def any_over(tx: Transaction, now: datetime) -> bool:
    """Whether there is an open offer to end; a look that locks nothing."""
    return await tx.first(_OVER.where(_is_over(now)).limit(1)) is not None


async def expire(tx: Transaction, now: datetime) -> Sequence[tuple[str, str]]:
    """Offers nobody took go back, and those of conversations their holder no longer holds end; (id, state)."""
    done = []
    for row in await tx.rows(_OVER.where(_is_over(now))):
        state = "expired" if row.holder_id == row.from_id else "ended"
        if await _answer(tx, row.id, state, None, now):
            await _touch(tx, row.conversation_id)
            done.append((row.conversation_id, state))
    return done


def _is_over(now: datetime) -> ColumnElement[bool]:
    return or_(_transfer.due_at <= now, _conversation.holder_id.is_distinct_from(_transfer.from_id))


_OVER = (
    select(_transfer.id, _transfer.conversation_id, _transfer.from_id, _conversation.holder_id)
    .join(table(Conversation), _conversation.id == _transfer.conversation_id)
    .where(_transfer.state == "offered")
)
_OPEN = (
    select(
        table(Transfer),
        _conversation.risk,
        _conversation.category,
        _conversation.contact_id,
        _conversation.language,
        _contact.wrapped_key,
    )
    .join(table(Conversation), _conversation.id == _transfer.conversation_id)
    .join(table(Contact), _contact.id == _conversation.contact_id)
    .where(_transfer.state == "offered", _conversation.state == "held", _conversation.holder_id == _transfer.from_id)
)


async def _insert(tx: Transaction, talk: AnyRow, values: dict[str, Any], reason: str, now: datetime) -> str:
    key = tx.keys.contact_key(talk.contact_id, talk.wrapped_key)
    row = {
        "id": new_id(),
        "conversation_id": talk.id,
        "to_id": None,
        "skill": "",
        "reason_sealed": key.seal("transfer.reason", reason),
        "state": "offered",
        "offered_at": now,
        "answered_at": None,
        "answered_by": None,
    }
    await tx.insert(Transfer, row | values)
    return str(row["id"])


async def _find(tx: Transaction, transfer_id: str, scope: Scope) -> AnyRow:
    row = await tx.first(
        select(table(Transfer))
        .join(table(Conversation), _conversation.id == _transfer.conversation_id)
        .where(_transfer.id == transfer_id, within(scope))
    )
    if row is None:
        raise NotFound
    return row


async def _answer(tx: Transaction, transfer_id: str, state: str, staff_id: str | None, now: datetime) -> bool:
    changed = await tx.execute(
        update(table(Transfer))
        .where(_transfer.id == transfer_id, _transfer.state == "offered")
        .values(state=state, answered_at=now, answered_by=staff_id)
    )
    return bool(changed.rowcount)


async def _end(tx: Transaction, conversation_id: str, state: str, now: datetime) -> None:
    await tx.execute(
        update(table(Transfer))
        .where(_transfer.conversation_id == conversation_id, _transfer.state == "offered")
        .values(state=state, answered_at=now)
    )


async def _touch(tx: Transaction, conversation_id: str) -> None:
    """Both desks see it at once."""
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.id == conversation_id)
        .values(version=_conversation.version + 1)
    )


async def _check_colleague(
    tx: Transaction, staff_id: str, conversation_id: str, now: datetime, but: str = ""
) -> None:
    """Raises WrongState unless she answers women and may see this one; why she may not is nobody's business."""
    row = await tx.first(
        select(_staff.id, _staff.role, _staff.area_id).where(
            _staff.id == staff_id, _staff.active, _staff.role.in_(ANSWERING), _staff.id != but
        )
    )
    if row is not None:
        sight = await look(tx, row.id, row.role, row.area_id, now)
        if await tx.first(select(_conversation.id).where(_conversation.id == conversation_id, within(sight))):
            return
    raise WrongState("不能转给这位同事，请选别人")


def _offer(tx: Transaction, row: AnyRow) -> Offer:
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    return Offer(
        row.id,
        row.conversation_id,
        row.from_id,
        row.to_id,
        row.skill,
        key.open("transfer.reason", row.reason_sealed),
        row.due_at,
        row.risk,
        row.category,
    )
