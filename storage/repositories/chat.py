"""The web chat's SQL: rooms and their passes, coming back by receipt and word, the talk as its page shows it.

The page pulls: an outbox row is there for it once it is `handed` or `sent`, and becomes `delivered` when the page
names it as received.
"""

import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update

from storage.database import AnyRow, Transaction
from storage.models import (
    Area,
    Attachment,
    ChatPass,
    ChatRoom,
    Contact,
    Conversation,
    Identity,
    InboundMessage,
    Outbox,
    new_id,
    table,
)
from storage.repositories import outbox, recipients

_room = table(ChatRoom).c
_pass = table(ChatPass).c
_identity = table(Identity).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_inbound = table(InboundMessage).c
_outbox = table(Outbox).c

#: Rows a page may show: handed over in a response, or put where the page looks.
_THERE = ("handed", "sent", "delivered")
_NOTICE_THERE = ("sent", "delivered")
#: A pass is written when it is used, but not at every look.
_USED_STEP = timedelta(minutes=1)
_MOST_LINES = 200
#: Pages take away what was called back so lately; one opened later never gets it.
_RECALLED = timedelta(hours=24)
#: Whoever typed so lately is typing; it is written down no oftener than every few seconds.
_TYPING, _TYPING_STEP = timedelta(seconds=6), timedelta(seconds=3)
#: Rows are stamped before their commit: a look goes back so far, and the page knows what it has by id.
_OVERLAP = timedelta(seconds=30)
#: So many wrong words cost nothing; then the wait doubles up to half a minute, and never becomes a lock.
_FREE_TRIES = 3
_LONGEST_WAIT = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the talk: `who` is her, bot or staff; `key` is what the page sent hers under."""

    id: str
    who: str
    kind: str
    at: datetime
    text: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """What a page shows: the lines, whether a person holds the talk, and from when on anything may be shown."""

    lines: tuple[Line, ...] = ()
    held: bool = False
    hidden_before: datetime | None = None
    #: Lines the page may still show and has to take away.
    recalled: tuple[str, ...] = ()
    #: Whoever holds the talk is writing.
    typing: bool = False


@dataclass(frozen=True, slots=True)
class Return:
    """The outcome of a receipt and a word: the room, or how many seconds to wait before the next try.

    `too_early`: the word was not even looked at.
    """

    room_id: str = ""
    wait_seconds: int = 0
    too_early: bool = False


async def open_room(tx: Transaction, receipt: str, scene: str, now: datetime) -> str:
    """A new room for `receipt` (16 digits); its id."""
    room_id = new_id()
    await tx.insert(
        ChatRoom,
        {
            "id": room_id,
            "receipt_digest": tx.keys.digest("chat_receipt", receipt),
            "scene": scene,
            "tries": 0,
            "created_at": now,
        },
    )
    return room_id


async def choose_word(tx: Transaction, room_id: str, word: str) -> bool:
    """Keep the word that brings her back; False when one was chosen before, which nobody can change."""
    changed = await tx.execute(
        update(table(ChatRoom))
        .where(_room.id == room_id, _room.word_digest.is_(None))
        .values(word_digest=_word_digest(tx, room_id, word))
    )
    return bool(changed.rowcount)


async def come_back(tx: Transaction, receipt: str, word: str, now: datetime) -> Return:
    """The room of a receipt and its word. Wrong words are counted and slowed down, a right one forgets them."""
    room = await tx.first(
        select(_room.id, _room.word_digest, _room.tries, _room.tried_at)
        .where(_room.receipt_digest == tx.keys.digest("chat_receipt", receipt))
        .with_for_update()
    )
    if room is None:
        return Return()
    left = _wait(room.tries) - (now - (room.tried_at or now)).total_seconds()
    if left > 0:
        return Return(wait_seconds=int(left) + 1, too_early=True)
    right = hmac.compare_digest(room.word_digest or b"", _word_digest(tx, room.id, word))
    await tx.execute(
        update(table(ChatRoom))
        .where(_room.id == room.id)
        .values(tries=0 if right else room.tries + 1, tried_at=None if right else now)
    )
    return Return(room.id) if right else Return(wait_seconds=_wait(room.tries + 1))


async def give_pass(tx: Transaction, room_id: str, token: str, now: datetime) -> None:
    """Let a page in that holds `token`."""
    await tx.insert(
        ChatPass,
        {"id": new_id(), "token_digest": tx.keys.digest("chat_token", token), "room_id": room_id, "used_at": now},
    )


async def find_pass(tx: Transaction, token: str, not_before: datetime) -> AnyRow | None:
    """`id`, `room_id`, `used_at` and the room's `scene` of a token used since `not_before`; None for any other."""
    return await tx.first(
        select(_pass.id, _pass.room_id, _pass.used_at, _room.scene)
        .join(table(ChatRoom), _room.id == _pass.room_id)
        .where(_pass.token_digest == tx.keys.digest("chat_token", token), _pass.used_at >= not_before)
    )


