"""What every command shares: reading the settings, opening the database, ending with one sentence."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import app, config, logs
from bot.config import Settings
from bot.errors import BotError, ConfigError, StorageUnavailable
from storage.database import Database
from storage.migrations import is_current

#: Exit codes of the outside contract.
PROBLEMS, CANNOT_START = 1, 2

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="config.yaml; without it ./config.local.yaml if there is one, else defaults"),
]


def read_settings(path: Path | None, **overrides: Any) -> Settings:
    """The settings of this installation."""
    if path is None and Path("config.local.yaml").exists():
        path = Path("config.local.yaml")
    return config.load(path, overrides)


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """End the command with one sentence and exit code 2 for every error we have a name for."""
    try:
        yield
    except StorageUnavailable as error:
        typer.echo(f"cannot start: {error}; check database.url and that the server runs", err=True)
        raise typer.Exit(CANNOT_START) from None
    except ConfigError as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(CANNOT_START) from None
    except BotError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(PROBLEMS) from None
    except PermissionError as error:
        typer.echo(f"cannot start: no permission for {error.filename}; check the owner of the data folder", err=True)
        raise typer.Exit(CANNOT_START) from None


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's event loop where the extra `fast` is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    make: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return make


def run_async(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run a command's coroutine, on the faster loop where it is installed."""

    async def call() -> Any:
        return await main()

    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        return runner.run(call())


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database with its keys, for commands that need no more. Raises ConfigError when it is not migrated."""
    database = Database(settings.database_url, await app.load_keys(settings))
    try:
        if not await is_current(database):
            raise ConfigError("the database has no or an older schema; run: python -m bot migrate")
        await database.open()
        yield database
    finally:
        await database.close()


def quiet_logs(process: str, settings: Settings) -> None:
    """Logs as the settings want them."""
    logs.set_up(process, pretty=settings.development)
