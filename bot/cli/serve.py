"""web, worker, scheduler, migrate: the parts `run` starts, each a process of its own in production."""

import asyncio
import contextlib
import gc
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from aiohttp import web
from redis.exceptions import RedisError

from bot import app as wiring
from bot.cli.common import ConfigOption, fast_loop, one_sentence, quiet_logs, read_settings, run_async
from bot.config import Settings
from bot.errors import ConfigError
from storage.database import Database
from storage.migrations import upgrade
from storage.repositories import knowledge
from workers import alive, process, queues, schedule
from workers.house import WorkerHouse
from workers.limiter import RedisLimiter

commands = typer.Typer()

#: Requests in hand are finished for so long after SIGTERM.
_GRACE_SECONDS = 10.0


@commands.command()
def web_server(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on")] = None,
    without_redis: Annotated[
        bool, typer.Option("--without-redis", help="start although Redis is away: messages are still received")
    ] = False,
) -> None:
    """Serve webhooks, console and health."""
    with one_sentence():
        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        settings = read_settings(config, web=given)
        quiet_logs("web", settings)
        url = redis_url(settings) if without_redis else reachable_redis_url(settings)
        run_async(lambda: _serve(settings, url))


commands.registered_commands[-1].name = "web"


async def _serve(settings: Settings, url: str) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with wiring.open_house(settings, redis_url=url) as house:
        # Dictionary, model and articles live as long as we do: looking through them for garbage costs a tenth of
        # all CPU and makes some women wait a tenth of a second.
        gc.collect()
        gc.freeze()
        runner = web.AppRunner(
            wiring.make_web_app(house),
            access_log=None,
            shutdown_timeout=_GRACE_SECONDS,
            handler_cancellation=False,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.web.host, settings.web.port, reuse_port=True)
            try:
                await site.start()
            except OSError as error:
                raise ConfigError(
                    f"cannot listen on {settings.web.host}:{settings.web.port} ({error.strerror});"
                    " choose another with --port or web.port"
                ) from None
            await stopping.wait()
        finally:
            await runner.cleanup()


@commands.command()
def worker(
    queue: Annotated[str, typer.Option(help="live or bulk: one queue a worker")] = "live",
    config: ConfigOption = None,
) -> None:
    """Work on one queue: `live` (answers, staff messages) or `bulk` (reminders, notices, files)."""
    with one_sentence():
        if queue not in (queues.LIVE, queues.BULK):
            raise ConfigError(f"--queue {queue} is not a queue; use live or bulk")
        settings = read_settings(config)
        quiet_logs(f"worker-{queue}", settings)
        url = reachable_redis_url(settings)

        @asynccontextmanager
        async def open_house() -> AsyncIterator[WorkerHouse]:
            async with (
                wiring.open_house(settings, redis_url=url) as house,
                contextlib.aclosing(RedisLimiter(url)) as limiter,
            ):
                yield WorkerHouse(
                    limiter=limiter,
                    settings=settings,
                    database=house.database,
                    channels=house.channels,
                    pipeline=house.pipeline,
                    name=alive.worker_name(),
                    waker=house.waker.wake if house.waker else lambda names: None,
                )

        process.run_worker(queue, url, open_house, loop_factory=fast_loop())


@commands.command()
def scheduler(config: ConfigOption = None) -> None:
    """Put the regular jobs into the queues; any number may run."""
    with one_sentence():
        settings = read_settings(config)
        quiet_logs("scheduler", settings)
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        schedule.run(reachable_redis_url(settings), stopping.is_set)


@commands.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database to this version's schema and import the knowledge articles; safe to repeat."""
    with one_sentence():
        settings = read_settings(config)
        number = run_async(lambda: prepare_database(settings))
        typer.echo(f"database is up to date, {number} articles changed")


async def prepare_database(settings: Settings) -> int:
    """Migrate, unlock, import articles; how many articles changed."""
    database = Database(settings.database_url, await wiring.load_keys(settings))
    try:
        await upgrade(database)
        await database.open()
        async with database.transaction() as tx:
            return await knowledge.import_articles(tx, wiring.article_sources())
    finally:
        await database.close()


def redis_url(settings: Settings) -> str:
    """The address of Redis. Raises ConfigError when none is set."""
    if not settings.redis.url:
        raise ConfigError(
            "redis.url is not set; set it (redis://127.0.0.1:6379/0), or use `python -m bot run`: it brings its own"
        )
    return settings.redis.url


def reachable_redis_url(settings: Settings) -> str:
    """The address of a Redis that answers. Raises ConfigError."""
    url = redis_url(settings)
    try:
        connection = queues.connect(url)
        connection.ping()
        connection.close()
    except ValueError:
        raise ConfigError("redis.url is not an address such as redis://127.0.0.1:6379/0") from None
    except (RedisError, OSError):
        raise ConfigError("Redis cannot be reached; check redis.url and that the server runs") from None
    return url