def is_worn(used_at: datetime, now: datetime) -> bool:
    """Whether the last use of a pass is so long ago that this one is written down."""
    return now - used_at >= _USED_STEP


async def note_use(tx: Transaction, pass_id: str, now: datetime) -> None:
    """The page of a pass is still open."""
    await tx.execute(update(table(ChatPass)).where(_pass.id == pass_id).values(used_at=now))


async def forget_pass(tx: Transaction, token: str) -> None:
    """The page was left: its token opens nothing any more."""
    await tx.execute(delete(table(ChatPass)).where(_pass.token_digest == tx.keys.digest("chat_token", token)))


async def forget_idle(tx: Transaction, before: datetime) -> None:
    """Passes nobody used since `before` are gone."""
    await tx.execute(delete(table(ChatPass)).where(_pass.used_at < before))


async def read_talk(tx: Transaction, address_digest: bytes, now: datetime, after: datetime | None = None) -> Talk:
    """The newest lines of a room, in order; with `after` those that came since (and a little before).

    Under a 安全词 lock nothing from before it is shown to whoever holds the phone now.
    """
    who = await tx.first(
        select(
            _identity.id,
            _identity.contact_id,
            _contact.wrapped_key,
            _contact.locked_at,
            _conversation.state,
            _conversation.staff_typing_at,
        )
        .join(table(Contact), _contact.id == _identity.contact_id)
        .outerjoin(table(Conversation), _conversation.id == _identity.conversation_id)
        .where(_identity.address_digest == address_digest)
    )
    if who is None or who.wrapped_key is None:
        return Talk()
    key = tx.keys.contact_key(who.contact_id, who.wrapped_key)
    since = after - _OVERLAP if after is not None else None
    placed: list[tuple[tuple[datetime, int, int, str], Line]] = []
    for row in await _heard(tx, who, since):
        content = json.loads(key.open("inbound.content", row.content_sealed) or "{}")
        line = Line(row.id, "her", row.kind, row.said_at, content.get("text", ""), content.get("platform_id", ""))
        placed.append(((row.said_at, row.said_order, 0, row.id), line))
    for row in await _said(tx, who, since):
        text = key.open("outbox.text", row.text_sealed)
        line = Line(row.id, "staff" if row.outbound_class == "staff" else "bot", "text", row.said_at, text)
        placed.append(((row.said_at, row.said_order, row.said_rank, row.id), line))
    notices = await recipients.notices_to(tx, who.contact_id, identity_id=who.id, states=_NOTICE_THERE, since=since)
    placed += [
        ((one.at, 0, 1, one.id), Line(one.id, "bot", "text", one.at, one.text))
        for one in notices
        if who.locked_at is None or one.at >= who.locked_at
    ]
    lines = tuple(line for _, line in sorted(placed, key=lambda one: one[0]))[-_MOST_LINES:]
    recalled = await tx.rows(
        select(_outbox.id).where(
            _outbox.identity_id == who.id, _outbox.recall == "done", _outbox.finished_at > now - _RECALLED
        )
    )
    typing = who.state == "held" and who.locked_at is None and is_typing(who.staff_typing_at, now)
    return Talk(lines, who.state == "held", who.locked_at, tuple(row.id for row in recalled), typing)


def is_typing(at: datetime | None, now: datetime) -> bool:
    """Whether somebody seen typing at that moment still is."""
    return at is not None and now - at < _TYPING


async def note_typing(tx: Transaction, address_digest: bytes, now: datetime) -> None:
    """She is typing in her page; staff who hold or watch the talk see it."""
    await tx.execute(
        update(table(Identity))
        .where(
            _identity.address_digest == address_digest,
            or_(_identity.typing_at.is_(None), _identity.typing_at < now - _TYPING_STEP),
        )
        .values(typing_at=now)
    )


