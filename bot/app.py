"""The only wiring: settings → keys, database, channels, understanding, pipeline, web application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import ClientSession, web
from sqlalchemy import inspect

import handlers
from bot import dialogue, duty, forgetting
from bot.areas import LiveAreas
from bot.channels import CHANNELS
from bot.channels.base import Channel, Pull
from bot.channels.tokens import InMemoryTokens, RedisTokens, Tokens
from bot.channels.webchat import WebChat
from bot.chat import ChatHouse, add_chat
from bot.config import Settings
from bot.console import ConsoleHouse, add_console
from bot.errors import ConfigError
from bot.knowledge import LiveLibrary, follow, source_of
from bot.learning import LiveModel, Trainer
from bot.metrics import Metrics
from bot.pipeline import Pipeline
from bot.pulling import Puller
from bot.referral import ReferralHouse, add_referral
from bot.reports import ReportBook
from bot.roster import LiveRoster, is_staffed
from bot.short_links import add_short_links
from bot.simulator import add_simulator
from bot.turns import Line, Speech
from bot.web import Doors, add_webhooks
from nlp import intents, risk, text, understanding
from nlp.articles import KNOWLEDGE, read_articles
from nlp.entities import Places
from nlp.retrieval import Library
from storage.database import Database
from storage.encryption import Keyring, MasterKey, read_key_file, write_key_file
from storage.migrations import is_current, upgrade
from storage.repositories.knowledge import ArticleSource
from workers.queues import Waker


@dataclass(frozen=True, slots=True)
class House:
    """Everything a process of this service works with."""

    settings: Settings
    database: Database
    channels: dict[str, Channel]
    pipeline: Pipeline
    library: Library
    line: Line
    metrics: Metrics
    waker: Waker | None = None
    puller: Puller | None = None

    def ask_pull(self, channel: Channel, wanted: Pull) -> None:
        """Fetch what a platform says is waiting; without a puller the minute's look finds it."""
        if self.puller is not None:
            self.puller.ask(channel, wanted)

    def redis_is_up(self) -> bool:
        """Whether jobs can be woken right now."""
        return self.waker is not None and self.waker.is_up


@asynccontextmanager
async def open_house(settings: Settings, *, redis_url: str = "", migrate: bool = False) -> AsyncIterator[House]:
    """Open everything one process needs and close it again.

    `redis_url` empty: nothing is woken (the terminal chat, commands). Raises ConfigError and
    StorageUnavailable with one sentence each.
    """
    database = Database(settings.database_url, await load_keys(settings))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        if migrate:
            await upgrade(database)
        elif not await is_current(database):
            raise ConfigError("the database has an older schema; run: python -m bot migrate")
        await database.open()
        waker = None
        if redis_url:
            waker = Waker(redis_url)
            stack.push_async_callback(waker.close)
            database.on_commit = waker.wake
        session = await stack.enter_async_context(ClientSession())
        tokens = RedisTokens(redis_url) if redis_url else InMemoryTokens()
        channels = await open_channels(settings, tokens, session)
        for channel in channels.values():
            stack.push_async_callback(channel.close)
        await asyncio.to_thread(prepare_understanding, settings.data_dir / "cache")
        live = LiveLibrary(database, settings.region)
        await live.refresh()
        library = live.library
        model = LiveModel(database)
        await model.refresh()
        rota = LiveRoster(database, settings.service.timezone)
        await rota.refresh()
        follower = asyncio.create_task(follow(live, model, rota), name="live")
        stack.push_async_callback(_ended, follower)
        forgetter = asyncio.create_task(forgetting.follow(database), name="forgetting")
        stack.push_async_callback(_ended, forgetter)
        areas = LiveAreas(database)
        await areas.refresh()
        stack.push_async_callback(_ended, asyncio.create_task(areas.follow(), name="areas"))
        line = make_line(settings, library, channels, places=areas.places, rota=rota)
        pipeline = Pipeline(database, line)
        pipeline.start()
        stack.push_async_callback(pipeline.stop)
        puller = Puller(database, pipeline)
        stack.push_async_callback(puller.stop)
        yield House(settings, database, channels, pipeline, library, line, Metrics(), waker, puller)


