"""Who holds a conversation: take it, give it back."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, literal, or_, select, update

from bot import clock
from bot.errors import NotFound, StaleConversation, WrongState
from storage.database import AnyRow, Transaction
from storage.models import Contact, Conversation, Identity, table
from storage.repositories.inbox.alarms import see_alarms
from storage.repositories.inbox.scope import Scope, within

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c

#: What the questions of an intake collect, as the form of a conversation names it.
_ANSWERS = ("category", "hurt", "contact", "phone", "hours", "area", "area_id", "summary", "done", "wish")
#: Flows whose answers a person who takes over must not lose, and 「继续」 brings back.
_COLLECTING = frozenset({"intake", "human", "activity"})


async def claim(tx: Transaction, conversation_id: str, staff_id: str, now: datetime, scope: Scope) -> None:
    """Take a conversation: exactly one of many who try at once gets it. What she has answered so far stays.

    Raises StaleConversation when somebody else has it, NotFound outside `scope`, WrongState when it is closed.
    """
    await hold_address(tx, conversation_id, scope)
    before = await tx.first(
        select(
            _conversation.contact_id,
            _conversation.flow,
            _conversation.step,
            _conversation.flow_sealed,
            _conversation.learned_sealed,
            _contact.wrapped_key,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id, within(scope))
        .with_for_update(of=table(Conversation), key_share=True)
    )
    if before is None:
        raise NotFound
    taken = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == conversation_id,
            within(scope),
            or_(
                _conversation.state.in_(("bot", "waiting")),
                (_conversation.state == "held") & (_conversation.holder_id == staff_id),
            ),
        )
        .values(
            state="held",
            holder_id=staff_id,
            # Not before what a turn that held the row until now has answered.
            held_at=max(now, clock.now()),
            flow="",
            step="",
            flow_sealed=None,
            version=_conversation.version + 1,
            **_answered(tx, before),
        )
    )
    if taken.rowcount:
        await see_alarms(tx, conversation_id, staff_id, now)
        return
    row = await tx.first(select(_conversation.state).where(_conversation.id == conversation_id, within(scope)))
    if row is not None and row.state == "closed":
        raise WrongState("这个会话已经结束，不能再接")
    raise StaleConversation("已经有同事接了这个会话")


async def hold_address(tx: Transaction, conversation_id: str, scope: Scope) -> None:
    """Hold her address until the commit, before her conversation: what she writes and the outbox lock in this order.

    The outbox writes to her address before it sends: from here on it sees that a person has taken over.
    """
    await tx.first(
        select(_identity.id)
        .join(table(Conversation), _conversation.identity_id == _identity.id)
        .where(_conversation.id == conversation_id, within(scope))
        .with_for_update(of=table(Identity), key_share=True)
    )


def _answered(tx: Transaction, row: AnyRow) -> dict[str, Any]:
    """What the bot learned, with the flow that is broken off: nothing when there is none that collects."""
    if row.flow not in _COLLECTING or row.flow_sealed is None or row.wrapped_key is None:
        return {}
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    data = key.open_json("conversation.flow", row.flow_sealed, {})
    learned = key.open_json("conversation.learned", row.learned_sealed, {})
    if row.flow == "intake":
        learned |= {name: data[name] for name in _ANSWERS if data.get(name)}
    learned["set_aside"] = {"flow": row.flow, "step": row.step, "data": data}
    return {"learned_sealed": key.seal_json("conversation.learned", learned)}


async def hand_back(tx: Transaction, conversation_id: str, staff_id: str, now: datetime) -> None:
    """Give a conversation back into the queue. Raises StaleConversation unless she holds it."""
    await release(
        tx,
        conversation_id,
        staff_id,
        state="waiting",
        # Somebody who was answered begins to wait anew; who was not keeps her place.
        waiting_since=case(
            (
                and_(_conversation.answered_at.is_(None), _conversation.waiting_since.is_not(None)),
                _conversation.waiting_since,
            ),
            else_=literal(now, _conversation.waiting_since.type),
        ),
        waiting_reason="handed_back",
    )


async def check_calm(tx: Transaction, conversation_id: str) -> None:
    """Raises WrongState while danger she wrote of has got no answer."""
    row = await tx.first(select(_conversation.danger_since).where(_conversation.id == conversation_id))
    if row is not None and row.danger_since is not None:
        raise WrongState("她刚说到危险还没有人回，请先回复她")


async def give_to_bot(tx: Transaction, conversation_id: str, staff_id: str) -> None:
    """The bot answers her again. Raises StaleConversation unless `staff_id` holds it."""
    await release(tx, conversation_id, staff_id, state="bot", waiting_since=None, waiting_reason="")


async def release(tx: Transaction, conversation_id: str, staff_id: str, **values: Any) -> None:
    """Nobody holds it any more. Raises StaleConversation unless `staff_id` held it."""
    changed = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == conversation_id, _conversation.state == "held", _conversation.holder_id == staff_id
        )
        .values(holder_id=None, held_at=None, version=_conversation.version + 1, **values)
    )
    if not changed.rowcount:
        raise StaleConversation("这个会话不在你手里，请刷新页面")
