"""The straight line: a message comes in, is recognised, understood, answered, kept — once.

Messages that arrive together share one transaction. While one batch is being worked on the next gathers, so
one message alone is answered at once and sixty-four cost little more than one. If a batch fails, each of its
messages is tried alone; if that fails too, the crash path answers with the crisis numbers and tells a human.
Nothing is acknowledged that is not stored; a message that comes again finds its row and gets the stored
answer, also while the first is still being worked on, also in another process.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from bot import clock, sessions, turns
from bot.batch import Answer, Job, Key, forgotten, is_overheard, key_of, prepare, unpack, write
from bot.errors import BotError, StorageUnavailable, UnverifiedRequest
from bot.messages import GroupChange, InboundMessage, Kind
from bot.sessions import Person
from bot.turns import Incoming, Line, Writes
from storage.database import AnyRow, Database, Transaction
from storage.models import Conversation
from storage.repositories import groups, receipts, talk

log = logging.getLogger(__name__)

#: Moves our place in a platform's list; False when it is no longer where it was.
CursorMove = Callable[[Transaction], Awaitable[bool]]

#: Messages sharing one transaction at most; more would keep the first one waiting.
BATCH = 64
#: From so many at once on, the next batch waits a moment for as many to gather: ten milliseconds at most.
_BUSY = 4
_GATHER_SECONDS = 0.002
_GATHER_TURNS = 5


class Pipeline:
    """Takes messages, returns answers. `start` runs it, `stop` finishes what is in hand."""

    def __init__(self, database: Database, line: Line) -> None:
        self._database = database
        self._line = line
        self._waiting: list[Job] = []
        self._in_flight: dict[tuple[str, str, str], Job] = {}
        self._arrived = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._stopping = False
        self._expected = 0

    def start(self) -> None:
        """Begin to work on what is submitted."""
        self._runner = asyncio.create_task(self._run(), name="pipeline")

    async def stop(self) -> None:
        """Answer what is waiting, then stop."""
        self._stopping = True
        self._arrived.set()
        if self._runner is not None:
            await self._runner

    def submit(self, message: InboundMessage, *, may_hand: bool = True, nonce: str = "", body: bytes = b"") -> Job:
        """Queue a message; its `future` holds the Answer, StorageUnavailable or UnverifiedRequest.

        `may_hand` allows a passive reply. `nonce` and `body` (a digest) recognise a replayed request with
        another body. The same message submitted again while in work shares the first one's future. What is said
        in a group but not to us, and what other bots say, is neither answered nor kept.
        """
        if is_overheard(message):
            return forgotten(message)
        key = (message.channel, message.account, message.dedupe_key)
        job = self._in_flight.get(key)
        if job is not None:
            return job
        job = Job(message, nonce, body, may_hand, asyncio.get_running_loop().create_future())
        self._in_flight[key] = job
        job.future.add_done_callback(lambda _: self._in_flight.pop(key, None))
        self._enqueue(job)
        return job

    async def handle(self, message: InboundMessage, *, may_hand: bool = True) -> Answer:
        """Answer one message, waiting as long as it takes (terminal chat, tests)."""
        return await asyncio.shield(self.submit(message, may_hand=may_hand).future)

    async def keep_for_later(self, job: Job) -> bool:
        """Store the message without answering it, because its request cannot wait any longer.

        True when it is stored (and may be acknowledged); its answer then goes through the outbox. False when
        rows for the passive reply exist already: wait for the commit instead. Raises StorageUnavailable.
        """
        if job.built:
            return False
        job.detached = True
        try:
            async with self._database.transaction() as tx:
                await self._store(tx, job)
                tx.wake("stored")
        except StorageUnavailable:
            raise
        except Exception as error:
            # The batch may have committed it in between: then it is kept, and its answer is in the outbox.
            if job.future.done():
                return job.future.exception() is None
            raise StorageUnavailable from error
        return True

    async def handle_stored(self, inbound_id: str) -> None:
        """Answer a message that was acknowledged earlier but not handled (a crash, a slow moment)."""
        async with self._database.reading() as tx:
            row = await talk.find_stored(tx, inbound_id)
            if row is None:
                return
            key = self._database.keys.contact_key(row.contact_id, row.wrapped_key)
            group = tx.keys.house.open("channel_group.address", row.group_sealed)
            message = unpack(row, key, group)
        job = Job(message, "", b"", False, asyncio.get_running_loop().create_future(), detached=True)
        job.stored_id = inbound_id
        job.incoming = Incoming(message, row.dedupe_digest, None, None, clock.now(), row_id=inbound_id)
        self._enqueue(job)
        await job.future

    async def keep_page(self, page: Sequence[InboundMessage], move: CursorMove) -> bool:
        """Answer a page of a platform's list and move our place in that list, in one transaction.

        False when somebody else has moved it: nothing is kept then. If the page fails, its messages are tried one
        by one (each is kept, or answered by the crash path) before the place moves. Raises StorageUnavailable.
        """
        loop = asyncio.get_running_loop()
        unique = {message.dedupe_key: message for message in page if not is_overheard(message)}
        jobs = [Job(message, "", b"", False, loop.create_future()) for message in unique.values()]
        try:
            async with self._database.transaction() as tx:
                if not await move(tx):
                    return False
                await self._process(tx, jobs, crashed=False)
            return True
        except StorageUnavailable:
            raise
        except Exception as error:
            _log_failure("page.failed", error, size=len(jobs))
        for job in jobs:
            await self._work_alone(job)
            if job.future.exception() is not None:
                raise StorageUnavailable
        async with self._database.transaction() as tx:
            return await move(tx)

    def _enqueue(self, job: Job) -> None:
        self._waiting.append(job)
        self._arrived.set()

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                if self._stopping:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._gather()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                await self._work(batch)
            except Exception as error:  # the last net: a future must never be left hanging
                log.exception("batch.lost", extra={"size": len(batch)})
                _fail(batch, error)
            # As many again are likely to come as were here: those just answered, and those who came meanwhile.
            self._expected = min(len(batch) + len(self._waiting), BATCH)

    async def _gather(self) -> None:
        """Under load, wait a moment for the others: a batch costs nearly the same for eight or for sixty."""
        for _ in range(_GATHER_TURNS):
            if len(self._waiting) >= self._expected or self._expected < _BUSY or self._stopping:
                return
            await asyncio.sleep(_GATHER_SECONDS)

    async def _work(self, batch: list[Job]) -> None:
        for _ in range(2):  # a second time, because the first finds connections a restart has cut
            try:
                await self._commit(batch)
                return
            except StorageUnavailable as error:
                log.warning("storage.unavailable", extra={"size": len(batch)})
                unreachable = error
            except Exception as error:
                _log_failure("batch.failed", error, size=len(batch))
                break
            finally:
                _unbuild(batch)
        else:
            _fail(batch, unreachable)
            return
        for job in batch:
            await self._work_alone(job)

    async def _work_alone(self, job: Job) -> None:
        try:
            await self._commit([job])
            return
        except (StorageUnavailable, UnverifiedRequest) as error:
            _fail([job], error)
            return
        except Exception as error:
            _log_failure("turn.failed", error, inbound=job.incoming.row_id if job.incoming else "")
        _unbuild([job])
        try:
            await self._commit([job], crashed=True)
        except Exception as error:
            _log_failure("turn.lost", error)
            _fail([job], error if isinstance(error, BotError) else StorageUnavailable())

    async def _commit(self, batch: list[Job], *, crashed: bool = False) -> None:
        async with self._database.transaction() as tx:
            answers = await self._process(tx, batch, crashed=crashed)
        for job, answer in zip(batch, answers, strict=True):
            if job.future.done():
                continue
            if isinstance(answer, BaseException):
                job.future.set_exception(answer)
            else:
                job.future.set_result(answer)

    async def _process(self, tx: Transaction, batch: list[Job], *, crashed: bool) -> list[Answer | BaseException]:
        now = clock.now()
        for job in batch:
            prepare(tx, job, now)
        people, known, nonces = await self._load(tx, batch, now)
        writes = Writes()
        answers: dict[int, Answer | BaseException] = {}
        for job in batch:
            if job.message.kind is Kind.GROUP:
                message = job.message
                place = (message.channel, message.account, message.group)
                await groups.note_change(tx, place, GroupChange(message.key), now)
        for index in sorted(range(len(batch)), key=lambda i: (batch[i].message.sent_at, batch[i].message.order)):
            job = batch[index]
            if job.message.kind is Kind.GROUP:
                answers[index] = Answer()
                continue
            incoming = prepare(tx, job, now)
            person = people[key_of(job)]
            replayed = nonces.get(incoming.nonce_digest) if incoming.nonce_digest else None
            if replayed is not None and replayed.body_digest != incoming.body_digest:
                answers[index] = UnverifiedRequest("the nonce was used before, with another body")
                continue
            row = known.get(incoming.dedupe_digest)
            if row is not None and not (row.handled_at is None and (job.stored_id or job.detached)):
                answers[index] = await self._stored_answer(tx, row, person)
                continue
            if row is not None:
                incoming.row_id, incoming.is_stored = row.id, True
            if job.message.receipt is not None:
                await _note_receipt(tx, job.message, person, now)
            if crashed:
                text = await turns.take_crashed(self._line, tx, person, incoming, writes)
            else:
                text = await turns.take(self._line, tx, person, incoming, writes)
            person.touched = True
            answers[index] = Answer(text)
        await write(tx, people.values(), writes)
        return [answers[index] for index in range(len(batch))]

    async def _load(
        self, tx: Transaction, batch: Sequence[Job], now: datetime
    ) -> tuple[dict[Key, Person], dict[bytes, AnyRow], dict[bytes, AnyRow]]:
        """Who wrote, and which of the messages are known; people with something new get a conversation."""
        batch = [job for job in batch if job.message.kind is not Kind.GROUP]
        addresses = {key_of(job): talk.address(tx, *key_of(job)) for job in batch}
        rows = await talk.find_people(tx, addresses.values(), now) if batch else {}
        incoming = [prepare(tx, job, now) for job in batch]
        known, nonces = await talk.find_known(
            tx,
            [item.dedupe_digest for item in incoming],
            [item.nonce_digest for item in incoming if item.nonce_digest],
        )
        fresh = {
            key_of(job)
            for job, item in zip(batch, incoming, strict=True)
            if item.dedupe_digest not in known or known[item.dedupe_digest].handled_at is None
        }
        going_on = await talk.find_conversations(
            tx, [row.conversation_id for row in rows.values() if row.conversation_id]
        )
        people: dict[Key, Person] = {}
        begun: list[dict[str, Any]] = []
        for key, address in addresses.items():
            row = rows[address.digest]
            current = going_on.get(row.conversation_id or "")
            conversation = dict(current._mapping) if current else talk.blank_conversation(row, now)
            if current is None and key in fresh:
                begun.append(conversation)
            contact_key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
            people[key] = sessions.person_from(row, contact_key, conversation)
        if begun:
            await tx.insert(Conversation, begun)
        return people, known, nonces

    async def _stored_answer(self, tx: Transaction, row: AnyRow, person: Person) -> Answer:
        return Answer(await talk.stored_answer(tx, row.id, person.key, person.row.locked_at), repeated=True)

    async def _store(self, tx: Transaction, job: Job) -> None:
        now = clock.now()
        people, known, _ = await self._load(tx, [job], now)
        incoming = prepare(tx, job, now)
        if incoming.dedupe_digest in known:
            return
        person = next(iter(people.values()))
        sessions.note_inbound(person, job.message, incoming.received_at)
        writes = Writes()
        turns.keep_inbound(person, incoming, writes, understanding=None)
        await write(tx, [person], writes)


def _unbuild(jobs: Sequence[Job]) -> None:
    """After a rollback no rows exist: the answer may be given another way again."""
    for job in jobs:
        if not job.future.done():
            job.built = False


async def _note_receipt(tx: Transaction, message: InboundMessage, person: Person, now: datetime) -> None:
    receipt = message.receipt
    assert receipt is not None
    noted = await receipts.note_receipt(tx, message.channel, receipt, now)
    if not noted and receipt.submitted_at is not None:
        await receipts.settle_unknown(tx, message.channel, person.identity_id, receipt, now)


def _fail(jobs: Sequence[Job], error: BaseException) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(error)
            with suppress(BaseException):  # nobody may be waiting any more: the log has it
                job.future.exception()


def _log_failure(event: str, error: Exception, **ids: Any) -> None:
    # No traceback with values, no message: either may quote what she wrote.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
    log.error(event, extra={"error": type(error).__name__, "where": where, **ids})
