"""Rows tests put into the database themselves, as staff, time or another process would have."""

from datetime import datetime
from typing import Any

from bot import clock
from bot.messages import PRIORITY, OutboundClass
from storage.models import Campaign, Outbox, new_id
from tests.support.house import LINA, House


async def queue(
    house: House,
    text: str,
    sender: str = LINA,
    outbound_class: OutboundClass = OutboundClass.ANSWER,
    **values: Any,
) -> str:
    """One text to one woman who wrote before, waiting in the outbox; its id."""
    identity = await house.identity(sender)
    contact = await house.contact(sender)
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    now: datetime = clock.now()
    outbox_id = new_id()
    row = {
        "id": outbox_id,
        "idempotency_key": f"test:{outbox_id}",
        "outbound_class": outbound_class.value,
        "priority": PRIORITY[outbound_class],
        "contact_id": contact.id,
        "identity_id": identity.id,
        "text_sealed": key.seal("outbox.text", text),
        "said_at": now,
        "created_at": now,
        "not_before": now,
    }
    async with house.database.transaction() as tx:
        await tx.insert(Outbox, row | values)
    return outbox_id


async def follow(house: House, *senders: str) -> None:
    """Women who wrote once and want notices."""
    for sender in senders:
        await house.say("订阅通知", sender)


async def campaign(house: House, text: str = "三八维权周活动通知", status: str = "sending", **values: Any) -> str:
    """A campaign in some state; its id."""
    author = await house.add_staff(f"cadre{new_id()}", "cadre")
    campaign_id = new_id()
    async with house.database.transaction() as tx:
        await tx.insert(
            Campaign,
            {
                "id": campaign_id,
                "title": "通知",
                "text": text,
                "status": status,
                "created_by": author,
                "created_at": clock.now(),
                "started_at": clock.now(),
            }
            | values,
        )
    return campaign_id
