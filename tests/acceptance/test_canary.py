"""A whole story with canaries in it: what she said and who she is stands in no log, database, Redis or copy."""

import asyncio
import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import pytest
from aiohttp import ClientSession
from redis import Redis
from sqlalchemy import select

from bot.simulator.wechat_push import Message
from storage.models import Contact, InboundMessage, table
from tests.support.console import StaffClient
from tests.support.pushing import push
from tests.support.service import Service, eventually
from tests.support.wechat import account
from tests.support.wechat_server import WeChatServer
from workers.embedded_redis import EmbeddedRedis

pytestmark = [pytest.mark.acceptance, pytest.mark.xdist_group("services"), pytest.mark.timeout(180)]

OPENID = "oCanary-singing-in-the-dark01"
PHONE = "13912345678"
NAME = "金丝雀桂英"
WORDS = "他昨晚又打我金丝雀一号"
SUMMARY = "他不让我出门金丝雀二号"
STAFF_WORDS = "你现在安全吗金丝雀三号"
STAFF_NAME = "值班员金丝雀四号"
NOTE = "已约好明天见面金丝雀五号"
PICTURE = b"\xff\xd8\xff" + b"CANARY-PICTURE-" * 9
SAFE_WORD = "今天买金丝雀"
CANARIES = (OPENID, PHONE, NAME, WORDS, SUMMARY, STAFF_WORDS, STAFF_NAME, NOTE, SAFE_WORD, "金丝雀", "CANARY-PICTURE")
#: What she writes, in order: an intake with her phone, a sign-up with her name, consent, a 安全词 left unfinished.
STORY = (
    WORDS,
    "退出",
    "登记",
    "同意",
    "1",
    "2",
    PHONE,
    "随时",
    "跳过",
    SUMMARY,
    "0",
    "想有人陪我去",
    "菜单",
    "有什么活动可以报名",
    "1",
    "1",
    NAME,
    "恢复通知",
    "6",
    SAFE_WORD,
)
NOTICE = {"title": "三八维权周", "text": "三八节活动周预告\n3月8日，文化广场。"}


async def test_nothing_she_said_can_be_read_anywhere(
    tmp_path: Path, service_url: str, redis: EmbeddedRedis, platform: WeChatServer
) -> None:
    settings = {
        "NIANGJIA__SERVICE__QUIET_FROM": "00:00",
        "NIANGJIA__SERVICE__QUIET_TO": "00:00",
    }
    copy = tmp_path / "copy.gz"
    with Service(
        tmp_path / "data", platform.url, database_url=service_url, redis_url=redis.url, settings=settings
    ) as service:
        password = service.command("staff", "add", "li", "--role", "supervisor", "--name", STAFF_NAME).split()[3]
        other = service.add_staff("chen", "cadre")
        for part in ("web", "live", "bulk", "scheduler"):
            service.start(part)
        async with (
            ClientSession() as session,
            StaffClient(service.url) as li,
            StaffClient(service.url) as chen,
        ):
            assert await li.sign_in("li", password) == 200
            assert await chen.sign_in("chen", other) == 200
            for number, text in enumerate(STORY):
                message = Message.text(OPENID, text, msg_id=5_000_000_000_000_000 + number)
                assert (await push(session, service.url, account("safe"), message)).status == 200
            media_id = platform.platform.add_media(PICTURE, "image/jpeg")
            await push(session, service.url, account("safe"), Message.image(OPENID, media_id))
            await _staff_answer(li, platform)
            await _announce(chen, li, platform)
        await eventually(lambda: platform.platform.calls.get("media", 0) >= 1, seconds=90)
        await asyncio.to_thread(service.command, "backup", str(copy))
        places = {
            "the log": [service.log_path.read_bytes()],
            "Redis": _everything_in(redis),
            "the folder of Redis": _files(tmp_path / "redis"),
            "the data folder": _files(service.data),
            "the backup": [gzip.decompress(copy.read_bytes())],
            "PostgreSQL": await _dump(service_url) if service_url else [],
        }
        # The canaries were really there: opened with the key, the story stands in the database.
        assert SUMMARY in await _opened(service)
    assert platform.texts_to(OPENID).count(STAFF_WORDS) == 1
    for place, contents in places.items():
        for content in contents:
            for canary in CANARIES:
                assert not _stands_in(canary, content), f"{canary} can be read in {place}"


