"""What a member of staff answered at the platform's own desk: kept in the talk, and danger is answered by it."""

from dataclasses import replace

from bot import sessions
from bot.messages import DeliveryState, OutboundClass
from bot.sessions import Person
from bot.turns.line import Incoming, Writes
from bot.turns.rows import keep_inbound
from nlp.meaning import Understanding
from storage.database import Transaction
from storage.repositories import receipts, staff


async def note_member(tx: Transaction, person: Person, incoming: Incoming, writes: Writes) -> None:
    """Keep the words as staff's own in the talk; the event itself stays without words, only to know a repeat."""
    message, now = incoming.message, incoming.received_at
    sessions.note_inbound(person, message, now)
    person.conversation["danger_since"] = None
    wordless = replace(incoming, message=replace(message, text=""))
    keep_inbound(person, wordless, writes, understanding=Understanding(""), handler="member")
    if not message.text:
        return
    await receipts.note_sent_elsewhere(
        tx,
        {
            "idempotency_key": f"member:{incoming.row_id}",
            "outbound_class": OutboundClass.STAFF.value,
            "state": DeliveryState.DELIVERED.value,
            "contact_id": person.contact_id,
            "identity_id": person.identity_id,
            "conversation_id": person.conversation_id,
            "staff_id": await staff.find_by_wecom(tx, message.by_member),
            "text_sealed": person.key.seal("outbox.text", message.text),
            "said_at": message.sent_at,
            "created_at": now,
            "not_before": now,
            "finished_at": now,
        },
    )
    person.conversation["last_outbound_at"] = now
