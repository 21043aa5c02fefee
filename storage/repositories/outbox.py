"""The outbox: rows that are due, claimed before they are sent, each outcome recorded alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, literal_column, select, update

from bot.messages import PRIORITY, DeliveryState, Kind, OutboundClass, ReplyTo
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import (
    Alarm,
    ChannelGroup,
    Contact,
    Conversation,
    Identity,
    InboundMessage,
    Outbox,
    new_id,
    table,
)

_outbox = table(Outbox).c
_identity = table(Identity).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_earlier = table(Outbox).alias("earlier")
_flying = table(Outbox).alias("flying")
_answered = table(InboundMessage).alias("answered")
_UNANSWERABLE = ("unfollow", "receipt", "notice")


@dataclass(frozen=True, slots=True)
class DueRow:
    """One row with all that the gate, the budget and the channel need of it."""

    row: AnyRow
    address: str
    text: str
    wishes: dict[str, Any]
    #: The platform's id of the group the text goes to; empty for a private one.
    group: str = ""
    reply_to: ReplyTo | None = None

    @property
    def id(self) -> str:
        """The row's id."""
        return str(self.row.id)


async def find_due(tx: Transaction, classes: Collection[OutboundClass], now: datetime, limit: int) -> list[DueRow]:
    """Rows that may go now, most urgent first: at most one a recipient, never past an earlier one of her class.

    On PostgreSQL the rows are locked and those another worker holds are passed over.
    """
    query = (
        select(
            table(Outbox),
            _identity.channel,
            _identity.address_sealed,
            _identity.unfollowed_at,
            _identity.last_inbound_at,
            _identity.window_trigger,
            _identity.window_opened_at,
            _identity.window_used,
            _identity.group_id,
            _identity.held_elsewhere,
            (_identity.contact_id != _outbox.contact_id).label("parted"),
            table(ChannelGroup).c.address_sealed.label("group_sealed"),
            _conversation.held_at,
            _answered.c.kind.label("answered_kind"),
            _answered.c.content_sealed.label("answered_sealed"),
            _answered.c.received_at.label("answered_at"),
            _contact.wrapped_key,
            _contact.wishes_sealed,
            _contact.locked_at,
            _contact.consented_at,
            _contact.opted_out_at,
            _contact.stopped_all_at,
            _contact.violence_case_at,
            _contact.erased_at,
        )
        .join(table(Identity), _identity.id == _outbox.identity_id)
        .join(table(Contact), _contact.id == _outbox.contact_id)
        .outerjoin(table(ChannelGroup), table(ChannelGroup).c.id == _identity.group_id)
        .outerjoin(table(Conversation), _conversation.id == _outbox.conversation_id)
        .outerjoin(_answered, _answered.c.id == _outbox.in_reply_to)
        .where(
            _is_waiting("outbox"),
            _outbox.state == "queued",
            _outbox.outbound_class.in_([str(one) for one in classes]),
            _outbox.not_before <= now,
            ~exists().where(
                _is_waiting("earlier"),
                _earlier.c.identity_id == _outbox.identity_id,
                _earlier.c.priority == _outbox.priority,
                _earlier.c.state == "queued",
                _earlier.c.id < _outbox.id,
            ),
            ~exists().where(
                _is_waiting("flying"), _flying.c.identity_id == _outbox.identity_id, _flying.c.state == "sending"
            ),
        )
        .order_by(_outbox.priority, _outbox.not_before, _outbox.id)
        .limit(limit)
        .with_for_update(of=table(Outbox), skip_locked=True)
    )
    found: dict[str, DueRow] = {}
    for row in await tx.rows(query):
        if row.identity_id not in found:
            found[row.identity_id] = _open(tx, row)
    return list(found.values())


