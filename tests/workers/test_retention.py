"""Retention: content goes when its time is over, what is counted stays, what is open is not touched."""

from datetime import timedelta
from typing import Any

import pytest

from bot import clock
from bot.clock import Frozen
from bot.config import Retention
from bot.messages import Kind, Media, OutboundClass
from storage.repositories import audit, cases, retention
from storage.repositories import campaigns as stored
from tests.support.house import LINA, MEI, House
from tests.support.rows import campaign, follow, queue
from workers import campaigns, media, sla
from workers import retention as job
from workers.jobs import send_campaigns

YEARS = timedelta(days=1100)


async def a_story(house: House, sender: str = LINA) -> str:
    """A picture, a question nobody could answer, a sign-up, advice, then silence; her contact's id."""
    content = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    media_id = house.wechat.platform.add_media(content, "image/png")
    await house.say("婆婆嫌我生女儿，想离婚怎么办", sender)
    await house.say("有用", sender)
    await house.say(kind=Kind.IMAGE, media=Media(media_id), sender=sender)
    await media.fetch(house.worker)
    await house.add_activity("剪纸课")
    for text in ("退出", "活动", "1", "1", "小丽"):
        await house.say(text, sender)
    return str((await house.contact(sender)).id)


async def close_all(house: House, sender: str = LINA) -> None:
    """Whoever held it is done with it."""
    talk = await house.conversation(sender)
    await house.change("conversation", talk.id, state="closed", closed_at=clock.now())
    await house.change("identity", (await house.identity(sender)).id, conversation_id=None)


async def a_case(house: House, sender: str, **values: Any) -> str:
    """A case of hers; its id."""
    contact, talk = await house.contact(sender), await house.conversation(sender)
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    async with house.database.transaction() as tx:
        opened = await cases.open_case(
            tx,
            key,
            contact_id=contact.id,
            conversation_id=talk.id,
            now=clock.now(),
            zone="Asia/Shanghai",
            fields={"summary": "她说的"},
            **({"category": "divorce", "risk": 0} | values),
        )
        await cases.add_event(tx, key, opened.id, "note", now=clock.now(), body="记一笔")
    await house.change("conversation", talk.id, case_id=opened.id)
    return opened.id


async def content_left(house: House, contact_id: str) -> set[str]:
    """Tables that still hold something of what was said."""
    left = set()
    for name, column in (
        ("inbound_message", "content_sealed"),
        ("outbox", "text_sealed"),
        ("attachment", "content_sealed"),
        ("conversation", "learned_sealed"),
        ("sign_up", "name_sealed"),
        ("case", "fields_sealed"),
    ):
        if any(getattr(row, column) is not None for row in await house.rows(name, contact_id=contact_id)):
            left.add(name)
    return left


async def test_each_kind_goes_in_its_own_time_and_what_is_counted_stays(house: House, frozen: Frozen) -> None:
    contact_id = await a_story(house)
    await close_all(house)
    before = await house.rows("inbound_message", contact_id=contact_id)
    assert await job.run(house.database, house.settings) == dict.fromkeys(
        [*(rule.name for rule in retention.RULES), "contacts"], 0
    )
    frozen.advance(timedelta(days=190))
    done = await job.run(house.database, house.settings)
    assert (done["attachments"], done["sign_ups"], done["messages"]) == (1, 1, 0)
    assert await content_left(house, contact_id) == {"inbound_message", "outbox"}
    (file,) = await house.rows("attachment")
    assert (file.state, file.source_sealed) == ("expired", b"")
    frozen.advance(timedelta(days=190))
    looked = await job.look(house.database, house.settings)
    assert looked["messages"] == len(before)
    assert await content_left(house, contact_id) == {"inbound_message", "outbox"}, "a dry run changes nothing"
    done = await job.run(house.database, house.settings)
    assert {name: done[name] for name in ("messages", "replies")} == {
        "messages": looked["messages"],
        "replies": looked["replies"],
    }
    assert await content_left(house, contact_id) == set()
    kept = [(row.id, row.kind, row.intent, row.category, row.risk, row.said_at) for row in before]
    rows = await house.rows("inbound_message", contact_id=contact_id)
    assert [(row.id, row.kind, row.intent, row.category, row.risk, row.said_at) for row in rows] == kept
    assert await house.rows("article_feedback") == []
    assert set((await job.run(house.database, house.settings)).values()) == {0}, "done twice it does nothing"
    async with house.database.reading() as tx:
        assert await audit.verify(tx) == []
    assert "retention.run" in [row.action for row in await house.rows("audit_entry")]


