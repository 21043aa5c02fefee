"""The articles in use, kept in step with what staff publish: every process looks, none is told.

An article that cannot be read is left as it was last: a bad wording never takes a good one away.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import date
from typing import Protocol

from bot.errors import ConfigError, StorageUnavailable
from nlp.articles import Article, filled_slots, read_article
from nlp.citations import read_laws
from nlp.retrieval import Library
from storage.database import Database
from storage.repositories import knowledge
from storage.repositories.knowledge import ArticleSource

log = logging.getLogger(__name__)

#: How long after publishing the bot may still say the old wording.
LOOK_SECONDS = 5.0


def source_of(article: Article, text: str) -> ArticleSource:
    """An article with its Markdown, as the database keeps it."""
    return ArticleSource(article.id, article.title, article.category, date.fromisoformat(article.review_by), text)


class Live(Protocol):
    """Something every process keeps in step with the database."""

    async def refresh(self) -> bool:
        """Take over what changed; True when anything did. Raises StorageUnavailable."""


async def follow(*followed: Live) -> None:
    """Keep them in step for ever, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for one in followed:
            try:
                if await one.refresh():
                    log.info("live.refreshed", extra={"what": type(one).__name__})
            except StorageUnavailable:
                log.warning("live.not_refreshed", extra={"what": type(one).__name__})


class LiveLibrary:
    """Keeps one `Library` in step with the database. `library` stays the same object; its articles change."""

    def __init__(self, database: Database, region: Mapping[str, str]) -> None:
        self._database = database
        self._filled = filled_slots(region)
        self._revision = ""
        self._read: dict[str, tuple[str, Article]] = {}
        self.library = Library(())

    async def refresh(self) -> bool:
        """Take over what was published since; True when anything changed. Raises StorageUnavailable."""
        async with self._database.reading() as tx:
            revision = await knowledge.revision(tx)
            if revision == self._revision:
                return False
            sources = await knowledge.published(tx)
        await asyncio.to_thread(self._take_over, sources)
        self._revision = revision
        return True

    def _take_over(self, sources: list[tuple[str, str]]) -> None:
        read: dict[str, tuple[str, Article]] = {}
        laws = read_laws()
        for name, source in sources:
            known = self._read.get(name)
            if known is not None and known[0] == source:
                read[name] = known
                continue
            try:
                read[name] = source, read_article(name, source, laws, self._filled)
            except ConfigError:
                log.error("article.unreadable", extra={"article": name})
                if known is not None:
                    read[name] = known
        self._read = read
        self.library.replace(article for _, article in read.values())
