"""Knowledge articles: the list, one article with its versions, edit → review → publish → roll back, with a diff."""

import difflib
from typing import Any

from aiohttp import web

from bot import clock
from bot.console import access, article_form
from bot.console.visit import BadForm, Visit
from bot.errors import ConfigError, NotFound
from bot.knowledge import source_of
from nlp.articles import Article, filled_slots, read_article
from nlp.citations import read_laws
from storage.repositories import knowledge, questions, staff


async def show_all(visit: Visit) -> web.StreamResponse:
    """All articles, those that need somebody first: a version waiting, past its review date, of little use."""
    today = clock.local(clock.now(), visit.zone).date()
    async with visit.house.database.reading() as tx:
        lines = await knowledge.list_all(tx)
        waiting = await questions.count_open(tx, await visit.scope(tx))
    wanted, category = visit.request.query.get("q", "").strip(), visit.request.query.get("category", "")
    shown = [
        line
        for line in lines
        if (not category or line.category == category) and (not wanted or wanted in line.title or wanted in line.id)
    ]
    if visit.wants_json:
        return visit.json([{"id": line.id, "title": line.title, "version": line.version} for line in shown])
    shown.sort(
        key=lambda line: (
            line.open_state != "submitted",
            not (line.review_by and line.review_by < today),
            line.useful - line.useless,
        )
    )
    return visit.page(
        "knowledge.html",
        lines=shown,
        all=len(lines),
        today=today,
        waiting=waiting,
        wanted=wanted,
        category=category,
        categories=sorted({line.category for line in lines}),
    )


async def show(visit: Visit) -> web.StreamResponse:
    """One article as the bot says it, its versions, and how two of them differ."""
    article_id = visit.part("article")
    async with visit.house.database.reading() as tx:
        row, versions = await knowledge.find(tx, article_id)
        names = await staff.names(tx)
    by_number = {str(one.version): one for one in versions}
    shown = by_number.get(visit.request.query.get("version", "")) or by_number.get(str(row.version)) or versions[0]
    against = by_number.get(visit.request.query.get("against", ""))
    return visit.page(
        "article.html",
        article=row,
        shown=shown,
        read=_read(visit, article_id, shown.source),
        versions=versions,
        names=names,
        against=against,
        changes=_changes(against.source, shown.source) if against else [],
        today=clock.local(clock.now(), visit.zone).date(),
    )


async def edit(visit: Visit) -> web.StreamResponse:
    """Write a new wording; what is in use stays until a colleague publishes it."""
    article_id = visit.part("article")
    async with visit.house.database.reading() as tx:
        _, versions = await knowledge.find(tx, article_id)
    newest = versions[0]
    if visit.request.method == "GET":
        form = article_form.fields_of(newest.source)
        return visit.page("article_edit.html", article_id=article_id, form=form, problems={})
    return await _save(visit, article_id)


async def create(visit: Visit) -> web.StreamResponse:
    """Begin a new article, from a question that was left open if one is named."""
    if visit.request.method == "POST":
        return await _save(visit, "")
    question_id, question = visit.request.query.get("question", ""), ""
    if question_id:
        if visit.me.role not in access.TALK:
            raise NotFound
        async with visit.house.database.transaction() as tx:
            await questions.check_visible(tx, question_id, await visit.scope(tx))
            question = (await questions.find(tx, question_id)).text
            await visit.record(tx, "question.read", f"unanswered_question:{question_id}")
    form = article_form.blank(clock.local(clock.now(), visit.zone).date(), question)
    form["question"] = question_id
    return visit.page("article_edit.html", article_id="", form=form, problems={})


async def submit(visit: Visit) -> web.StreamResponse:
    """Ask a colleague to read it."""
    article_id, number = visit.part("article"), _number(visit)
    async with visit.house.database.transaction() as tx:
        await knowledge.submit(tx, article_id, number)
        await visit.record(tx, "article.submitted", f"article:{article_id}", f"v{number}")
    return _done(visit, article_id)


