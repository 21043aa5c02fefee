"""Messages on their way through one transaction: the job each is, its digests, and what the batch writes."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot import sessions
from bot.messages import InboundMessage, Kind, Location, Media
from bot.sessions import Person
from bot.turns import Incoming, Writes
from storage.database import AnyRow, Transaction
from storage.models import Alarm, Attachment
from storage.repositories import talk

#: Channel, account, sender, group: who a message is from, as the platform names her.
Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender gets back: a passive reply's text, or nothing but the acknowledgement."""

    text: str = ""
    #: Whether this message had been kept before.
    repeated: bool = False


@dataclass(slots=True)
class Job:
    """One message waiting for its batch. `detached`: its request was acknowledged without an answer."""

    message: InboundMessage
    nonce: str
    body: bytes
    may_hand: bool
    future: "asyncio.Future[Answer]"
    detached: bool = False
    #: Set once rows for a passive answer exist: from then on the request waits for the commit.
    built: bool = False
    stored_id: str = ""
    incoming: Incoming | None = field(default=None)

    def hand(self) -> bool:
        """Whether the answer may still go out as the passive reply; saying yes commits to it."""
        if self.detached or not self.may_hand:
            return False
        self.built = True
        return True


async def write(tx: Transaction, people: Iterable[Person], writes: Writes) -> None:
    """Everything the batch changed, in as few statements as possible."""
    changed = [person for person in people if person.touched]
    await talk.update_identities(tx, [person.identity for person in changed])
    await talk.update_conversations(tx, [sessions.changes(person) for person in changed])
    await talk.keep_inbound(tx, writes.inbound)
    await talk.mark_handled(tx, writes.handled)
    await talk.keep_answers(tx, writes.outbox)
    if any(row["state"] == "queued" for row in writes.outbox):
        tx.wake("outbox")
    if writes.alarms:
        await tx.insert(Alarm, writes.alarms)
        tx.wake("alarms")
    if writes.attachments:
        await tx.insert(Attachment, writes.attachments)
        tx.wake("media")


def key_of(job: Job) -> Key:
    """Who the message of `job` is from."""
    return job.message.channel, job.message.account, job.message.sender, job.message.group


def is_overheard(message: InboundMessage) -> bool:
    """Whether a message is none of our business: said in a group to somebody else, or by another bot."""
    return message.from_bot or (bool(message.group) and not message.mentioned and message.kind is not Kind.GROUP)


def forgotten(message: InboundMessage) -> Job:
    """A job that is done: nothing is answered, nothing kept."""
    job = Job(message, "", b"", False, asyncio.get_running_loop().create_future())
    job.future.set_result(Answer())
    return job


def prepare(tx: Transaction, job: Job, now: datetime) -> Incoming:
    """The job's message with its digests, made once; which answer is possible is asked anew each time."""
    if job.incoming is None:
        message = job.message
        digest = tx.keys.digest
        # Platforms count up: with their number in front, new entries fall beside each other in the index
        # instead of touching a page each.
        near = message.order.to_bytes(8, "big")[:5]
        recent = job.nonce.partition(":")[0].encode()[-4:]
        job.incoming = Incoming(
            message=message,
            dedupe_digest=near + digest("message", f"{message.channel}\0{message.account}\0{message.dedupe_key}"),
            nonce_digest=recent + digest("nonce", f"{message.channel}\0{job.nonce}") if job.nonce else None,
            body_digest=job.body or None,
            received_at=now,
            may_hand=job.hand,
        )
    return job.incoming


def unpack(row: AnyRow, key: Any, group: str) -> InboundMessage:
    """The message behind a stored row."""
    content = json.loads(key.open("inbound.content", row.content_sealed))
    media, place = content.get("media"), content.get("location")
    return InboundMessage(
        channel=row.channel,
        account=row.account,
        sender=key.open("identity.address", row.address_sealed),
        dedupe_key="",
        kind=Kind(row.kind),
        sent_at=row.said_at,
        text=content["text"],
        key=content.get("key", ""),
        order=row.said_order,
        media=Media(**media) if media else None,
        location=Location(**place) if place else None,
        extra=content.get("extra", {}),
        platform_id=content.get("platform_id", ""),
        group=group,
        mentioned=bool(group),
    )