def make_web_app(house: House) -> web.Application:
    """The web application: webhooks, console, health, and the simulator in development."""
    app = web.Application(client_max_size=1024 * 1024)
    reports = ReportBook(house.database)
    add_webhooks(
        app,
        Doors(
            tuple(house.channels.values()),
            house.pipeline,
            house.database,
            house.metrics,
            house.redis_is_up,
            house.ask_pull,
            reports,
        ),
    )

    async def keep_reports(_: web.Application) -> None:
        await reports.close()

    app.on_cleanup.append(keep_reports)
    trainer = Trainer(house.database)

    async def stop_training(_: web.Application) -> None:
        await trainer.close()

    app.on_cleanup.append(stop_training)
    add_console(
        app,
        ConsoleHouse(
            database=house.database,
            settings=house.settings,
            redis_is_up=house.redis_is_up,
            channels=house.channels,
            library=house.library,
            trainer=trainer,
        ),
    )
    add_referral(app, ReferralHouse(house.settings, house.database))
    add_short_links(app, house.database)
    room = house.channels.get(WebChat.name)
    if isinstance(room, WebChat):
        add_chat(app, ChatHouse(house.settings, house.database, house.pipeline, room, house.line.read_risk))
    if house.settings.development:
        add_simulator(app, settings=house.settings)
    return app


def make_line(
    settings: Settings,
    library: Library,
    channels: Mapping[str, Speech],
    *,
    places: Places | None = None,
    rota: LiveRoster | None = None,
) -> Line:
    """What every turn uses, from the settings and the handlers."""
    service = settings.service
    return Line(
        service=service,
        is_staffed=lambda now: is_staffed(service, rota.shifts if rota else (), now),
        house=dialogue.House(
            name=service.name,
            hotline=service.hotline,
            zone=service.timezone,
            duty_hours=duty.hours_in_words(service),
            library=library,
            places=places or Places(),
            private_doors=settings.groups.private_doors,
        ),
        handlers={handler.name: handler for handler in handlers.HANDLERS},
        locked_handlers=frozenset(handlers.LOCKED_HANDLERS),
        speech=channels,
        understand=partial(understanding.understand, explain=False),
        read_risk=risk.read,
        wants_to_leave=handlers.wants_to_leave,
        wants_to_resume=handlers.wants_to_resume,
        command=handlers.command,
        leave=handlers.leave,
        crash_texts=handlers.crash_texts,
        harmless_texts=handlers.harmless_texts,
        unlocked_texts=handlers.unlocked_texts,
        group_pointer=handlers.group_pointer,
        group_answers_per_minute=settings.groups.answers_per_minute,
        both_texts=handlers.both_texts,
        set_aside_texts=handlers.set_aside_texts,
    )


def article_sources() -> list[ArticleSource]:
    """The reviewed articles as their files hold them, for the database."""
    return [
        source_of(article, (KNOWLEDGE / f"{article.id}.md").read_text(encoding="utf-8"))
        for article in read_articles()
    ]


def prepare_understanding(cache_dir: Path) -> None:
    """Load dictionary and model, so that the first message is answered as fast as the next."""
    cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    text.prepare(cache_dir)
    intents.prepare()
    risk.prepare()


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def open_channels(settings: Settings, tokens: Tokens, session: ClientSession) -> dict[str, Channel]:
    """The channels with secrets set, by name. Raises ConfigError naming a bad section or setting."""
    known = {channel.name: channel for channel in CHANNELS}
    for name in settings.channels:
        if name not in known:
            raise ConfigError(f"channels.{name} is not a channel; known are: {', '.join(sorted(known))}")
    return {
        name: known[name].from_settings(values, tokens, session)
        for name, values in settings.channels.items()
        if known[name].is_on(values)
    }


async def load_keys(settings: Settings) -> Keyring:
    """The master keys from the setting or the key file; made only for a database that holds nothing yet.

    Raises ConfigError when sealed data exists but its key does not.
    """
    given = settings.security.key.get_secret_value()
    if given:
        return Keyring([MasterKey.parse(part) for part in given.split(",") if part.strip()])
    path = settings.data_dir / "master.key"
    keys = read_key_file(path)
    if not keys:
        keys = [MasterKey.generate()]
        if await _holds_sealed_data(settings.database_url, keys):
            raise ConfigError(
                f"the database is sealed but there is no master key: set security.key or put {path} back"
            )
        write_key_file(path, keys)
    return Keyring(keys)


async def _holds_sealed_data(url: str, keys: list[MasterKey]) -> bool:
    database = Database(url, Keyring(keys))
    try:
        async with database.reading() as tx:
            return await tx.connection.run_sync(lambda sync: inspect(sync).has_table("house_key"))
    finally:
        await database.close()
