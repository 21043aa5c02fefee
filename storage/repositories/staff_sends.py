"""What staff do about a message of theirs: cancel it in time, send a failed one again, call it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update

from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import Contact, Identity, Outbox, table
from storage.repositories import outbox

_outbox = table(Outbox).c
_identity = table(Identity).c
_contact = table(Contact).c

#: States a message may be called back from: it is, or may be, on her screen.
_ON_SCREEN = ("handed", "sent", "delivered")


@dataclass(frozen=True, slots=True)
class Resendable:
    """A message of staff that did not arrive, or may not have."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Recall:
    """A message to be taken off her screen: its row, her address there, the platform's id of it."""

    id: str
    channel: str
    address: str
    platform_id: str
    conversation_id: str


async def cancel(tx: Transaction, conversation_id: str, row_id: str, now: datetime) -> None:
    """Take back what still waits. Raises WrongState once a worker has begun, NotFound for what is not staff's."""
    changed = await tx.execute(
        update(table(Outbox))
        .where(*_of_staff(conversation_id, row_id), _outbox.state == "queued")
        .values(state="cancelled", finished_at=now, error_code="cancelled", error_sentence="")
    )
    if changed.rowcount:
        await outbox.touch(tx, conversation_id)
        return
    await _state(tx, conversation_id, row_id)
    raise WrongState("已经在发送或已经发出，来不及取消")


async def resendable(tx: Transaction, key: DataKey, conversation_id: str, row_id: str) -> Resendable:
    """A message that did not go, or whose fate is unknown. Raises WrongState for any other."""
    row = await tx.first(select(_outbox.state, _outbox.text_sealed).where(*_of_staff(conversation_id, row_id)))
    if row is None:
        raise NotFound
    if row.state not in ("failed", "skipped", "cancelled", "unknown"):
        raise WrongState("这条没有失败，不用再发")
    text = key.open("outbox.text", row.text_sealed)
    if not text:
        raise WrongState("到了保存期限，内容已删除")
    return Resendable(row.state, text)


async def ask_recall(tx: Transaction, conversation_id: str, row_id: str, recall_seconds: int, now: datetime) -> None:
    """Have a worker call it back. Raises WrongState where the platform cannot, or not any more."""
    if not recall_seconds:
        raise WrongState("这个渠道发出的消息不能撤回")
    changed = await tx.execute(
        update(table(Outbox))
        .where(
            *_of_staff(conversation_id, row_id),
            _outbox.state.in_(_ON_SCREEN),
            _outbox.recall == "",
            _outbox.finished_at > now - timedelta(seconds=recall_seconds),
        )
        .values(recall="asked")
    )
    if not changed.rowcount:
        await _state(tx, conversation_id, row_id)
        raise WrongState("过了平台允许撤回的时间，或已经撤回过")
    await outbox.touch(tx, conversation_id)
    tx.wake("recall")


async def to_recall(tx: Transaction, limit: int = 20) -> Sequence[Recall]:
    """What waits to be called back."""
    rows = await tx.rows(
        select(
            _outbox.id,
            _outbox.platform_id,
            _outbox.conversation_id,
            _outbox.contact_id,
            _identity.channel,
            _identity.address_sealed,
            (_identity.contact_id != _outbox.contact_id).label("parted"),
            _contact.wrapped_key,
        )
        .join(table(Identity), _identity.id == _outbox.identity_id)
        .join(table(Contact), _contact.id == _outbox.contact_id)
        .where(_outbox.recall == "asked")
        .order_by(_outbox.id)
        .limit(limit)
    )
    return [Recall(row.id, row.channel, _address(tx, row), row.platform_id, row.conversation_id) for row in rows]


async def finish_recall(tx: Transaction, one: Recall, outcome: str, sentence: str = "") -> None:
    """`outcome` is done or refused, with staff's sentence."""
    await tx.execute(
        update(table(Outbox))
        .where(_outbox.id == one.id, _outbox.recall == "asked")
        .values(recall=outcome, recall_sentence=sentence[:255])
    )
    if one.conversation_id:
        await outbox.touch(tx, one.conversation_id)


def _address(tx: Transaction, row: AnyRow) -> str:
    if row.wrapped_key is None or not row.address_sealed or row.parted:
        return ""
    return tx.keys.contact_key(row.contact_id, row.wrapped_key).open("identity.address", row.address_sealed)


def _of_staff(conversation_id: str, row_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        _outbox.id == row_id,
        _outbox.conversation_id == conversation_id,
        _outbox.outbound_class == "staff",
    )


async def _state(tx: Transaction, conversation_id: str, row_id: str) -> str:
    row = await tx.first(select(_outbox.state).where(*_of_staff(conversation_id, row_id)))
    if row is None:
        raise NotFound
    return str(row.state)
