"""understand, lookup, chat: the bot's head without any platform."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

from bot import app as wiring
from bot import clock
from bot.channels.splitting import split_texts
from bot.cli import demo
from bot.cli.common import ConfigOption, one_sentence, read_settings, run_async
from bot.config import Settings
from bot.messages import InboundMessage, Kind
from bot.pipeline import Pipeline
from nlp.retrieval import Library, load_library
from nlp.understanding import understand as read_meaning
from storage.database import Database
from storage.encryption import Keyring, MasterKey
from storage.migrations import upgrade

commands = typer.Typer()

_MOST_HITS = 50


@commands.command()
def understand() -> None:
    """Read JSON lines {"text": …} on standard input; write what each means, one line each."""
    _answer_lines(sys.stdin, _meaning)


@commands.command()
def lookup() -> None:
    """Read JSON lines {"text": …, "k": 5} on standard input; write the articles that answer each."""
    with one_sentence():
        library = load_library()
        _answer_lines(sys.stdin, lambda asked: _hits(library, asked))


def _answer_lines(lines: Iterable[str], answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """One JSON answer a line, in the same order; a bad line gets an error in its place."""
    for line in lines:
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict) or not isinstance(asked.get("text"), str):
                raise ValueError('a line must be an object with "text"')
            found = answer(asked)
        except ValueError as error:
            found = {"error": str(error)}
        print(json.dumps(found, ensure_ascii=False), flush=True)


def _meaning(asked: dict[str, Any]) -> dict[str, Any]:
    meaning = read_meaning(asked["text"], None, clock.local(clock.now(), "Asia/Shanghai"))
    return {
        "intent": meaning.intent,
        "category": meaning.category,
        "detail": meaning.detail,
        "confidence": meaning.confidence,
        "risk": meaning.risk.level,
        "urgent": meaning.risk.urgent,
        "risk_kinds": list(meaning.risk.kinds),
        "reasons": list(meaning.risk.reasons),
        "entities": meaning.entities,
        "because": list(meaning.because),
    }


def _hits(library: Library, asked: dict[str, Any]) -> dict[str, Any]:
    count = asked.get("k", 5)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST_HITS:
        raise ValueError(f'"k" must be a whole number from 1 to {_MOST_HITS}')
    return {
        "hits": [
            {
                "article": hit.article.id,
                "title": hit.article.title,
                "score": round(hit.score, 4),
                "citations": [{"law": one.law, "article": one.article} for one in hit.article.citations],
            }
            for hit in library.find(asked["text"], k=count)
        ]
    }


class _Terminal:
    """The terminal as a channel: one message holds anything."""

    def split(self, texts: Sequence[str]) -> list[str]:
        return split_texts(texts, 1_000_000)


@commands.command()
def chat(config: ConfigOption = None) -> None:
    """Talk to the bot in the terminal, with demo activities and a database that is gone afterwards."""
    with one_sentence(), tempfile.TemporaryDirectory(prefix="niangjia-chat-") as folder:
        settings = read_settings(config, data_dir=folder, database={"url": f"sqlite:///{folder}/chat.db"})
        run_async(lambda: _talk(settings, Path(folder)))


async def _talk(settings: Settings, folder: Path) -> None:
    database = Database(settings.database_url, Keyring([MasterKey.generate()]))
    await upgrade(database)
    await database.open()
    async with database.transaction() as tx:
        await demo.seed_activities(tx, settings.service.timezone)
    await asyncio.to_thread(wiring.prepare_understanding, folder / "cache")
    library = await asyncio.to_thread(load_library, region=settings.region)
    pipeline = Pipeline(database, wiring.make_line(settings, library, {"terminal": _Terminal()}))
    pipeline.start()
    interactive = sys.stdin.isatty()
    if interactive:
        print("直接打字，回车发送；Ctrl-D 结束。")
    number = 0
    try:
        while line := await asyncio.to_thread(_read_line, interactive):
            number += 1
            message = InboundMessage(
                channel="terminal",
                account="terminal",
                sender="you",
                dedupe_key=f"line:{number}",
                kind=Kind.TEXT,
                sent_at=clock.now(),
                text=line.rstrip("\n"),
                order=number,
            )
            answer = await pipeline.handle(message)
            print("\n".join(f"  {part}" for part in (answer.text or "（没有自动回复）").splitlines()), flush=True)
    finally:
        await pipeline.stop()
        await database.close()


def _read_line(interactive: bool) -> str:
    if interactive:
        print("> ", end="", flush=True)
    return sys.stdin.readline()