async def give_back(visit: Visit) -> web.StreamResponse:
    """Return it to whoever wrote it, with a word why."""
    article_id, number, note = visit.part("article"), _number(visit), visit.form.get("note", "").strip()
    if not note:
        raise BadForm({"note": "请写一句为什么退回"})
    async with visit.house.database.transaction() as tx:
        await knowledge.return_to_draft(tx, article_id, number, note)
        await visit.record(tx, "article.returned", f"article:{article_id}", f"v{number}")
    return _done(visit, article_id)


async def publish(visit: Visit) -> web.StreamResponse:
    """Put a version into use: every process takes it over within seconds."""
    article_id, number = visit.part("article"), _number(visit)
    async with visit.house.database.transaction() as tx:
        row = await knowledge.find_version(tx, article_id, number)
        item = source_of(_must_read(visit, article_id, row.source), row.source)
        await knowledge.publish(tx, item, number, visit.me.id, clock.now())
        await visit.record(tx, "article.published", f"article:{article_id}", f"v{number}")
    return _done(visit, article_id)


async def roll_back(visit: Visit) -> web.StreamResponse:
    """Put an earlier wording into use again."""
    article_id, number = visit.part("article"), _number(visit)
    async with visit.house.database.transaction() as tx:
        row = await knowledge.find_version(tx, article_id, number)
        item = source_of(_must_read(visit, article_id, row.source), row.source)
        await knowledge.roll_back(tx, item, number, visit.me.id, clock.now())
        await visit.record(tx, "article.rolled_back", f"article:{article_id}", f"v{number}")
    return _done(visit, article_id)


async def set_active(visit: Visit) -> web.StreamResponse:
    """Take an article out of use, or back into it."""
    article_id, active = visit.part("article"), visit.form.get("active") == "1"
    async with visit.house.database.transaction() as tx:
        await knowledge.set_active(tx, article_id, active)
        await visit.record(tx, "article.taken_back" if active else "article.retired", f"article:{article_id}")
    return _done(visit, article_id)


async def _save(visit: Visit, article_id: str) -> web.StreamResponse:
    try:
        article, source = article_form.read_form(visit.form, article_id=article_id)
    except BadForm as error:
        if visit.wants_json:
            raise
        return visit.page(
            "article_edit.html", status=400, article_id=article_id, form=visit.form, problems=error.problems
        )
    question_id = visit.form.get("question", "")
    async with visit.house.database.transaction() as tx:
        if not article_id and article.id in {line.id for line in await knowledge.list_all(tx)}:
            problems = {"id": "这个编号已经有文章了，请换一个"}
            if visit.wants_json:
                raise BadForm(problems)
            return visit.page("article_edit.html", status=400, article_id="", form=visit.form, problems=problems)
        number = await knowledge.save_draft(tx, source_of(article, source), visit.me.id, clock.now())
        await visit.record(tx, "article.written", f"article:{article.id}", f"v{number}")
        if question_id and visit.me.role in access.TALK:
            await questions.check_visible(tx, question_id, await visit.scope(tx))
            await questions.settle(tx, question_id, visit.me.id, "article", clock.now())
    if visit.wants_json:
        return visit.json({"id": article.id, "version": number}, 201)
    return visit.go(f"/console/knowledge/{article.id}?version={number}")


def _read(visit: Visit, article_id: str, source: str) -> Article | None:
    """The article as the bot reads it, this county's slots filled; None when it cannot be read."""
    try:
        return _must_read(visit, article_id, source)
    except BadForm:
        return None


def _must_read(visit: Visit, article_id: str, source: str) -> Article:
    try:
        return read_article(article_id, source, read_laws(), filled_slots(visit.house.settings.region))
    except ConfigError as error:
        raise BadForm({"": f"这个版本读不出来，不能使用：{error}"}) from None


def _changes(before: str, after: str) -> list[tuple[str, str]]:
    """Lines as (kind, text): `same`, `gone`, `new`, three lines around each change."""
    kinds = {" ": "same", "-": "gone", "+": "new"}
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3))[2:]
    return [("place", "…") if line.startswith("@@") else (kinds[line[0]], line[1:]) for line in lines]


def _number(visit: Visit) -> int:
    text = visit.part("version")
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise NotFound
    return int(text)


def _done(visit: Visit, article_id: str) -> web.Response:
    if visit.wants_json:
        answer: dict[str, Any] = {"id": article_id}
        return visit.json(answer)
    return visit.go(f"/console/knowledge/{article_id}")
