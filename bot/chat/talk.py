"""What is said in a room: what she writes and sends goes down the straight line, what is said to her is read."""

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bot import clock
from bot.batch import Job
from bot.channels.base import Received, WebhookRequest
from bot.chat.doors import ChatHouse, Refused, as_json, open_pass, parse_json, read_body, token_of
from bot.errors import StorageUnavailable, UnreadablePayload
from bot.filetypes import content_type
from storage.database import AnyRow
from storage.repositories import attachments, chat, outbox

#: Longer than any turn takes; after it the page posts again under the same key.
_TURN_SECONDS = 20
_ID = re.compile(r"[0-9a-f]{26}")
_MOST_RECEIVED = 200
_DANGER = 2


async def read(house: ChatHouse, request: web.Request) -> web.Response:
    """The talk: all of it, or what came after the `after` of an earlier answer; `got` names rows the page has."""
    found = await open_pass(house, token_of(request))
    await note_received(house, found.room_id, request.query.get("got", "").split(","))
    return as_json(await lines_since(house, found.room_id, request.query.get("after", "")))


async def write(house: ChatHouse, request: web.Request) -> web.Response:
    """She writes {text, key}; the answer holds what is new, with the reply. The same key again is the same message.

    Who writes too fast is asked to wait, unless what she writes is dangerous: that is always heard and answered.
    """
    body = await read_body(request, house.channel.max_body)
    asked = parse_json(body)
    found = await open_pass(house, token_of(request, asked))
    received = _receive(house, request, body, {"room": found.room_id})
    wait = house.writing.wait(found.room_id)
    if wait and house.read_risk(received.messages[0].text).level < _DANGER:
        raise Refused(429, "slow", wait)
    house.writing.note(found.room_id)
    began = clock.now()
    await _take(house, found, received)
    return as_json(await lines_since(house, found.room_id, str(asked.get("after", "")), not_before=began))


async def send_file(house: ChatHouse, request: web.Request) -> web.Response:
    """She sends the photo or voice in the body (`kind`, `key` in the address); it is kept sealed before we answer."""
    found = await open_pass(house, token_of(request))
    rules, kind = house.channel.settings, request.query.get("kind", "")
    limits = {"photo": rules.photo_megabytes, "voice": rules.voice_megabytes}
    if kind not in limits:
        raise Refused(400, "unreadable")
    wait = house.writing.wait(found.room_id)
    if wait:
        raise Refused(429, "slow", wait)
    began, content = clock.now(), await read_body(request, int(limits[kind] * 1024 * 1024))
    parts = {"room": found.room_id, "kind": kind, "key": request.query.get("key", "")}
    received = _receive(house, request, content, parts)
    house.writing.note(found.room_id)
    job = await _take(house, found, received)
    await _keep(house, job, content)
    return as_json(await lines_since(house, found.room_id, "", not_before=began))


async def lines_since(
    house: ChatHouse, room_id: str, after: str, *, not_before: datetime | None = None
) -> dict[str, Any]:
    """What the page shows: {messages, cursor, held, hidden, recalled, typing}.

    With the cursor `after` what came since, and once more what came just before it; without, what was said from
    `not_before` on, or everything.
    """
    now, since = clock.now(), _moment(after)
    async with house.database.reading() as tx:
        found = await chat.read_talk(tx, house.digest_of(tx, room_id), now, since or not_before)
    return {
        "messages": [
            {
                "id": line.id,
                "from": line.who,
                "kind": line.kind,
                "text": line.text,
                "at": line.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "key": line.key,
            }
            for line in found.lines
            if since is not None or not_before is None or line.at >= not_before
        ],
        "cursor": now.isoformat(),
        "held": found.held,
        "hidden": found.hidden_before is not None,
        "recalled": list(found.recalled),
        "typing": found.typing,
    }


async def note_received(house: ChatHouse, room_id: str, ids: Iterable[str]) -> None:
    """The page has these lines."""
    named = [one for one in ids if _ID.fullmatch(one)][:_MOST_RECEIVED]
    if not named:
        return
    async with house.database.transaction() as tx:
        await chat.note_received(tx, house.digest_of(tx, room_id), named)


def _receive(house: ChatHouse, request: web.Request, body: bytes, parts: dict[str, str]) -> Received:
    try:
        return house.channel.receive(
            WebhookRequest(request.method, request.query, request.headers, body, clock.now(), parts)
        )
    except UnreadablePayload:
        raise Refused(415 if "kind" in parts else 400, "unreadable") from None


async def _take(house: ChatHouse, found: AnyRow, received: Received) -> Job:
    """Hand her message to the pipeline and wait for its commit. Raises StorageUnavailable."""
    job = house.pipeline.submit(received.messages[0])
    try:
        async with asyncio.timeout(_TURN_SECONDS):
            await asyncio.shield(job.future)
    except TimeoutError:
        raise StorageUnavailable from None
    if found.scene:
        async with house.database.transaction() as tx:
            await chat.place_in_area(tx, house.digest_of(tx, found.room_id), found.scene)
    return job


async def _keep(house: ChatHouse, job: Job, content: bytes) -> None:
    """Keep a file sealed by her key, once."""
    assert job.incoming is not None
    async with house.database.transaction() as tx:
        row = await chat.attachment_of(tx, job.incoming.dedupe_digest)
        if row is None or row.wrapped_key is None or row.state == "kept":
            return
        key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
        sealed = key.seal_bytes("attachment.content", content)
        await attachments.keep(tx, row.id, sealed, content_type(content), len(content))
        if row.conversation_id:
            await outbox.touch(tx, row.conversation_id)


def _moment(cursor: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(cursor)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