@pytest.mark.parametrize("open_by", ["case", "danger", "waiting"])
async def test_nothing_of_hers_goes_while_something_is_open(house: House, frozen: Frozen, open_by: str) -> None:
    contact_id = await a_story(house)
    await close_all(house)
    if open_by == "case":
        await a_case(house, LINA)
    elif open_by == "danger":
        await house.change("conversation", (await house.conversation()).id, state="bot", risk=2)
    else:
        await house.change("conversation", (await house.conversation()).id, state="waiting")
    before = await content_left(house, contact_id) - {"sign_up"}
    frozen.advance(YEARS)
    await job.run(house.database, house.settings)
    assert await content_left(house, contact_id) == before
    assert (await house.contact()).erased_at is None


async def test_a_closed_case_and_its_conversation_go_together(house: House, frozen: Frozen) -> None:
    contact_id = await a_story(house)
    case_id = await a_case(house, LINA)
    async with house.database.transaction() as tx:
        await cases.close_of_conversation(tx, (await house.conversation()).id, "answered", clock.now())
    await close_all(house)
    frozen.advance(timedelta(days=1000))
    done = await job.run(house.database, house.settings)
    assert (done["messages"], done["cases"], done["contacts"]) == (0, 0, 0)
    assert {"inbound_message", "case"} <= await content_left(house, contact_id)
    frozen.advance(timedelta(days=100))
    done = await job.run(house.database, house.settings)
    assert done["cases"] == 1
    assert done["messages"] > 0
    assert await content_left(house, contact_id) == set()
    (row,) = await house.rows("case", id=case_id)
    assert (row.category, row.outcome) == ("divorce", "answered")
    assert all(event.body_sealed is None for event in await house.rows("case_event"))


async def test_a_woman_long_silent_is_forgotten_and_one_who_wrote_is_not(house: House, frozen: Frozen) -> None:
    silent = await a_story(house)
    await close_all(house)
    frozen.advance(timedelta(days=700))
    await house.say("你好", MEI)
    frozen.advance(timedelta(days=40))
    await sla.close_silent(house.worker)
    assert (await job.look(house.database, house.settings))["contacts"] == 1
    assert (await job.run(house.database, house.settings))["contacts"] == 1
    (gone,) = await house.rows("contact", id=silent)
    assert gone.wrapped_key is None
    assert (await house.contact(MEI)).wrapped_key is not None


async def test_who_got_a_notice_becomes_how_many_got_it(house: House, frozen: Frozen) -> None:
    await follow(house, LINA, MEI)
    campaign_id = await campaign(house)
    await campaigns.plan_all(house.worker)
    await send_campaigns(house.worker)
    async with house.database.reading() as tx:
        before = await stored.counts(tx, campaign_id)
    frozen.advance(timedelta(days=181))
    assert (await job.run(house.database, house.settings))["recipients"] == 2
    assert await house.rows("delivery", campaign_id=campaign_id) == []
    async with house.database.reading() as tx:
        assert await stored.counts(tx, campaign_id) == before


async def test_a_row_still_to_be_sent_is_never_emptied(house: House, frozen: Frozen) -> None:
    await house.say("你好")
    row = await queue(house, "还没发", outbound_class=OutboundClass.STAFF)
    await close_all(house)
    frozen.advance(timedelta(days=400))
    await job.run(house.database, house.settings)
    assert (await house.rows("outbox", id=row))[0].text_sealed is not None


async def test_every_rule_has_its_period() -> None:
    assert {f"{rule.name}_days" for rule in retention.RULES} | {"contacts_days"} == set(Retention.model_fields)