async def note_received(tx: Transaction, address_digest: bytes, ids: Collection[str]) -> bool:
    """The page has these rows: they are delivered. False when nothing changed."""
    rows = await tx.rows(
        select(_outbox.id, _outbox.conversation_id)
        .join(table(Identity), _identity.id == _outbox.identity_id)
        .where(
            _outbox.id.in_(list(ids)),
            _identity.address_digest == address_digest,
            _outbox.state.in_(("handed", "sent")),
        )
    )
    if not rows:
        return False
    await tx.execute(update(table(Outbox)).where(_outbox.id.in_([row.id for row in rows])).values(state="delivered"))
    for conversation_id in sorted({row.conversation_id for row in rows if row.conversation_id}):
        await outbox.touch(tx, conversation_id)
    return True


async def versions(tx: Transaction, addresses: Collection[bytes], now: datetime) -> dict[bytes, str]:
    """For each address a mark that changes whenever its page is out of date."""
    rows = await tx.rows(
        select(
            _identity.address_digest,
            _identity.conversation_id,
            _conversation.version,
            _conversation.state,
            _conversation.staff_typing_at,
        )
        .outerjoin(table(Conversation), _conversation.id == _identity.conversation_id)
        .where(_identity.address_digest.in_(list(addresses)))
    )
    return {
        bytes(row.address_digest): f"{row.conversation_id}.{row.version}"
        f".{row.state == 'held' and is_typing(row.staff_typing_at, now)}"
        for row in rows
    }


async def attachment_of(tx: Transaction, dedupe_digest: bytes) -> AnyRow | None:
    """The file of an inbound message: `id`, `contact_id`, `wrapped_key`, `state`, `conversation_id`."""
    attachment = table(Attachment).c
    return await tx.first(
        select(
            attachment.id,
            attachment.contact_id,
            attachment.state,
            _contact.wrapped_key,
            _inbound.conversation_id,
        )
        .join(table(InboundMessage), _inbound.id == attachment.inbound_id)
        .join(table(Contact), _contact.id == attachment.contact_id)
        .where(_inbound.dedupe_digest == dedupe_digest)
    )


async def place_in_area(tx: Transaction, address_digest: bytes, scene: str) -> None:
    """Who came by the link of an area and has none yet belongs to it, and so does her talk."""
    row = await tx.first(
        select(_identity.contact_id, table(Area).c.id)
        .join(table(Contact), _contact.id == _identity.contact_id)
        .join(table(Area), table(Area).c.code == scene)
        .where(_identity.address_digest == address_digest, _contact.area_id.is_(None))
    )
    if row is None:
        return
    await tx.execute(update(table(Contact)).where(_contact.id == row.contact_id).values(area_id=row.id))
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.contact_id == row.contact_id, _conversation.area_id.is_(None))
        .values(area_id=row.id)
    )


async def _heard(tx: Transaction, who: Any, since: datetime | None) -> Sequence[AnyRow]:
    wanted = [
        _inbound.identity_id == who.id,
        _inbound.kind.in_(("text", "image", "voice")),
        _inbound.content_sealed.is_not(None),
    ]
    if who.locked_at is not None:
        # The word itself came in the very moment it locked.
        wanted.append(_inbound.received_at > who.locked_at)
    if since is not None:
        wanted.append(_inbound.received_at > since)
    return await tx.rows(
        select(_inbound.id, _inbound.kind, _inbound.content_sealed, _inbound.said_at, _inbound.said_order)
        .where(*wanted)
        .order_by(_inbound.said_at.desc())
        .limit(_MOST_LINES)
    )


async def _said(tx: Transaction, who: Any, since: datetime | None) -> Sequence[AnyRow]:
    wanted = [
        _outbox.identity_id == who.id,
        _outbox.state.in_(_THERE),
        _outbox.text_sealed.is_not(None),
        _outbox.recall != "done",
    ]
    if who.locked_at is not None:
        wanted.append(_outbox.created_at >= who.locked_at)
    if since is not None:
        wanted.append(_outbox.finished_at > since)
    return await tx.rows(
        select(
            _outbox.id,
            _outbox.outbound_class,
            _outbox.text_sealed,
            _outbox.said_at,
            _outbox.said_order,
            _outbox.said_rank,
        )
        .where(*wanted)
        .order_by(_outbox.said_at.desc())
        .limit(_MOST_LINES)
    )


def _wait(tries: int) -> int:
    """Seconds to wait after so many wrong words in a row."""
    return 0 if tries < _FREE_TRIES else min(2 ** (tries - _FREE_TRIES + 1), _LONGEST_WAIT)


def _word_digest(tx: Transaction, room_id: str, word: str) -> bytes:
    return tx.keys.digest("chat_word", f"{room_id}\0{word}")
