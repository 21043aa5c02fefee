"""Pictures and voices she sent: wanted, kept sealed, or lost."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from storage.database import AnyRow, Transaction
from storage.models import Attachment, Contact, Identity, InboundMessage, table

_attachment = table(Attachment).c
_contact = table(Contact).c
_identity = table(Identity).c
_inbound = table(InboundMessage).c


async def wanted(tx: Transaction, now: datetime, limit: int = 20) -> Sequence[AnyRow]:
    """Files to fetch now, with the channel to ask and her wrapped key."""
    return await tx.rows(
        select(
            _attachment.id,
            _attachment.contact_id,
            _attachment.kind,
            _attachment.source_sealed,
            _attachment.attempts,
            _contact.wrapped_key,
            _identity.channel,
            _inbound.conversation_id,
        )
        .join(table(Contact), _contact.id == _attachment.contact_id)
        .join(table(InboundMessage), _inbound.id == _attachment.inbound_id)
        .join(table(Identity), _identity.id == _inbound.identity_id)
        .where(_attachment.state == "wanted", _attachment.not_before <= now, _contact.wrapped_key.is_not(None))
        .order_by(_attachment.id)
        .limit(limit)
    )


async def keep(tx: Transaction, attachment_id: str, sealed: bytes, content_type: str, size: int) -> None:
    """The file is here."""
    await tx.execute(
        update(table(Attachment))
        .where(_attachment.id == attachment_id)
        .values(state="kept", content_sealed=sealed, content_type=content_type, size=size)
    )


async def postpone(tx: Transaction, attachment_id: str, until: datetime | None) -> None:
    """Try again at `until`; None: it cannot be had any more."""
    values = {"state": "lost"} if until is None else {"not_before": until}
    await tx.execute(
        update(table(Attachment))
        .where(_attachment.id == attachment_id)
        .values(attempts=_attachment.attempts + 1, **values)
    )
