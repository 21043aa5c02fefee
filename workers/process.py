"""A worker process: one RQ worker on one queue, one event loop for all its jobs.

One queue a worker, because a worker on two queues loses jobs when it is killed (docs/decisions/0005-rq.md). The
worker runs jobs in its own process: sends share connections and the loop, and what a kill interrupts is found again
in the database.
"""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from workers import queues
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

#: Short, so that a dead worker is noticed and its job given back soon (measured: docs/decisions/0005-rq.md).
_WORKER_TTL = 25
_MAINTENANCE_SECONDS = 8
_AGAIN_SECONDS = 2.0

_runner: asyncio.Runner | None = None
_house: WorkerHouse | None = None


class _QuietWorker(SimpleWorker):
    """RQ logs job descriptions, which name nothing secret, but every five seconds.

    `asked_to_stop` tells an order to stop from a worker that gave up because Redis went away in the middle of a job.
    """

    #: RQ waits up to a minute between two looks for a Redis that is away; a crisis answer cannot.
    max_connection_wait_time = 4.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked_to_stop = False
        logging.getLogger("rq.worker").setLevel(logging.WARNING)

    def request_stop(self, *signal_and_frame: Any) -> None:
        self.asked_to_stop = True
        super().request_stop(*signal_and_frame)  # type: ignore[no-untyped-call]


def run_job(job: Callable[[WorkerHouse], Awaitable[object]]) -> None:
    """Run `job` on this process's loop (called by RQ through workers.jobs.run)."""
    if _runner is None or _house is None:
        raise RuntimeError("no worker is running in this process")
    _runner.run(_as_coroutine(job, _house))


async def _as_coroutine(job: Callable[[WorkerHouse], Awaitable[object]], house: WorkerHouse) -> None:
    await job(house)


def run_worker(
    queue: str,
    redis_url: str,
    open_house: Callable[[], AbstractAsyncContextManager[WorkerHouse]],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Work on `queue` until told to stop (SIGTERM and SIGINT finish the job in hand)."""
    global _runner, _house
    connection = queues.connect(redis_url)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        context = open_house()
        house = runner.run(context.__aenter__())
        _runner, _house = runner, house
        try:
            while not _work(queue, connection):
                time.sleep(_AGAIN_SECONDS)
        finally:
            _runner = _house = None
            runner.run(context.__aexit__(None, None, None))


def _work(queue: str, connection: Any) -> bool:
    """Work until told to stop (True), or until Redis goes away in the middle of a job (False)."""
    worker = _QuietWorker(
        [queues.open_queue(queue, connection)],
        # A name of its own each time: the one before may still stand in Redis.
        name=f"{queue}-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=_WORKER_TTL,
        maintenance_interval=_MAINTENANCE_SECONDS,
        log_job_description=False,
    )
    try:
        # What was left by a worker that was killed is looked at before anything else.
        queues.enqueue(queues.open_queue(queue, connection), "sweep" if queue == queues.LIVE else "work_bulk")
        if queue == queues.BULK:
            queues.enqueue(queues.open_queue(queue, connection), "pull")
            queues.enqueue(queues.open_queue(queue, connection), "send_campaigns")
        worker.work(logging_level="WARNING")
    except (RedisError, OSError) as error:
        log.warning("redis.unreachable", extra={"error": type(error).__name__})
    return worker.asked_to_stop
