"""Knowledge articles and their versions: taken in from a release, or written, submitted, published, rolled back."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import case, func, select, update

from bot import clock
from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.models import Article, ArticleFeedback, ArticleVersion, new_id, table

_article = table(Article).c
_version = table(ArticleVersion).c
_feedback = table(ArticleFeedback).c


@dataclass(frozen=True, slots=True)
class ArticleSource:
    """One article as its file holds it."""

    id: str
    title: str
    category: str
    review_by: date | None
    source: str


@dataclass(frozen=True, slots=True)
class ArticleLine:
    """One article in the list: `open_state` names a version under way (draft, submitted), empty if there is none."""

    id: str
    title: str
    category: str
    version: int
    active: bool
    review_by: date | None
    useful: int
    useless: int
    open_state: str


async def import_articles(tx: Transaction, sources: Iterable[ArticleSource]) -> int:
    """Take in what a release changed; how many. What staff wrote here stays in use, the release's wording waits.

    An unchanged article, or a wording seen before, is left alone.
    """
    known = {row.id: row for row in await tx.rows(select(_article.id, _article.version))}
    seen: dict[str, set[str]] = {}
    newest: dict[str, int] = {}
    authors: dict[tuple[str, int], str | None] = {}
    for row in await tx.rows(
        select(_version.article_id, _version.version, _version.checksum, _version.written_by, _version.state)
    ):
        seen.setdefault(row.article_id, set()).add(row.checksum)
        newest[row.article_id] = max(newest.get(row.article_id, 0), row.version)
        authors[row.article_id, row.version] = row.written_by
    changed = 0
    now = clock.now()
    for item in sources:
        checksum = _checksum(item.source)
        if checksum in seen.get(item.id, ()):
            continue
        changed += 1
        number = newest.get(item.id, 0) + 1
        ours = item.id in known and authors.get((item.id, known[item.id].version)) is not None
        if item.id not in known:
            await tx.insert(Article, {"id": item.id, "title": item.title, "category": item.category, "version": 0})
        await _add_version(tx, item, number, state="submitted" if ours else "published", now=now)
        if not ours:
            await _put_in_use(tx, item.id, number, item.title, item.category)
    return changed


async def published(tx: Transaction) -> list[tuple[str, str]]:
    """Id and source of every article in use."""
    rows = await tx.rows(
        select(_article.id, _version.source)
        .join(
            table(ArticleVersion),
            (_version.article_id == _article.id) & (_version.version == _article.version),
        )
        .where(_article.active)
        .order_by(_article.id)
    )
    return [(row.id, row.source) for row in rows]


async def revision(tx: Transaction) -> str:
    """Changes whenever what is in use changes."""
    row = await tx.first(
        select(func.count(), func.sum(_article.version), func.max(_article.id)).where(_article.active)
    )
    newest = await tx.first(select(func.max(_version.published_at)))
    return f"{tuple(row) if row else ''}{newest[0] if newest else ''}"


async def list_all(tx: Transaction) -> list[ArticleLine]:
    """All articles with how useful they were."""
    counts = {
        row.article_id: (row.useful or 0, row.number - (row.useful or 0))
        for row in await tx.rows(
            select(
                _feedback.article_id,
                func.count().label("number"),
                func.sum(case((_feedback.useful, 1), else_=0)).label("useful"),
            ).group_by(_feedback.article_id)
        )
    }
    under_way = {
        row.article_id: row.state
        for row in await tx.rows(
            select(_version.article_id, _version.state)
            .where(_version.state.in_(("draft", "submitted")))
            .order_by(_version.version)
        )
    }
    rows = await tx.rows(
        select(_article.id, _article.title, _article.category, _article.version, _article.active, _version.review_by)
        .outerjoin(
            table(ArticleVersion),
            (_version.article_id == _article.id) & (_version.version == _article.version),
        )
        .order_by(_article.category, _article.id)
    )
    return [
        ArticleLine(
            row.id,
            row.title,
            row.category,
            row.version,
            row.active,
            row.review_by,
            *counts.get(row.id, (0, 0)),
            under_way.get(row.id, ""),
        )
        for row in rows
    ]


async def find(tx: Transaction, article_id: str) -> tuple[AnyRow, Sequence[AnyRow]]:
    """An article and all its versions, the newest first. Raises NotFound."""
    row = await tx.first(select(table(Article)).where(_article.id == article_id))
    if row is None:
        raise NotFound
    versions = await tx.rows(
        select(table(ArticleVersion)).where(_version.article_id == article_id).order_by(_version.version.desc())
    )
    return row, versions


async def find_version(tx: Transaction, article_id: str, number: int) -> AnyRow:
    """One version. Raises NotFound."""
    row = await tx.first(
        select(table(ArticleVersion)).where(_version.article_id == article_id, _version.version == number)
    )
    if row is None:
        raise NotFound
    return row


async def save_draft(tx: Transaction, item: ArticleSource, staff_id: str, now: datetime) -> int:
    """Keep a wording under way: her own draft is replaced, else a new version begins; its number.

    Raises WrongState while another version waits for a colleague.
    """
    if await tx.first(select(_article.id).where(_article.id == item.id)) is None:
        await tx.insert(Article, {"id": item.id, "title": item.title, "category": item.category, "version": 0})
    newest = await tx.first(
        select(table(ArticleVersion)).where(_version.article_id == item.id).order_by(_version.version.desc()).limit(1)
    )
    if newest is not None and newest.state == "submitted":
        raise WrongState("这篇文章有一个版本正在等人审核，请先审核或退回它")
    if newest is not None and newest.state == "draft":
        await tx.execute(
            update(table(ArticleVersion))
            .where(_version.id == newest.id)
            .values(
                source=item.source,
                checksum=_checksum(item.source),
                review_by=item.review_by,
                written_by=staff_id,
                imported_at=now,
            )
        )
        return int(newest.version)
    number = newest.version + 1 if newest is not None else 1
    await _add_version(tx, item, number, state="draft", now=now, staff_id=staff_id)
    return int(number)


async def submit(tx: Transaction, article_id: str, number: int) -> None:
    """Ask a colleague to read it. Raises WrongState when it is no draft."""
    await _move(tx, article_id, number, "draft", state="submitted")


async def return_to_draft(tx: Transaction, article_id: str, number: int, note: str) -> None:
    """Give it back to whoever wrote it, saying why. Raises WrongState when it does not wait."""
    await _move(tx, article_id, number, "submitted", state="draft", note=note[:255])


async def publish(tx: Transaction, item: ArticleSource, number: int, staff_id: str, now: datetime) -> None:
    """Put a version that waits into use. Raises WrongState for one's own, or when it does not wait."""
    row = await find_version(tx, item.id, number)
    if row.written_by == staff_id:
        raise WrongState("自己写的文章要请同事审核发布")
    await _move(tx, item.id, number, "submitted", state="published", published_at=now, published_by=staff_id)
    await _put_in_use(tx, item.id, number, item.title, item.category)


