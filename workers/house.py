"""What every job works with: opened once per worker process."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bot.channels.base import Channel
from bot.config import Settings
from bot.pipeline import Pipeline
from storage.database import Database
from workers.limiter import Limiter, NoLimiter


@dataclass(frozen=True, slots=True)
class WorkerHouse:
    """Settings, database, channels and pipeline of one worker; `name` is what it claims rows by."""

    settings: Settings
    database: Database
    channels: Mapping[str, Channel]
    pipeline: Pipeline
    name: str
    waker: Callable[[Iterable[str]], None] = lambda names: None
    limiter: Limiter = field(default_factory=NoLimiter)

    def wake(self, *names: str) -> None:
        """Ask for more jobs."""
        self.waker(names)
