"""Articles in the console: edit → review → publish → roll back; the lab; questions left open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot import clock
from bot.app import article_sources
from bot.config import Settings
from bot.console import ConsoleHouse, add_console
from bot.console.article_form import read_form
from bot.console.passwords import hash_password
from bot.console.visit import BadForm
from bot.knowledge import LiveLibrary
from bot.learning import Trainer
from storage.database import Database
from storage.repositories import audit, knowledge, staff
from tests.support.console import StaffClient

#: One hash for all: making one takes a third of a second on purpose.
PASSWORD = "a-long-password"
HASH = hash_password(PASSWORD)
FORM = {
    "id": "divorce-abroad",
    "title": "在国外怎么离婚",
    "category": "divorce",
    "kind": "rights",
    "level": "A",
    "answer": "两个人都在国外，也可以回国内的法院起诉离婚。",
    "questions": "老公在国外怎么离婚\n我在国外打工想离婚\n夫妻都在国外能回来离吗",
    "citations": "民法典 第一千零七十九条",
    "audience": "全体妇女",
    "reviewed_on": "2026-11-01",
    "review_by": "2027-11-01",
}


@asynccontextmanager
async def console(database: Database) -> AsyncIterator[tuple[str, LiveLibrary]]:
    """The console over `database`, the reviewed articles imported."""
    async with database.transaction() as tx:
        await knowledge.import_articles(tx, article_sources()[:40])
        for login, role in (("li", "worker"), ("wang", "supervisor"), ("chen", "cadre")):
            await staff.add(tx, login=login, name=login, role=role, password_hash=HASH, now=clock.now())
    live = LiveLibrary(database, {})
    await live.refresh()
    app = web.Application()
    settings = Settings()
    add_console(app, ConsoleHouse(database, settings, lambda: True, {}, live.library, Trainer(database)))
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), live


async def signed_in(url: str, login: str) -> StaffClient:
    """A client of somebody on duty."""
    client = StaffClient(url)
    assert await client.sign_in(login, PASSWORD) == 200
    return client


async def test_an_article_goes_from_draft_through_review_into_use_and_back(database: Database) -> None:
    async with console(database) as (url, live), await signed_in(url, "li") as li:  # noqa: SIM117
        async with await signed_in(url, "wang") as wang:
            status, made = await li.post("/console/knowledge", FORM)
            assert (status, made) == (201, {"id": "divorce-abroad", "version": 1})
            path = "/console/knowledge/divorce-abroad"
            assert (await wang.post(f"{path}/versions/1/publish"))[0] == 409  # a draft waits for nobody
            assert (await li.post(f"{path}/versions/1/submit"))[0] == 200
            assert (await li.post(f"{path}/versions/1/publish"))[0] == 403
            await live.refresh()
            assert live.library.get("divorce-abroad") is None
            assert (await wang.post(f"{path}/versions/1/publish"))[0] == 200
            assert await live.refresh()
            said = live.library.get("divorce-abroad")
            assert said is not None
            assert said.answer == FORM["answer"]
            changed = FORM | {"answer": "改过的回答。"}
            assert (await li.post(f"{path}/edit", changed))[1]["version"] == 2
            await li.post(f"{path}/versions/2/submit")
            await wang.post(f"{path}/versions/2/publish")
            await live.refresh()
            assert live.library.articles["divorce-abroad"].answer == "改过的回答。"
            assert (await wang.post(f"{path}/versions/1/roll-back"))[0] == 200
            await live.refresh()
            assert live.library.articles["divorce-abroad"].answer == FORM["answer"]
    async with database.reading() as tx:
        assert await audit.verify(tx) == []


async def test_nobody_publishes_her_own_article(database: Database) -> None:
    async with console(database) as (url, _), await signed_in(url, "wang") as wang:
        await wang.post("/console/knowledge", FORM)
        await wang.post("/console/knowledge/divorce-abroad/versions/1/submit")
        status, answer = await wang.post("/console/knowledge/divorce-abroad/versions/1/publish")
        assert status == 409
        assert "同事" in answer["error"]


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("citations", "民法典 第一千三百条", "1260"),
        ("citations", "新婚姻法 第三条", "清单"),
        ("citations", "随便写", "看不懂"),
        ("citations", "", "依据"),
        ("answer", "长" * 301, "300"),
        ("questions", "只有一种问法", "3"),
        ("review_by", "明年", "2026-12-01"),
        ("review_by", "2020-01-01", "之后"),
        ("id", "../etc", "编号"),
        ("category", "unheard-of", "列表"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: str, word: str) -> None:
    with pytest.raises(BadForm) as refused:
        read_form(FORM | {field: value})
    assert word in refused.value.problems[field]


async def test_a_refused_form_keeps_nothing(database: Database) -> None:
    async with console(database) as (url, _), await signed_in(url, "li") as li:
        status, answer = await li.post("/console/knowledge", FORM | {"answer": ""})
        assert status == 400
        assert "answer" in answer["fields"]
        assert (await li.get("/console/knowledge?q=在国外怎么离婚"))[1] == []


async def test_a_release_does_not_overwrite_what_staff_wrote(database: Database) -> None:
    async with console(database) as (url, live):
        source = article_sources()[0]
        async with await signed_in(url, "li") as li, await signed_in(url, "wang") as wang:
            form = FORM | {"answer": "本县自己改过的回答。"}
            path = f"/console/knowledge/{source.id}"
            number = (await li.post(f"{path}/edit", form))[1]["version"]
            await li.post(f"{path}/versions/{number}/submit")
            await wang.post(f"{path}/versions/{number}/publish")
        newer = knowledge.ArticleSource(
            source.id, source.title, source.category, source.review_by, source.source + "\n新的一段。\n"
        )
        async with database.transaction() as tx:
            assert await knowledge.import_articles(tx, [newer]) == 1
            assert await knowledge.import_articles(tx, [newer]) == 0
            states = [one.state for one in (await knowledge.find(tx, source.id))[1]]
        assert states == ["submitted", "published", "published"]
        await live.refresh()
        assert live.library.articles[source.id].answer == "本县自己改过的回答。"


async def test_a_wording_that_cannot_be_read_leaves_the_last_good_one(database: Database) -> None:
    async with console(database) as (_, live):
        source = article_sources()[0]
        before = live.library.articles[source.id].answer
        broken = knowledge.ArticleSource(
            source.id, source.title, source.category, source.review_by, "no front matter"
        )
        async with database.transaction() as tx:
            await knowledge.import_articles(tx, [broken])
        assert await live.refresh()
        assert live.library.articles[source.id].answer == before


async def test_the_lab_says_what_the_bot_makes_of_a_sentence_and_why(database: Database) -> None:
    async with console(database) as (url, _), await signed_in(url, "chen") as chen:
        status, seen = await chen.post("/console/lab", {"text": "老公打我，我想离婚"})
        assert status == 200
        assert seen["risk"] == 2
        assert seen["reasons"]
        assert seen["intent"] == "rights"
        assert "离婚" in seen["tokens"]
        assert seen["articles"][0]["wording"]


async def test_a_cadre_cannot_read_what_women_asked(database: Database) -> None:
    async with console(database) as (url, _), await signed_in(url, "chen") as chen:
        assert (await chen.get("/console/questions"))[0] == 403


async def test_every_page_of_knowledge_renders(database: Database) -> None:
    async with console(database) as (url, _), await signed_in(url, "wang") as wang:
        name = article_sources()[0].id
        pages: list[tuple[str, str]] = [
            ("/console/knowledge", "知识"),
            (f"/console/knowledge/{name}", "依据"),
            (f"/console/knowledge/{name}?version=1&against=1", "两版一样"),
            (f"/console/knowledge/{name}/edit", "修改文章"),
            ("/console/knowledge/new", "写文章"),
            ("/console/lab", "试一句话"),
            ("/console/questions", "现在没有"),
            ("/console/learning", "还没有训练过"),
        ]
        for path, word in pages:
            async with wang.session.get(url + path) as response:
                text: Any = await response.text()
                assert response.status == 200, path
                assert word in text, path