async def fix_replies(tx: Transaction, channels: Collection[str], classes: Collection[OutboundClass]) -> None:
    """Rows of these channels that answer no message get her newest one, once: every attempt names the same.

    What the platform said of her (she left, a report) is nothing to answer.
    """
    newest = (
        select(_answered.c.id)
        .where(_answered.c.identity_id == _outbox.identity_id, _answered.c.kind.not_in(_UNANSWERABLE))
        .order_by(_answered.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    ours = select(_identity.id).where(_identity.channel.in_(list(channels)))
    await tx.execute(
        update(table(Outbox))
        .where(
            _is_waiting("outbox"),
            _outbox.state == "queued",
            _outbox.in_reply_to.is_(None),
            _outbox.outbound_class.in_([str(one) for one in classes]),
            _outbox.identity_id.in_(ours),
        )
        .values(in_reply_to=newest)
    )


async def claim(tx: Transaction, rows: Sequence[DueRow], worker: str, now: datetime) -> None:
    """Mark rows as being sent, and count them against the window the platform gives.

    Always in the same order, so that two workers never wait for each other.
    """
    for due in sorted(rows, key=lambda one: str(one.row.identity_id)):
        await tx.execute(
            update(table(Outbox))
            .where(_outbox.id == due.id)
            .values(state="sending", claimed_by=worker, claimed_at=now, attempts=_outbox.attempts + 1)
        )
        await tx.execute(
            update(table(Identity))
            .where(_identity.id == due.row.identity_id)
            .values(window_used=_identity.window_used + 1)
        )


async def sent_since(tx: Transaction, identity_id: str, since: datetime) -> int:
    """How many rows went, or may have gone, to one address since then."""
    row = await tx.first(
        select(func.count()).where(
            _outbox.identity_id == identity_id,
            _outbox.claimed_at > since,
            _outbox.state.in_(("sending", "sent", "delivered", "unknown")),
        )
    )
    return int(row[0]) if row else 0


async def postpone(tx: Transaction, outbox_id: str, until: datetime, sentence: str) -> None:
    """Leave a row waiting until `until`."""
    await tx.execute(
        update(table(Outbox)).where(_outbox.id == outbox_id).values(not_before=until, error_sentence=sentence)
    )


async def finish(
    tx: Transaction,
    due: DueRow,
    state: DeliveryState,
    *,
    now: datetime,
    code: str = "",
    sentence: str = "",
    not_before: datetime | None = None,
    counted: bool = True,
    platform_id: str = "",
) -> None:
    """Record what became of a row; `counted` False gives the send back to her window's budget."""
    values: dict[str, Any] = {"state": state.value, "error_code": code, "error_sentence": sentence[:255]}
    if platform_id:
        values["platform_id"] = platform_id[:64]
    if state is DeliveryState.QUEUED:
        values |= {"not_before": not_before or now, "claimed_by": ""}
    else:
        values["finished_at"] = now
    await tx.execute(update(table(Outbox)).where(_outbox.id == due.id).values(**values))
    if code:
        # Her address before her conversation: whoever takes over locks both in this order, and more of hers follows.
        wanted = select(_identity.id).where(_identity.id == due.row.identity_id)
        await tx.first(wanted.with_for_update(key_share=True))
    if not counted:
        await tx.execute(
            update(table(Identity))
            .where(_identity.id == due.row.identity_id, _identity.window_used > 0)
            .values(window_used=_identity.window_used - 1)
        )
    if due.row.conversation_id:
        await touch(tx, due.row.conversation_id)
    if due.row.crisis and state in (DeliveryState.UNKNOWN, DeliveryState.FAILED):
        await alarm(tx, due.row.conversation_id, f"crisis_{state.value}", now, outbox_id=due.id)


async def mark_window_used_up(tx: Transaction, row: AnyRow, count: int = 99) -> None:
    """The platform counts differently from us: believe it until she writes again.

    `row` is what was refused, with the window it was sent in: one she has opened since is not the one that is full.
    """
    await tx.execute(
        update(table(Identity))
        .where(_identity.id == row.identity_id, _identity.window_opened_at == row.window_opened_at)
        .values(window_used=count)
    )


async def mark_gone(tx: Transaction, identity_id: str, now: datetime) -> None:
    """The platform says she no longer follows us."""
    await tx.execute(
        update(table(Identity))
        .where(_identity.id == identity_id, _identity.unfollowed_at.is_(None))
        .values(unfollowed_at=now)
    )


async def stuck(tx: Transaction) -> Sequence[AnyRow]:
    """Rows being sent: id, claimed_by, claimed_at, crisis, conversation_id."""
    return await tx.rows(
        select(
            _outbox.id,
            _outbox.claimed_by,
            _outbox.claimed_at,
            _outbox.crisis,
            _outbox.conversation_id,
            _identity.channel,
        )
        .join(table(Identity), _identity.id == _outbox.identity_id)
        .where(_is_waiting("outbox"), _outbox.state == "sending")
    )


async def repeat(tx: Transaction, row: AnyRow, now: datetime) -> None:
    """A row whose worker is gone, on a platform that refuses a repeat under the same key: it is sent again."""
    await tx.execute(
        update(table(Outbox))
        .where(_outbox.id == row.id, _outbox.state == "sending")
        .values(state="queued", claimed_by="", not_before=now)
    )
    await tx.execute(
        update(table(Identity))
        .where(
            _identity.id == select(_outbox.identity_id).where(_outbox.id == row.id).scalar_subquery(),
            _identity.window_used > 0,
        )
        .values(window_used=_identity.window_used - 1)
    )


async def give_up_unknown(tx: Transaction, row: AnyRow, sentence: str, now: datetime) -> None:
    """A row whose worker is gone may have been sent: nobody repeats it, staff see it."""
    changed = await tx.execute(
        update(table(Outbox))
        .where(_outbox.id == row.id, _outbox.state == "sending")
        .values(state="unknown", finished_at=now, error_code="interrupted", error_sentence=sentence)
    )
    if not changed.rowcount:
        return
    if row.conversation_id:
        await touch(tx, row.conversation_id)
    if row.crisis:
        await alarm(tx, row.conversation_id, "crisis_unknown", now, outbox_id=row.id)


async def alarm(
    tx: Transaction, conversation_id: str | None, reason: str, now: datetime, *, outbox_id: str = ""
) -> None:
    """Alarm staff about a row, once a row."""
    if outbox_id and await tx.first(select(table(Alarm).c.id).where(table(Alarm).c.outbox_id == outbox_id)):
        return
    await tx.insert(
        Alarm,
        {
            "id": new_id(),
            "conversation_id": conversation_id,
            "outbox_id": outbox_id or None,
            "reason": reason,
            "raised_at": now,
        },
    )
    tx.wake("alarms")


async def queue_reminder(
    tx: Transaction,
    key: DataKey,
    *,
    contact_id: str,
    identity_id: str,
    idempotency_key: str,
    text: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> None:
    """One reminder to one woman, once a key; the gate decides when and whether it goes, never after `expires_at`."""
    await tx.insert_if_new(
        Outbox,
        {
            "id": new_id(),
            "idempotency_key": idempotency_key,
            "outbound_class": OutboundClass.REMINDER.value,
            "priority": PRIORITY[OutboundClass.REMINDER],
            "contact_id": contact_id,
            "identity_id": identity_id,
            "text_sealed": key.seal("outbox.text", text),
            "said_at": now,
            "created_at": now,
            "not_before": now,
            "expires_at": expires_at,
        },
    )
    tx.wake("bulk")


async def has_due(tx: Transaction, classes: Collection[OutboundClass], now: datetime) -> bool:
    """Whether anything of these classes has been due for a moment."""
    row = await tx.first(
        select(_outbox.id)
        .where(
            _is_waiting("outbox"),
            _outbox.state == "queued",
            _outbox.outbound_class.in_([str(one) for one in classes]),
            _outbox.not_before <= now - timedelta(seconds=2),
        )
        .limit(1)
    )
    return row is not None


async def touch(tx: Transaction, conversation_id: str) -> None:
    """Tell open pages that the conversation changed."""
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.id == conversation_id)
        .values(version=_conversation.version + literal_column("1"))
    )


def _is_waiting(alias: str) -> ColumnElement[bool]:
    """That a row is waiting, in the words of the partial indexes: only so does SQLite use them.

    Without them every look reads all rows there ever were, once for each row that waits.
    """
    condition: ColumnElement[bool] = literal_column(f"{alias}.state IN ('queued', 'sending')")
    return condition


def _open(tx: Transaction, row: AnyRow) -> DueRow:
    if row.wrapped_key is None or not row.address_sealed or row.parted:
        return DueRow(row, "", "", {})
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    text = key.open("outbox.text", row.text_sealed)
    reply_to = None
    if row.answered_sealed is not None:
        content = key.open_json("inbound.content", row.answered_sealed)
        reply_to = ReplyTo(
            content.get("platform_id", ""), Kind(row.answered_kind), row.answered_at, content.get("extra", {})
        )
    return DueRow(
        row,
        key.open("identity.address", row.address_sealed),
        text,
        key.open_json("contact.wishes", row.wishes_sealed, {}),
        tx.keys.house.open("channel_group.address", row.group_sealed),
        reply_to,
    )