async def _staff_answer(li: StaffClient, platform: WeChatServer) -> None:
    """A supervisor takes over, answers, writes the form, closes."""
    (line,) = (await li.get("/console/queue"))[1]
    page = f"/console/conversations/{line['id']}"
    for step, body in (
        ("claim", {}),
        ("messages", {"text": STAFF_WORDS, "key": "k1"}),
        ("form", {"phone": PHONE, "summary": SUMMARY, "category": "dv"}),
    ):
        assert (await li.post(f"{page}/{step}", body))[0] == 200, step
    assert (await li.get(page))[0] == 200
    await eventually(lambda: STAFF_WORDS in platform.texts_to(OPENID), seconds=40)
    assert (await li.post(f"{page}/close", {"outcome": "follow_up", "note": NOTE}))[0] == 200


async def _announce(chen: StaffClient, li: StaffClient, platform: WeChatServer) -> None:
    """A notice is planned over her; an open violence case keeps her out of it."""
    made = (await chen.post("/console/campaigns", NOTICE))[1]
    page = f"/console/campaigns/{made['id']}"
    for client, step in ((chen, "submit"), (li, "approve"), (chen, "start")):
        assert (await client.post(f"{page}/{step}"))[0] == 200, step

    async def is_done() -> bool:
        return (await chen.get(page))[1]["status"] == "done"

    await eventually(is_done, seconds=60)


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def _everything_in(redis: EmbeddedRedis) -> list[bytes]:
    """Every key, every value, and job payloads unpacked."""
    found: list[bytes] = []
    with Redis.from_url(redis.url) as client:
        for key in client.scan_iter():
            found += [key, repr(_value(client, key)).encode()]
            if client.type(key) == b"hash":
                found += [_unpacked(value) for value in client.hgetall(key).values()]
    assert any(b"rq:job" in one for one in found), "there was nothing to look at"
    return found


def _value(client: "Redis[bytes]", key: bytes) -> object:
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda name: client.zrange(name, 0, -1),
        b"list": lambda name: client.lrange(name, 0, -1),
        b"stream": client.xrange,
    }
    return readers[client.type(key)](key)


def _unpacked(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value


async def _dump(url: str) -> list[bytes]:
    """Every table as the server would copy it out."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = []
        for (name,) in rows:
            output = io.BytesIO()
            await connection.copy_from_table(name, output=output, format="binary")
            found.append(output.getvalue())
        assert sum(map(len, found)) > 10_000
        return found
    finally:
        await connection.close()


async def _opened(service: Service) -> str:
    """All that was said, opened with the key."""
    inbound, contact = table(InboundMessage).c, table(Contact).c
    async with service.database() as database, database.reading() as tx:
        rows = await tx.rows(
            select(inbound.content_sealed, contact.id, contact.wrapped_key).join(
                table(Contact), contact.id == inbound.contact_id
            )
        )
        return "\n".join(
            tx.keys.contact_key(row.id, row.wrapped_key).open("inbound.content", row.content_sealed) for row in rows
        )


def _stands_in(canary: str, content: bytes) -> bool:
    """In any of the forms a careless line would give it."""
    forms: Iterable[bytes] = (
        canary.encode(),
        repr(canary.encode())[2:-1].encode(),
        canary.encode("unicode_escape"),
        canary.encode("utf-16-le"),
        canary.encode().hex().encode(),
    )
    return any(form in content for form in forms)
