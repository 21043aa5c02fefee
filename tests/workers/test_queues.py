"""Redis as transport: jobs by name in JSON, once by id, and no harm when it is away."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from redis import Redis

from bot.errors import ConfigError
from tests.support.service import eventually, free_port
from workers import embedded_redis, schedule
from workers.embedded_redis import EmbeddedRedis
from workers.jobs import JOBS
from workers.queues import BULK, LIVE, WAKES, Waker, connect, enqueue, open_queue


def test_every_wake_leads_to_a_job_and_every_slot_too() -> None:
    assert {job for _, job in WAKES.values()} <= set(JOBS)
    assert {entry.job for entry in schedule.SCHEDULE} <= set(JOBS)
    assert {queue for queue, _ in WAKES.values()} == {LIVE, BULK}


def test_job_is_a_name_in_json(redis_url: str) -> None:
    connection = connect(redis_url)
    queue = open_queue(LIVE, connection)
    assert enqueue(queue, "sweep")
    (job,) = queue.jobs
    assert (job.func_name, list(job.args)) == ("workers.jobs.run", ["sweep"])
    raw = connection.hget(job.key, "data")
    assert json.loads(_plain(raw))[0] == "workers.jobs.run"
    connection.close()


def _plain(raw: object) -> bytes:
    import zlib

    assert isinstance(raw, bytes)
    return zlib.decompress(raw)


def test_same_id_is_queued_once(redis_url: str) -> None:
    connection = connect(redis_url)
    queue = open_queue(BULK, connection)
    assert enqueue(queue, "remind", job_id="remind-1")
    assert not enqueue(queue, "remind", job_id="remind-1")
    assert enqueue(queue, "remind", job_id="remind-2")
    assert queue.count == 2
    connection.close()


async def test_waker_wakes_the_right_queues_and_does_not_pile_up(redis_url: str) -> None:
    connection = connect(redis_url)
    waker = Waker(redis_url)
    for _ in range(100):
        waker.wake(["outbox", "live", "bulk"])
        await asyncio.sleep(0.001)
    await eventually(lambda: open_queue(BULK, connection).count > 0, 5)
    await waker.close()
    live = open_queue(LIVE, connection)
    assert {job.args[0] for job in live.jobs} == {"deliver_live"}
    assert 1 <= live.count <= 20
    connection.close()


async def test_redis_away_delays_nobody_and_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    waker = Waker(f"redis://127.0.0.1:{free_port()}/0")
    begun = time.monotonic()
    waker.wake(["outbox"])
    assert time.monotonic() - begun < 0.1
    await eventually(lambda: not waker.is_up, 5)
    await waker.close()
    assert [record.getMessage() for record in caplog.records].count("redis.unreachable") == 1


def test_slots_are_the_same_on_every_machine() -> None:
    one, other = schedule.slots(1_772_503_203.2), schedule.slots(1_772_503_204.9)
    assert [job_id for _, job_id in one] == [job_id for _, job_id in other]
    assert len({job_id for _, job_id in one}) == len(schedule.SCHEDULE)
    later = dict((entry.job, job_id) for entry, job_id in schedule.slots(1_772_503_206))  # noqa: C402
    assert later["sweep"] != next(job_id for entry, job_id in one if entry.job == "sweep")


def test_two_schedulers_put_a_slot_in_once(redis_url: str) -> None:
    ticks = {"left": 4}

    def stopping() -> bool:
        ticks["left"] -= 1
        return ticks["left"] < 0

    for _ in range(2):
        ticks["left"] = 1
        schedule.run(redis_url, stopping)
    connection = connect(redis_url)
    ids = [job.id for name in (LIVE, BULK) for job in open_queue(name, connection).jobs]
    assert len(ids) == len(set(ids))
    assert len({one.partition("-")[0] for one in ids}) == len(schedule.SCHEDULE)
    connection.close()


def test_scheduler_survives_redis_being_away() -> None:
    ticks = iter([False, True])
    schedule.run(f"redis://127.0.0.1:{free_port()}/0", lambda: next(ticks))


def test_embedded_server_is_ours_alone_keeps_what_it_holds_and_ends(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    with EmbeddedRedis(folder) as server:
        client = Redis.from_url(server.url)
        client.set("a", "1")
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        socket = Path(server.url.removeprefix("unix://"))
        assert socket.stat().st_mode & 0o077 == 0
        client.close()
    assert not socket.exists()
    with EmbeddedRedis(folder) as server:
        client = Redis.from_url(server.url)
        assert client.get("a") == b"1"
        client.close()


def test_server_that_does_not_start_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "server_binary", lambda: Path("/bin/false"))
    with pytest.raises(ConfigError, match=r"redis\.url"), EmbeddedRedis(tmp_path):
        pass
