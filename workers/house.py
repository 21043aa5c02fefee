"""What every job works with: opened once per worker process."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bot.channels.base import Channel
from bot.config import Settings
from bot.pipeline import Pipeline
from storage.database import Database


@dataclass(frozen=True, slots=True)
class WorkerHouse:
    """Settings, database, channels and pipeline of one worker; `name` is what it claims rows by."""

    settings: Settings
    database: Database
    channels: Mapping[str, Channel]
    pipeline: Pipeline
    name: str
    waker: Callable[[Iterable[str]], None] = lambda names: None

    def wake(self, *names: str) -> None:
        """Ask for more jobs."""
        self.waker(names)
