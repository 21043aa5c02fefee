"""Knowledge articles and their versions, as imported from the reviewed files."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update

from bot import clock
from storage.database import Transaction
from storage.models import Article, ArticleVersion, new_id, table

_article = table(Article).c
_version = table(ArticleVersion).c


@dataclass(frozen=True, slots=True)
class ArticleSource:
    """One article as its file holds it."""

    id: str
    title: str
    category: str
    review_by: date | None
    source: str


async def import_articles(tx: Transaction, sources: Iterable[ArticleSource]) -> int:
    """Take in new and changed articles as a new version each; how many. An unchanged one stays as it is."""
    known = {
        row.id: (row.version, row.checksum)
        for row in await tx.rows(
            select(_article.id, _article.version, _version.checksum).join(
                table(ArticleVersion),
                (_version.article_id == _article.id) & (_version.version == _article.version),
            )
        )
    }
    changed = 0
    for item in sources:
        checksum = hashlib.sha256(item.source.encode()).hexdigest()
        version, before = known.get(item.id, (0, ""))
        if before == checksum:
            continue
        changed += 1
        values = {"title": item.title, "category": item.category, "version": version + 1, "active": True}
        if version:
            await tx.execute(update(table(Article)).where(_article.id == item.id).values(**values))
        else:
            await tx.insert(Article, {"id": item.id, **values})
        await tx.insert(
            ArticleVersion,
            {
                "id": new_id(),
                "article_id": item.id,
                "version": version + 1,
                "source": item.source,
                "checksum": checksum,
                "review_by": item.review_by,
                "imported_at": clock.now(),
            },
        )
    return changed
