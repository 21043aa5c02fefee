"""What runs when. A tick from any number of schedulers puts each slot's job into its queue once."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.exceptions import RedisError

from bot import clock
from workers import queues

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that runs every so many seconds."""

    job: str
    queue: str
    every_seconds: int


SCHEDULE: list[Entry] = [
    Entry("sweep", queues.LIVE, 5),
    Entry("pull", queues.BULK, 60),
    Entry("tell_members", queues.LIVE, 15),
    Entry("work_bulk", queues.BULK, 15),
    Entry("send_campaigns", queues.BULK, 15),
    Entry("apply_reports", queues.BULK, 15),
    Entry("fetch_media", queues.BULK, 60),
    Entry("remind", queues.BULK, 300),
    Entry("propose", queues.BULK, 1800),
    Entry("remind_cases", queues.BULK, 900),
    Entry("close_silent", queues.BULK, 600),
    Entry("erase_due", queues.BULK, 900),
    Entry("chase_referrals", queues.BULK, 600),
    Entry("expire", queues.BULK, 6 * 3600),
]

#: Room for every entry a few times over: one that finds none waits for its next slot, which may be hours away.
_ENOUGH_WAITING = 3 * len(SCHEDULE)


def slots(now: float) -> list[tuple[Entry, str]]:
    """The current slot of every entry with its job id: the same on every machine whose clock agrees."""
    found = []
    for entry in SCHEDULE:
        begin = datetime.fromtimestamp(now - now % entry.every_seconds, UTC)
        found.append((entry, f"{entry.job}-{begin:%Y%m%dT%H%M%S}"))
    return found


def run(redis_url: str, is_stopping: Callable[[], bool]) -> None:
    """Tick until `is_stopping`. Redis may come and go: what was missed is caught up by the next slot."""
    connection = queues.connect(redis_url)
    opened = {name: queues.open_queue(name, connection) for name in (queues.LIVE, queues.BULK)}
    done: dict[str, str] = {}
    up = True
    while not is_stopping():
        try:
            for entry, job_id in slots(clock.timestamp()):
                if done.get(entry.job) == job_id:
                    continue
                # With no worker alive the jobs would only pile up; each says no more than "look".
                if opened[entry.queue].count < _ENOUGH_WAITING:
                    queues.enqueue(opened[entry.queue], entry.job, job_id=job_id)
                done[entry.job] = job_id
            up = True
        except (RedisError, OSError) as error:
            if up:
                log.warning("redis.unreachable", extra={"error": type(error).__name__})
            up = False
        time.sleep(0.5)
    connection.close()
