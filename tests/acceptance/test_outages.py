"""Redis and the database going away while women write, and starts that cannot be."""

import asyncio
import itertools
import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from aiohttp import ClientSession, ClientTimeout
from redis import Redis
from sqlalchemy import func, select

from bot.simulator.wechat_push import Message
from storage.models import InboundMessage, Outbox, table
from tests.support.console import StaffClient
from tests.support.proxy import Wire
from tests.support.pushing import push
from tests.support.service import Service, eventually
from tests.support.services import POSTGRES
from tests.support.wechat import account
from tests.support.wechat_server import WeChatServer
from workers.embedded_redis import EmbeddedRedis

pytestmark = [pytest.mark.acceptance, pytest.mark.xdist_group("services"), pytest.mark.timeout(180)]

_outbox, _inbound = table(Outbox).c, table(InboundMessage).c
SAFE = account("safe")
LINA = "oLina-0000000000000000000001"


async def test_without_redis_messages_are_answered_and_sends_wait(
    tmp_path: Path, redis: EmbeddedRedis, platform: WeChatServer
) -> None:
    with Service(tmp_path / "data", platform.url, redis_url=redis.url) as service:
        password = service.add_staff("li", "worker")
        for part in ("web", "live", "scheduler"):
            service.start(part)
        async with ClientSession(timeout=ClientTimeout(total=5)) as session, StaffClient(service.url) as li:
            assert await li.sign_in("li", password) == 200
            assert (await push(session, service.url, SAFE, Message.text(LINA, "转人工"))).status == 200
            ((talk,),) = [[line["id"] for line in (await li.get("/console/queue"))[1]]]
            assert (await li.post(f"/console/conversations/{talk}/claim"))[0] == 200

            await eventually(lambda: _all_are_at_work(redis), seconds=30)

            await asyncio.to_thread(redis.stop)
            for number in range(20):
                pushed = await push(session, service.url, SAFE, Message.text(f"oOther{number:022d}", "菜单"))
                assert pushed.status == 200
                assert pushed.text, "without Redis she got no answer"
            for number in range(3):
                status, answer = await li.post(
                    f"/console/conversations/{talk}/messages", {"text": f"第{number}句", "key": f"k{number}"}
                )
                assert (status, answer["state"]) == (200, "queued")
            await eventually(lambda: _page_says(li, "（Redis）暂时连不上"), seconds=15)
            async with session.get(f"{service.url}/readyz") as ready:
                assert ready.status == 200
                assert (await ready.json())["redis"] is False
            await asyncio.sleep(6)  # longer than a sweep takes to come round
            assert platform.texts_to(LINA) == []

            await asyncio.to_thread(redis.__enter__)
            await eventually(lambda: len(platform.texts_to(LINA)) == 3, seconds=60)
            await asyncio.sleep(6)
            assert platform.texts_to(LINA) == ["第0句", "第1句", "第2句"]
            await eventually(lambda: _page_is_calm(li), seconds=15)
        async with service.database() as database, database.reading() as tx:
            kept = await tx.first(select(func.count()).select_from(table(InboundMessage)))
        assert kept is not None
        assert kept[0] == 21


def _all_are_at_work(redis: EmbeddedRedis) -> bool:
    """Whether a worker has announced itself and the scheduler has put its first job into the queue."""
    with Redis.from_url(redis.url) as client:
        return bool(client.scard("rq:workers")) and bool(client.keys("rq:job:sweep-2*"))


async def _page_says(li: StaffClient, words: str) -> bool:
    async with li.session.get(f"{li.url}/console/queue", headers={"Accept": "text/html"}) as page:
        return words in await page.text()


async def _page_is_calm(li: StaffClient) -> bool:
    return not await _page_says(li, "（Redis）")


@pytest.mark.parametrize("outage", ["cut", "silence"])
async def test_without_database_nothing_is_acknowledged_that_is_not_stored(
    tmp_path: Path, fresh_postgres_url: str, redis: EmbeddedRedis, platform: WeChatServer, outage: str
) -> None:
    parts = urlsplit(fresh_postgres_url)
    with Wire(parts.hostname or "127.0.0.1", parts.port or 5432) as wire:
        address = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{wire.port}"))
        with Service(tmp_path / "data", platform.url, database_url=address, redis_url=redis.url) as service:
            service.start("web")
            statuses: dict[int, list[int]] = {}
            numbers, stop = itertools.count(9_000_000_000_000_000), asyncio.Event()
            async with ClientSession(timeout=ClientTimeout(total=8)) as session:

                async def write(woman: int) -> None:
                    while not stop.is_set():
                        message = Message.text(f"oWoman{woman:022d}", "你好", msg_id=next(numbers))
                        assert message.msg_id is not None
                        seen = statuses.setdefault(message.msg_id, [])
                        while not seen or seen[-1] != 200:  # as WeChat does, and longer
                            seen.append((await push(session, service.url, SAFE, message)).status)
                            await asyncio.sleep(0.1)

                async with asyncio.TaskGroup() as group:
                    for woman in range(6):
                        group.create_task(write(woman))
                    await asyncio.sleep(1.5)
                    getattr(wire, outage)()
                    await asyncio.sleep(7)
                    async with session.get(f"{service.url}/readyz") as ready:
                        assert ready.status == 503
                    wire.mend()
                    await asyncio.sleep(4)
                    stop.set()
                assert service.answers("/readyz"), "it did not recover by itself"
            async with service.database() as database, database.reading() as tx:
                kept = {row.said_order for row in await tx.rows(select(_inbound.said_order))}
            log = service.log_path.read_text()
    assert kept == set(statuses)
    seen = list(itertools.chain.from_iterable(statuses.values()))
    assert set(seen) == {200, 503}
    assert "Traceback" not in log