async def roll_back(tx: Transaction, item: ArticleSource, number: int, staff_id: str, now: datetime) -> int:
    """Put an earlier wording into use again, as a new version; its number."""
    row = await find_version(tx, item.id, number)
    if row.state != "published":
        raise WrongState("只能退回到发布过的版本")
    newest = await tx.first(select(func.max(_version.version)).where(_version.article_id == item.id))
    fresh = (newest[0] if newest else 0) + 1
    await _add_version(tx, item, fresh, state="published", now=now, staff_id=staff_id, note=f"退回到第 {number} 版")
    await _put_in_use(tx, item.id, fresh, item.title, item.category)
    return int(fresh)


async def set_active(tx: Transaction, article_id: str, active: bool) -> None:
    """Take an article out of use, or back. Raises NotFound."""
    changed = await tx.execute(update(table(Article)).where(_article.id == article_id).values(active=active))
    if not changed.rowcount:
        raise NotFound


async def note_feedback(tx: Transaction, article_id: str, contact_id: str, useful: bool, now: datetime) -> bool:
    """Keep what she thought of an answer; False when the article is not in the database (the terminal chat)."""
    if await tx.first(select(_article.id).where(_article.id == article_id)) is None:
        return False
    row = {
        "id": new_id(),
        "article_id": article_id,
        "contact_id": contact_id,
        "useful": useful,
        "given_at": now,
    }
    if not await tx.insert_if_new(ArticleFeedback, row):
        await tx.execute(
            update(table(ArticleFeedback))
            .where(_feedback.article_id == article_id, _feedback.contact_id == contact_id)
            .values(useful=useful, given_at=now)
        )
    return True


async def _add_version(
    tx: Transaction,
    item: ArticleSource,
    number: int,
    *,
    state: str,
    now: datetime,
    staff_id: str | None = None,
    note: str = "",
) -> None:
    done = state == "published"
    await tx.insert(
        ArticleVersion,
        {
            "id": new_id(),
            "article_id": item.id,
            "version": number,
            "source": item.source,
            "checksum": _checksum(item.source),
            "review_by": item.review_by,
            "state": state,
            "note": note,
            "imported_at": now,
            "written_by": staff_id,
            "published_at": now if done else None,
            "published_by": staff_id if done else None,
        },
    )


async def _put_in_use(tx: Transaction, article_id: str, number: int, title: str, category: str) -> None:
    await tx.execute(
        update(table(Article))
        .where(_article.id == article_id)
        .values(version=number, title=title, category=category, active=True)
    )


async def _move(tx: Transaction, article_id: str, number: int, expected: str, **values: object) -> None:
    changed = await tx.execute(
        update(table(ArticleVersion))
        .where(_version.article_id == article_id, _version.version == number, _version.state == expected)
        .values(**values)
    )
    if not changed.rowcount:
        raise WrongState


def _checksum(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
