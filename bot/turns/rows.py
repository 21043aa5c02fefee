"""The rows of one turn, noted in `Writes`: what came in, what is said, whom to alarm, which file to fetch."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot import clock, gate
from bot.messages import PRIORITY, InboundMessage, Kind, OutboundClass
from bot.sessions import Person
from bot.turns.line import Incoming, Line, Writes
from nlp.meaning import Understanding
from storage.models import new_id
from storage.repositories import talk

_ANSWER_PRIORITY = PRIORITY[OutboundClass.ANSWER]


#: Kinds whose file is fetched; words may come with a picture too.
_MEDIA_KINDS = frozenset({Kind.IMAGE, Kind.VOICE, Kind.VIDEO, Kind.TEXT})


def keep_inbound(
    person: Person,
    incoming: Incoming,
    writes: Writes,
    *,
    understanding: Understanding | None,
    handler: str = "",
    failed: bool = False,
    secret: bool = False,
) -> None:
    """Note the inbound row: handled as described, or (without understanding) stored for later.

    `secret`: her words are not kept.
    """
    result: dict[str, Any] = {
        "conversation_id": person.conversation_id,
        "handled_at": incoming.received_at if understanding else None,
        "intent": understanding.intent if understanding else "",
        "category": understanding.category if understanding else "",
        "risk": understanding.risk.level if understanding else 0,
        "handler": handler,
        "failed": failed,
    }
    if incoming.is_stored:
        writes.handled.append({"row": incoming.row_id, **result})
        return
    message = incoming.message
    writes.inbound.append(
        {
            "id": incoming.row_id,
            "dedupe_digest": incoming.dedupe_digest,
            "nonce_digest": incoming.nonce_digest,
            "body_digest": incoming.body_digest,
            "contact_id": person.contact_id,
            "identity_id": person.identity_id,
            "kind": message.kind.value,
            "content_sealed": person.key.seal(
                "inbound.content", pack(replace(message, text="") if secret else message)
            ),
            "said_at": message.sent_at,
            "said_order": message.order,
            "received_at": incoming.received_at,
            **result,
        }
    )
    if message.media and message.media.media_id and message.kind in _MEDIA_KINDS:
        _want_attachment(person, incoming, writes)


def pack(message: InboundMessage) -> str:
    """What a message holds, as JSON for its sealed column."""
    content: dict[str, Any] = {"text": message.text}
    if message.key:
        content["key"] = message.key
    if message.media:
        content["media"] = {
            "media_id": message.media.media_id,
            "url": message.media.url,
            "format": message.media.format,
        }
    if message.location:
        place = message.location
        content["location"] = {
            "latitude": place.latitude,
            "longitude": place.longitude,
            "label": place.label,
        }
    if message.extra:
        content["extra"] = message.extra
    if message.platform_id:
        content["platform_id"] = message.platform_id
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def raise_alarm(
    writes: Writes, person: Person, reason: str, now: datetime, *, detail: str = "", silent: bool = False
) -> None:
    """Note an alarm for staff: content-free, by name."""
    writes.alarms.append(
        {
            "id": new_id(),
            "conversation_id": person.conversation_id,
            "reason": reason,
            "detail": detail,
            "silent": silent,
            "raised_at": now,
        }
    )


def say(line: Line, person: Person, incoming: Incoming, texts: Sequence[str], writes: Writes, *, crisis: bool) -> str:
    """Make outbox rows of what is to be said; the first is handed over passively where that is possible."""
    if not texts:
        return ""
    message, now = incoming.message, incoming.received_at
    verdict = gate.decide(
        gate.Situation(
            outbound_class=OutboundClass.ANSWER,
            channel=message.channel,
            now=now,
            zone=line.service.timezone,
            quiet_from=line.service.quiet_from,
            quiet_to=line.service.quiet_to,
            live=True,
            locked=person.locked,
            unfollowed=message.kind is Kind.UNFOLLOW,
        )
    )
    if not verdict.allowed:
        return ""
    handed = ""
    for number, text in enumerate(line.speech[message.channel].split(texts)):
        hand = number == 0 and incoming.may_hand()
        if hand:
            handed = text
        writes.outbox.append(_answer_row(person, incoming, text, number, hand=hand, crisis=crisis))
    person.conversation["last_outbound_at"] = now
    return handed


def _answer_row(
    person: Person, incoming: Incoming, text: str, number: int, *, hand: bool, crisis: bool
) -> dict[str, Any]:
    now = incoming.received_at
    return {
        "id": new_id(),
        "idempotency_key": talk.answer_key(incoming.row_id, number),
        "outbound_class": OutboundClass.ANSWER.value,
        "priority": _ANSWER_PRIORITY,
        "state": "handed" if hand else "queued",
        "contact_id": person.contact_id,
        "identity_id": person.identity_id,
        "conversation_id": person.conversation_id,
        "in_reply_to": incoming.row_id,
        "crisis": crisis,
        "text_sealed": person.key.seal("outbox.text", text),
        "said_at": incoming.message.sent_at,
        "said_order": incoming.message.order,
        "said_rank": number + 1,
        # Not when she wrote: the gate asks whether it was said before a lock.
        "created_at": clock.now(),
        "not_before": now,
        "finished_at": now if hand else None,
    }


def _want_attachment(person: Person, incoming: Incoming, writes: Writes) -> None:
    media = incoming.message.media
    assert media is not None
    source = {"media_id": media.media_id, "url": media.url, "format": media.format}
    writes.attachments.append(
        {
            "id": new_id(),
            "contact_id": person.contact_id,
            "inbound_id": incoming.row_id,
            "kind": incoming.message.kind.value,
            "source_sealed": person.key.seal_json("attachment.source", source),
            "not_before": incoming.received_at,
            "created_at": incoming.received_at,
        }
    )
