"""A thousand real sentences, signed and encrypted, through the real door: each answered validly, once."""

import asyncio
import itertools
import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout
from sqlalchemy import select

from bot.simulator.wechat_push import Message
from handlers import HANDLERS
from storage.models import InboundMessage, Outbox, table
from tests.support.pushing import push
from tests.support.service import ROOT, Service
from tests.support.wechat import account
from tests.support.wechat_server import WeChatServer
from workers.embedded_redis import EmbeddedRedis

SENTENCES = ROOT.parent / "shared" / "data" / "dev.jsonl"
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.xdist_group("services"),
    pytest.mark.timeout(180),
    pytest.mark.skipif(not SENTENCES.exists(), reason="the sentences to measure with are not on this machine"),
]

HOW_MANY = 1000
#: The share that must be answered by the handler of an accepted intent, or by an honest fallback.
LEAST_RIGHT = 0.88
#: What is answered by the crisis handler must be dangerous in the eyes of whoever labelled it, nearly always.
_DANGEROUS = frozenset({"high", "passive", "medium"})
_outbox, _inbound = table(Outbox).c, table(InboundMessage).c


@dataclass(frozen=True)
class Sentence:
    """One row of the data with the MsgId it travels under."""

    number: int
    row: dict[str, Any]

    def is_answered_by(self, handler: str) -> bool:
        """Whether the handler belongs to an accepted intent, says honestly that it does not know, or saves a life."""
        if handler == "fallback":
            return True
        if handler == "crisis":
            return self.row["risk"] in _DANGEROUS
        accepted = set(self.row["accept"])
        return handler in accepted or any(one.name == handler and one.intents & accepted for one in HANDLERS)


def sentences() -> list[Sentence]:
    """The same thousand every time."""
    with SENTENCES.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    chosen = random.Random(20260308).sample(rows, HOW_MANY)
    return [Sentence(7_000_000_000_000_000 + number, row) for number, row in enumerate(chosen)]


async def written(session: ClientSession, url: str, message: Message) -> str | None:
    """Deliver one message; what she reads. Fails on anything WeChat would not show."""
    pushed = await push(session, url, account("safe"), message)
    assert pushed.status == 200, f"message {message.msg_id} got {pushed.status}"
    return pushed.text


async def test_thousand_real_sentences_are_answered_validly_and_once(
    tmp_path: Path, redis: EmbeddedRedis, platform: WeChatServer
) -> None:
    asked = sentences()
    replies: dict[int, str | None] = {}
    with Service(tmp_path / "data", platform.url, redis_url=redis.url) as service:
        service.start("web")
        async with ClientSession(timeout=ClientTimeout(total=5)) as session:
            todo = iter(asked)

            async def write() -> None:
                for one in todo:
                    message = Message.text(f"oReal{one.number:023d}", one.row["text"], msg_id=one.number)
                    replies[one.number] = await written(session, service.url, message)
                    if one.number % 10 == 0:  # WeChat did not hear our answer and sends it again
                        again = await written(session, service.url, message)
                        assert again == replies[one.number], f"message {one.number} got two different answers"

            await asyncio.gather(*(write() for _ in range(16)))
        async with service.database() as database, database.reading() as tx:
            kept = {row.said_order: row for row in await tx.rows(select(table(InboundMessage)))}
            answers = Counter(row.in_reply_to for row in await tx.rows(select(_outbox.in_reply_to, _outbox.state)))
            number_kept = len(await tx.rows(select(_inbound.id)))
        log = service.log_path.read_text()
    assert number_kept == HOW_MANY
    assert all(replies[one.number] for one in asked), "a message got no words in answer"
    assert all(answers[kept[one.number].id] >= 1 for one in asked)
    assert not any(row.failed for row in kept.values())
    assert "Traceback" not in log
    wrong = [one for one in asked if not one.is_answered_by(kept[one.number].handler)]
    right = 1 - len(wrong) / HOW_MANY
    print(f"right or honest: {right:.3f}; handlers: {Counter(row.handler for row in kept.values())}")
    assert right >= LEAST_RIGHT, [(one.number, kept[one.number].handler) for one in itertools.islice(wrong, 20)]
    leaked = [one.number for one in asked if len(one.row["text"]) > 5 and one.row["text"] in log]
    assert not leaked, "what was said stands in the log"
