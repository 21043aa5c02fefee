"""The two RQ queues and how jobs get into them. Jobs carry a name and say "look": the database knows what to do."""

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Iterable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry as ConnectionRetry
from rq import Queue, Retry
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

LIVE, BULK = "live", "bulk"
#: Which queue each wake-up goes to, and the job it starts (workers/jobs.py).
WAKES = {
    "outbox": (LIVE, "deliver_live"),
    "live": (LIVE, "deliver_live"),
    "recall": (LIVE, "recall"),
    "typing": (LIVE, "show_typing"),
    "stored": (LIVE, "handle_stored"),
    "links": (LIVE, "fulfil_links"),
    "alarms": (LIVE, "tell_members"),
    "bulk": (BULK, "work_bulk"),
    "campaigns": (BULK, "send_campaigns"),
    "media": (BULK, "fetch_media"),
    "reports": (BULK, "apply_reports"),
}
_PREFIX = "niangjia"
#: With so many waiting, one more "look" adds nothing.
_ENOUGH_WAITING = 20
_COALESCE_SECONDS = 0.02
_RECHECK_SECONDS = 2.0
_JOB_SECONDS = 120
_KEEP_SECONDS = 120


def connect(url: str) -> Redis:
    """A connection that gives up soon: nothing may wait for Redis."""
    return Redis.from_url(
        url,
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=ConnectionRetry(NoBackoff(), 0),
        health_check_interval=30,
    )


def open_queue(name: str, connection: Any) -> Queue:
    """One of our queues, with JSON instead of pickle."""
    return Queue(f"{_PREFIX}-{name}", connection=connection, serializer=JSONSerializer)


def enqueue(queue: Queue, job: str, *, job_id: str | None = None) -> bool:
    """Put the job named `job` into `queue`; with `job_id`, once. False when that id is there already."""
    try:
        queue.enqueue_call(
            "workers.jobs.run",
            args=(job,),
            job_id=job_id or f"{job}-{uuid.uuid4().hex}",
            unique=job_id is not None,
            timeout=_JOB_SECONDS,
            result_ttl=_KEEP_SECONDS,
            failure_ttl=3600,
            retry=Retry(max=2),
        )
    except DuplicateJobError:
        return False
    return True


class Waker:
    """Wakes jobs after commits, from a thread of its own: a commit never waits for Redis.

    `is_up` tells whether Redis answered last; while it does not, it is asked again every two seconds.
    """

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._queues = {name: open_queue(name, self._redis) for name in (LIVE, BULK)}
        self._names: set[str] = set()
        self._something = threading.Condition()
        self._stopping = False
        self.is_up = True
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    def wake(self, names: Iterable[str]) -> None:
        """Ask for these jobs soon; returns at once."""
        with self._something:
            self._names.update(names)
            self._something.notify()

    async def close(self) -> None:
        """Wake what is still asked for, then stop."""
        with self._something:
            self._stopping = True
            self._something.notify()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        while True:
            with self._something:
                if not self._names and not self._stopping:
                    self._something.wait(_RECHECK_SECONDS)
                names, self._names = self._names, set()
                stopping = self._stopping
            self._work(names)
            if stopping:
                with contextlib.suppress(RedisError, OSError):
                    self._redis.close()
                return
            time.sleep(_COALESCE_SECONDS)

    def _work(self, names: set[str]) -> None:
        try:
            if not names:
                self._redis.ping()
            for queue_name, job in {WAKES[name] for name in names}:
                queue = self._queues[queue_name]
                if queue.count < _ENOUGH_WAITING:
                    enqueue(queue, job)
        except (RedisError, OSError) as error:
            if self.is_up:
                log.warning("redis.unreachable", extra={"error": type(error).__name__})
            self.is_up = False
            return
        if not self.is_up:
            log.info("redis.reachable")
        self.is_up = True