async def test_a_database_that_was_renamed_away_is_an_outage_too(
    tmp_path: Path, fresh_postgres_url: str, redis: EmbeddedRedis, platform: WeChatServer
) -> None:
    name = urlsplit(fresh_postgres_url).path.lstrip("/")
    with Service(tmp_path / "data", platform.url, database_url=fresh_postgres_url, redis_url=redis.url) as service:
        password = service.add_staff("li", "worker")
        service.start("web")
        admin = await asyncpg.connect(POSTGRES)
        try:
            async with ClientSession(timeout=ClientTimeout(total=8)) as session, StaffClient(service.url) as li:
                assert await li.sign_in("li", password) == 200
                await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
                await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
                message = Message.text(LINA, "你好")
                assert (await push(session, service.url, SAFE, message)).status == 503
                await admin.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')
                assert (await push(session, service.url, SAFE, message)).status == 503
                assert (await li.get("/console/queue"))[0] == 503
                await admin.execute(f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')
                await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
                assert (await push(session, service.url, SAFE, message)).status == 200
                assert (await li.get("/console/queue"))[0] == 200
        finally:
            await admin.close()
        async with service.database() as database, database.reading() as tx:
            assert len(await tx.rows(select(_inbound.id))) == 1
        assert "Traceback" not in service.log_path.read_text()


STARTS = [
    (("web",), {"NIANGJIA__SERVICE__NAEM": "x"}, "service.naem is not a setting"),
    (("web",), {"NIANGJIA__CHANNELS__WECHAT_OA__APP_SECRET": ""}, "channels.wechat_oa.app_secret is missing"),
    (("web",), {"NIANGJIA__CHANNELS__WECHAT_OA__ENCODING_AES_KEY": ""}, "encoding_aes_key is missing"),
    (("web",), {"NIANGJIA__DATABASE__URL": "postgresql://nobody@127.0.0.1:9/none"}, "database cannot be reached"),
    (("worker",), {"NIANGJIA__DATABASE__URL": "postgresql://nobody@127.0.0.1:9/none"}, "database cannot be reached"),
    (("web",), {"NIANGJIA__REDIS__URL": "redis://127.0.0.1:9/0"}, "Redis cannot be reached"),
    (("worker",), {"NIANGJIA__REDIS__URL": "redis://127.0.0.1:9/0"}, "Redis cannot be reached"),
    (("scheduler",), {"NIANGJIA__REDIS__URL": "redis://127.0.0.1:9/0"}, "Redis cannot be reached"),
    (("run",), {"NIANGJIA__REDIS__URL": "redis://127.0.0.1:9/0"}, "Redis cannot be reached"),
    (("run",), {"NIANGJIA__DATABASE__URL": "postgresql://nobody@127.0.0.1:9/none"}, "database cannot be reached"),
    (("web",), {"NIANGJIA__DATABASE__URL": "mysql://127.0.0.1/x"}, "mysql is not supported"),
    (("web",), {"NIANGJIA__SECURITY__KEY": "nonsense"}, "security.key must be"),
    (("web", "--config", "absent.yaml"), {}, "there is no absent.yaml"),
]


@pytest.fixture
def idle(tmp_path: Path, embedded_redis: EmbeddedRedis) -> Service:
    """A service that was set up and runs nothing."""
    service = Service(tmp_path / "data", "http://127.0.0.1:9", redis_url=embedded_redis.url)
    with service:
        return service


@pytest.mark.parametrize(("arguments", "settings", "cause"), STARTS)
def test_bad_start_ends_with_one_sentence(
    idle: Service, arguments: tuple[str, ...], settings: dict[str, str], cause: str
) -> None:
    ended = idle.attempt(*arguments, more=settings)
    assert ended.returncode == 2, ended.stderr
    assert cause in ended.stderr
    assert ended.stderr.startswith("cannot start: ")
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert ended.stdout == ""


def test_sealed_data_without_its_key_does_not_start_and_gets_no_new_key(idle: Service) -> None:
    key = idle.data / "master.key"
    assert key.stat().st_mode & 0o777 == 0o600
    away = key.rename(idle.data / "elsewhere")
    ended = idle.attempt("web")
    assert ended.returncode == 2
    assert "security.key" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not key.exists(), "a new key would make everything unreadable for ever"
    away.rename(key)
    assert idle.attempt("staff", "list").returncode == 0


def test_wrong_key_for_sealed_data_does_not_start(idle: Service) -> None:
    other = idle.command("keys", "new").strip()
    ended = idle.attempt("web", more={"NIANGJIA__SECURITY__KEY": other})
    assert ended.returncode == 2
    assert "does not open this database" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert os.path.exists(idle.data / "master.key")
