"""Articles beside a conversation: nearest to what she said, cited; those for staff are never words to her."""

import re

from nlp.articles import FOR_STAFF
from nlp.retrieval import Library
from tests.bot.console.conftest import Desk


async def test_nearest_articles_stand_beside_her_words_with_law_and_review_date(desk: Desk, library: Library) -> None:
    li = await desk.signed_in("li", "worker")
    page = f"/console/conversations/{await desk.waiting('离婚了他不给抚养费怎么办')}"
    await desk.house.say("转人工")
    assert (await li.post(f"{page}/claim"))[0] == 200
    before = len(await desk.house.rows("outbox"))
    near = (await li.get(page))[1]["suggestions"]
    assert 1 <= len(near) <= 3
    first = library.get(near[0]["article"])
    assert first is not None
    assert first.answer in near[0]["text"]
    assert first.sources in near[0]["text"]
    year, month, day = map(int, first.reviewed_on.split("-"))
    assert f"{year}年{month}月{day}日" in near[0]["text"].splitlines()[-1]
    async with li.session.get(desk.url + page) as answer:
        shown = await answer.text()
    assert "「离婚了他不给抚养费怎么办」" in shown, "a number or 转人工 is no question"
    assert shown.count("data-insert=") == sum(bool(one["text"]) for one in near)
    assert len(await desk.house.rows("outbox")) == before


async def test_article_for_staff_is_marked_and_cannot_be_inserted(desk: Desk, library: Library) -> None:
    li = await desk.signed_in("li", "worker")
    ours = next(one for one in library.articles.values() if one.audience == FOR_STAFF)
    page = f"/console/conversations/{await desk.waiting()}"
    assert (await li.post(f"{page}/claim"))[0] == 200
    await desk.house.say(ours.questions[0])
    near = {one["article"]: one["text"] for one in (await li.get(page))[1]["suggestions"]}
    assert near[ours.id] == ""
    async with li.session.get(desk.url + page) as answer:
        shown = await answer.text()
    assert "只给工作人员" in shown
    texts = re.findall(r'data-insert="([^"]*)"', shown)
    assert not any(ours.answer[:20] in text for text in texts)
