"""The webhook doors: verify, parse, hand to the pipeline, acknowledge in time — and health for operators.

WeChat cuts the line after five seconds. An answer ready within `HAND_SECONDS` goes back in the response;
otherwise the message is stored and acknowledged, and its answer follows through the outbox. What cannot be
stored is not acknowledged: 503, and the platform sends it again.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from bot import clock
from bot.batch import Answer, Job
from bot.channels.base import Channel, Pull, Received, SocketChannel, WebhookRequest
from bot.errors import StorageUnavailable, UnreadablePayload, Unsigned, UnverifiedRequest
from bot.messages import InboundMessage, PassiveReply
from bot.metrics import Metrics
from bot.pipeline import Pipeline
from bot.reports import ReportBook
from storage.database import Database
from storage.models import new_id

log = logging.getLogger(__name__)

#: Until then an answer may go back in the response; the rest of WeChat's five seconds is for storing.
HAND_SECONDS = 3.5
#: What storing, or a commit under way, may take after that.
STORE_SECONDS = 0.9
#: Nonces remembered by this process; older than the freshness window they are refused as stale anyway.
_NONCES_REMEMBERED = 20_000
#: A connection that does not answer for so long is cut.
_HEARTBEAT_SECONDS = 30.0
_MOST_IN_A_FRAME = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Doors:
    """What the webhook routes work with."""

    channels: tuple[Channel, ...]
    pipeline: Pipeline
    database: Database
    metrics: Metrics
    redis_is_up: Callable[[], bool]
    #: Fetch what a platform says is waiting; returns at once.
    pull: Callable[[Channel, Pull], None] = lambda channel, pull: None
    #: Where reports of our own messages go, past the women who write; None: through the pipeline like the rest.
    reports: ReportBook | None = None


def add_webhooks(app: web.Application, doors: Doors) -> None:
    """Mount every channel's address and the health addresses."""
    for channel in doors.channels:
        if channel.path:
            app.router.add_route("*", channel.path, _door(channel, doors))
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz(doors))
    app.router.add_get("/metrics", _metrics(doors))


def _door(channel: Channel, doors: Doors) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    nonces: OrderedDict[str, bytes] = OrderedDict()
    counts = doors.metrics.inbound

    def refuse(status: int, event: str) -> web.Response:
        number = new_id()
        log.warning(event, extra={"request": number, "channel": channel.name})
        counts.labels(channel.name, event).inc()
        return web.Response(status=status, text=f"{event} {number}\n")

    async def receive(request: web.Request) -> web.StreamResponse:
        started = clock.monotonic()
        if request.method not in ("GET", "POST"):
            return refuse(405, "request.method_refused")
        if request.headers.get("Upgrade", "").lower() == "websocket" and isinstance(channel, SocketChannel):
            try:
                return await _converse(channel, doors.pipeline, request)
            except UnverifiedRequest as error:
                return refuse(_status_of(error), "request.unverified")
        if (request.content_length or 0) > channel.max_body:
            return refuse(413, "request.too_large")
        try:
            body = await request.content.read(channel.max_body + 1) if request.can_read_body else b""
            while body and not request.content.at_eof():
                more = await request.content.read(channel.max_body + 1)
                body += more
                if len(body) > channel.max_body:
                    return refuse(413, "request.too_large")
        except (ConnectionError, asyncio.IncompleteReadError):
            return refuse(400, "request.cut_off")
        try:
            received = channel.receive(
                WebhookRequest(
                    request.method, request.query, request.headers, body, clock.now(), dict(request.match_info)
                )
            )
            _check_nonce(nonces, received)
        except UnverifiedRequest as error:
            return refuse(_status_of(error), "request.unverified")
        except UnreadablePayload:
            return refuse(400, "request.unreadable")
        if received.pull is not None:
            doors.pull(channel, received.pull)
        try:
            if (
                doors.reports is not None
                and received.messages
                and all(one.receipt is not None for one in received.messages)
            ):
                await doors.reports.keep(received.messages)
                text = ""
            else:
                text = await _answer(doors.pipeline, received, started, may_hand=channel.answers_in_response)
        except StorageUnavailable:
            return refuse(503, "request.not_stored")
        except UnverifiedRequest:
            return refuse(403, "request.replayed")
        counts.labels(channel.name, "accepted").inc()
        answer = received.response or channel.render(received, PassiveReply(text))
        return _response(answer.body, answer.content_type, answer.status)

    return receive


async def _converse(channel: SocketChannel, pipeline: Pipeline, request: web.Request) -> web.StreamResponse:
    """Let a platform connect and stay. Raises UnverifiedRequest before anything is said."""
    asked = WebhookRequest(request.method, request.query, request.headers, b"", clock.now(), dict(request.match_info))
    channel.admit(asked)
    socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_SECONDS, max_msg_size=_MOST_IN_A_FRAME)
    await socket.prepare(request)

    async def take(message: InboundMessage) -> None:
        # The other side keeps nothing: while the database is away, its next frames wait in the connection.
        while True:
            try:
                await pipeline.handle(message, may_hand=False)
                return
            except StorageUnavailable:
                log.warning("frame.waits")
                await asyncio.sleep(1)

    await channel.converse(asked, socket, take)
    return socket


def _status_of(error: UnverifiedRequest) -> int:
    return 401 if isinstance(error, Unsigned) else 403


async def _answer(pipeline: Pipeline, received: Received, started: float, *, may_hand: bool) -> str:
    """The passive reply for what was received; empty to acknowledge only. Raises StorageUnavailable."""
    jobs = [
        pipeline.submit(
            message,
            may_hand=may_hand and len(received.messages) == 1,
            nonce=received.nonce if number == 0 else "",
            body=received.body_digest,
        )
        for number, message in enumerate(received.messages)
    ]
    text = ""
    for job in jobs:
        answer = await _in_time(pipeline, job, started)
        text = text or answer.text
    return text


async def _in_time(pipeline: Pipeline, job: Job, started: float) -> Answer:
    if job.future.done():
        return job.future.result()
    remaining = HAND_SECONDS - (clock.monotonic() - started)
    done, _ = await asyncio.wait({job.future}, timeout=max(remaining, 0))
    if done:
        return job.future.result()
    try:
        async with asyncio.timeout(STORE_SECONDS):
            if await pipeline.keep_for_later(job):
                log.warning("message.answered_later", extra={"inbound": _row(job)})
                return Answer()
            return await asyncio.shield(job.future)
    except TimeoutError:
        raise StorageUnavailable from None


def _check_nonce(nonces: OrderedDict[str, bytes], received: Received) -> None:
    """Refuse a nonce this process saw with another body (the database refuses it for all processes)."""
    if not received.nonce:
        return
    seen = nonces.get(received.nonce)
    if seen is not None and seen != received.body_digest:
        raise UnverifiedRequest("the nonce was used before, with another body")
    nonces[received.nonce] = received.body_digest
    if len(nonces) > _NONCES_REMEMBERED:
        nonces.popitem(last=False)


def _response(body: bytes, content_type: str, status: int) -> web.Response:
    return web.Response(body=body, status=status, content_type=content_type, charset="utf-8")


def _row(job: Job) -> str:
    return job.incoming.row_id if job.incoming else ""


async def _healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _readyz(doors: Doors) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def ready(_: web.Request) -> web.Response:
        if not await doors.database.is_reachable():
            return web.json_response({"database": False}, status=503)
        return web.json_response({"database": True, "redis": doors.redis_is_up()})

    return ready


def _metrics(doors: Doors) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=doors.metrics.render(), content_type="text/plain", charset="utf-8")

    return metrics
