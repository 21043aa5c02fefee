"""Teaching the bot: training a model from the examples of the release and of staff, and using the one they chose.

Training takes a minute of one core, so it runs in a process of its own; a model that hears less danger than the one
in use, or understands clearly less, is refused. Every process looks for the chosen model, as it does for articles.
"""

import asyncio
import logging
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from bot import clock
from nlp import golden, linear, train
from storage.database import Database
from storage.repositories import language_models, questions

log = logging.getLogger(__name__)

#: A model may understand so much less of the golden sentences than the one before it, not more.
_LEEWAY = 0.01
#: The one category of an intent that staff do not choose.
_ONLY = {"policy": "benefit"}


#: Sentences (text, label) in; the model's file and its scores out.
Maker = Callable[[Sequence[tuple[str, str]]], tuple[str, dict[str, Any]]]


class LiveModel:
    """Uses the model staff chose, or the release's own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._current = ""

    async def refresh(self) -> bool:
        """Take over what was chosen since; True when anything changed. Raises StorageUnavailable."""
        async with self._database.reading() as tx:
            chosen = await language_models.live_id(tx)
            if chosen == self._current:
                return False
            found = await language_models.live(tx)
        linear.use(None if found is None else await asyncio.to_thread(linear.parse_model, found[1]))
        self._current = chosen
        return True


class Trainer:
    """Trains one model at a time, in a process of its own; `maker` makes it (see `make`)."""

    def __init__(self, database: Database, maker: Maker | None = None) -> None:
        self._database = database
        self._maker = maker or make
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, staff_id: str) -> str:
        """Start training; the model's id. Raises WrongState while another is being trained."""
        async with self._database.transaction() as tx:
            model_id = await language_models.begin(tx, staff_id, clock.now())
            added = [(row.text, label_of(row.intent, row.category)) for row in await questions.examples(tx)]
        task = asyncio.create_task(self._train(model_id, added), name="training")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return model_id

    async def close(self) -> None:
        """Give up what is being trained: it can be begun again."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _train(self, model_id: str, added: Sequence[tuple[str, str]]) -> None:
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            try:
                content, scores = await loop.run_in_executor(pool, self._maker, list(added))
            except (BrokenProcessPool, OSError, ValueError, asyncio.CancelledError) as error:
                log.warning("model.not_trained", extra={"model": model_id, "error": type(error).__name__})
                for process in list((pool._processes or {}).values()):
                    process.kill()
                async with self._database.transaction() as tx:
                    await language_models.fail(tx, model_id)
                return
        async with self._database.transaction() as tx:
            await language_models.finish(tx, model_id, content, scores, good=not scores["problems"])
        log.info("model.trained", extra={"model": model_id})


def label_of(intent: str, category: str) -> str:
    """The classifier's label: intents without categories stand twice."""
    return f"{intent}:{category or _ONLY.get(intent, intent)}"


def make(added: Sequence[tuple[str, str]]) -> tuple[str, dict[str, Any]]:
    """A model from the release's examples and `added` (text, label): its file, and its scores beside those in use."""
    before = golden.score()
    content = train.train(added)
    linear.use(linear.parse_model(content))
    try:
        after = golden.score()
    finally:
        linear.use(None)
    return content, {"before": before, "after": after, "examples": len(added), "problems": problems(before, after)}


def problems(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Names of the scores that forbid using a model: any danger less heard, or clearly less understood."""
    worse = [name for name in golden.FLOORS if after[name] < before[name]]
    worse += [name for name in golden.SHARES if after[name] < before[name] - _LEEWAY and name not in worse]
    return worse
