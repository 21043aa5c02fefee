"""One woman on several channels: joined by her own code, protected by what either side said, and parted again."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import UniqueConstraint, select, update

from bot import clock
from storage.encryption import Keyring, MasterKey
from storage.models import Contact, Identity, IdentityLink, InboundMessage, metadata, table
from storage.repositories import access, inbox, links, outbox, persons, talk
from tests.support.house import LINA, House
from tests.support.rows import campaign, follow
from workers import links as worker
from workers.campaigns import plan_all
from workers.jobs import send_campaigns
from workers.outbox import BULK, deliver

#: Where the database lets a contact have only one row of a kind, and what joining does about it.
THOUGHT_OF = {"article_feedback", "safety_plan", "topic_subscription"}
OTHER = "omei-on-another-account-00000001"


async def code_of(house: House, sender: str = LINA) -> str:
    await house.say("绑定", sender)
    heard = await house.say("1", sender)
    return "".join(one for one in heard.all if one.isdigit() and one.isascii())[:10]


async def bind(house: House, code: str, sender: str = OTHER) -> str:
    await house.say("绑定", sender)
    answer = (await house.say(code, sender)).all
    await worker.fulfil(house.worker)
    return answer


async def contact_behind(house: House, sender: str) -> Any:
    async with house.database.reading() as tx:
        wanted = talk.address(tx, "wechat_oa", house.message(sender=sender).account, sender)
        row = await tx.first(
            select(table(Contact))
            .join(table(Identity), table(Identity).c.contact_id == table(Contact).c.id)
            .where(table(Identity).c.address_digest == wanted.digest)
        )
    assert row is not None
    return row


async def words_of(house: House, contact: Any) -> list[str]:
    async with house.database.reading() as tx:
        key = tx.keys.contact_key(contact.id, contact.wrapped_key)
        rows = await tx.rows(select(table(InboundMessage)).where(table(InboundMessage).c.contact_id == contact.id))
        return [key.open_json("inbound.content", row.content_sealed)["text"] for row in rows if row.content_sealed]


async def test_two_channels_become_one_file_and_all_of_it_still_opens(house: House) -> None:
    await house.say("婆婆嫌我生女儿", LINA)
    await house.say("孩子在学校被同学欺负了", OTHER)
    assert "连上了" in await bind(house, await code_of(house))
    hers = await contact_behind(house, LINA)
    assert (await contact_behind(house, OTHER)).id == hers.id
    words = await words_of(house, hers)
    assert {"婆婆嫌我生女儿", "孩子在学校被同学欺负了"} <= set(words)
    heard = await house.say("谢谢", OTHER)
    assert heard.texts, "and both sides go on talking"
    assert "婆婆" not in heard.all


async def test_opting_out_on_one_side_holds_for_both_and_so_does_what_protects_her(house: House) -> None:
    await house.say("恢复通知", LINA)
    await house.say("退订", OTHER)
    await house.say("提前一小时", LINA)
    await house.say("不用提醒", OTHER)
    other = await contact_behind(house, OTHER)
    async with house.database.transaction() as tx:
        key = tx.keys.contact_key(other.id, other.wrapped_key)
        await talk.update_contact(
            tx,
            other.id,
            violence_case_at=clock.now(),
            wishes_sealed=key.seal_json("contact.wishes", {"do_not_initiate": True}),
        )
    await bind(house, await code_of(house))
    hers = await contact_behind(house, LINA)
    assert hers.opted_out_at is not None
    assert hers.consented_at is None
    assert hers.violence_case_at is not None
    assert hers.reminders == "none"
    key = house.database.keys.contact_key(hers.id, hers.wrapped_key)
    assert key.open_json("contact.wishes", hers.wishes_sealed)["do_not_initiate"] is True


async def write_wishes(house: House, sender: str, wishes: dict[str, Any]) -> None:
    contact = await contact_behind(house, sender)
    async with house.database.transaction() as tx:
        key = tx.keys.contact_key(contact.id, contact.wrapped_key)
        await talk.update_contact(tx, contact.id, wishes_sealed=key.seal_json("contact.wishes", wishes))


async def test_a_form_left_empty_on_one_side_takes_no_wish_of_hers_from_the_other(house: House) -> None:
    await house.say("你好", LINA)
    await house.say("你好", OTHER)
    blank = {
        "channels": [],
        "days": [],
        "not_before": "",
        "not_after": "",
        "cover_story": "",
        "allow_broadcast": True,
    }
    careful = blank | {
        "channels": ["webchat"],
        "days": [1, 2],
        "not_before": "09:00",
        "not_after": "11:00",
        "cover_story": "说是超市会员回访",
        "allow_broadcast": False,
    }
    await write_wishes(house, LINA, blank)
    await write_wishes(house, OTHER, careful)
    await bind(house, await code_of(house))
    hers = await contact_behind(house, LINA)
    kept = house.database.keys.contact_key(hers.id, hers.wrapped_key).open_json("contact.wishes", hers.wishes_sealed)
    assert {name: kept[name] for name in careful} == careful
    assert kept["do_not_initiate"] is False


async def test_a_safeword_said_after_the_code_keeps_both_apart_until_it_is_lifted(house: House) -> None:
    for sender in (LINA, OTHER):
        for text in ("安全词", "窗花样子", "新窗花"):
            await house.say(text, sender)
    code = await code_of(house)
    await house.say("绑定", OTHER)
    await house.say(code, OTHER)
    await house.say("窗花样子", OTHER)
    await worker.fulfil(house.worker)
    assert (await contact_behind(house, OTHER)).id != (await contact_behind(house, LINA)).id
    assert (await contact_behind(house, OTHER)).locked_at is not None
    await house.say("新窗花", OTHER)
    await worker.fulfil(house.worker)
    assert (await contact_behind(house, OTHER)).id == (await contact_behind(house, LINA)).id


async def test_who_is_kept_out_of_one_file_does_not_go_on_holding_the_other(house: House) -> None:
    await house.say("你好", LINA)
    await house.say("转人工", OTHER)
    staff_id = await house.add_staff("her-cousin")
    talk_id = (await identity_behind(house, OTHER)).conversation_id
    async with house.database.transaction() as tx:
        lina = await access.of_talk(tx, (await identity_behind(house, LINA)).conversation_id, None)
        await access.recuse(tx, lina, staff_id, "relative", "表姐", by=staff_id, now=clock.now())
        code = await links.make_code(tx, lina.contact_id, clock.now())
    async with house.database.transaction() as tx:
        await inbox.claim(tx, talk_id, staff_id, clock.now(), None)
        other = await identity_behind(house, OTHER)
        assert await links.say_code(tx, other.contact_id, other.id, code, clock.now()) == "joined"
    await worker.fulfil(house.worker)
    (row,) = [one for one in await house.rows("conversation") if one.id == talk_id]
    assert (row.state, row.holder_id) == ("waiting", None)


async def test_a_code_is_good_once_and_for_a_quarter_of_an_hour(house: House) -> None:
    code = await code_of(house)
    async with house.database.transaction() as tx:
        late = clock.now() - timedelta(seconds=1)
        await tx.execute(update(table(IdentityLink)).values(expires_at=late))
    assert "不对" in await bind(house, code)
    await house.say("退出", OTHER)
    again = await code_of(house)
    assert again != code
    assert "连上了" in await bind(house, again)
    third = "othird-0000000000000000000000001"
    assert "不对" in await bind(house, again, third)


async def test_her_own_code_said_on_the_same_side_joins_nothing(house: House) -> None:
    code = await code_of(house)
    assert "从这里拿的" in await bind(house, code, LINA)


async def test_a_safeword_that_would_be_lost_turns_the_way_round(house: House) -> None:
    for text in ("安全词", "窗花样子", "新窗花"):
        await house.say(text, OTHER)
    assert "反过来" in await bind(house, await code_of(house))
    assert (await contact_behind(house, OTHER)).id != (await contact_behind(house, LINA)).id


async def test_a_locked_side_is_not_joined(house: House) -> None:
    for text in ("安全词", "窗花样子", "新窗花"):
        await house.say(text, LINA)
    code = await code_of(house)
    await house.say("窗花样子", LINA)
    assert "现在连不上" in await bind(house, code)


async def test_a_channel_that_parts_begins_anew_and_leaves_what_was_said(house: House) -> None:
    await house.say("孩子在学校被同学欺负了", OTHER)
    await bind(house, await code_of(house))
    await house.say("解除绑定", OTHER)
    await house.say("是", OTHER)
    await worker.fulfil(house.worker)
    parted, hers = await contact_behind(house, OTHER), await contact_behind(house, LINA)
    assert parted.id != hers.id
    assert await words_of(house, parted) == []
    assert "孩子在学校被同学欺负了" in await words_of(house, hers)
    assert (await house.say("你好", OTHER)).texts


async def identity_behind(house: House, sender: str) -> Any:
    async with house.database.reading() as tx:
        wanted = talk.address(tx, "wechat_oa", house.message(sender=sender).account, sender)
        return await tx.first(select(table(Identity)).where(table(Identity).c.address_digest == wanted.digest))


async def test_what_waits_for_a_channel_that_parted_is_not_sent_and_stops_nobody_elses(house: House) -> None:
    await house.say("孩子在学校被同学欺负了", OTHER)
    await bind(house, await code_of(house))
    hers = await contact_behind(house, OTHER)
    key = house.database.keys.contact_key(hers.id, hers.wrapped_key)
    for sender in (OTHER, LINA):
        async with house.database.transaction() as tx:
            await outbox.queue_reminder(
                tx,
                key,
                contact_id=hers.id,
                identity_id=(await identity_behind(house, sender)).id,
                idempotency_key=f"to:{sender}",
                text="明天上午剪纸课",
                now=clock.now(),
            )
    await house.say("解除绑定", OTHER)
    await house.say("是", OTHER)
    await worker.fulfil(house.worker)
    await deliver(house.worker, BULK)
    rows = {row.idempotency_key: row for row in await house.rows("outbox") if row.idempotency_key.startswith("to:")}
    assert (rows[f"to:{OTHER}"].state, rows[f"to:{OTHER}"].error_code) == ("skipped", "parted")
    assert rows[f"to:{LINA}"].state == "sent"


async def test_staff_still_open_what_was_said_on_a_channel_that_parted(house: House) -> None:
    await house.say("孩子在学校被同学欺负了", OTHER)
    await bind(house, await code_of(house))
    talk_id = (await identity_behind(house, OTHER)).conversation_id
    await house.say("解除绑定", OTHER)
    await house.say("是", OTHER)
    await worker.fulfil(house.worker)
    async with house.database.reading() as tx:
        person = await persons.find(tx, talk_id, None, clock.now())
    assert "address" not in person.identifiers


async def test_a_notice_on_its_way_to_both_arrives_once(house: House) -> None:
    await follow(house, LINA, OTHER)
    both = await campaign(house, "两场活动")
    await plan_all(house.worker)
    await bind(house, await code_of(house))
    await send_campaigns(house.worker)
    assert [text for _, text in house.wechat.accepted] == ["两场活动"]
    states = sorted(row.state for row in await house.rows("delivery", campaign_id=both))
    assert states == ["sent", "skipped"]


async def test_joining_twice_changes_nothing_more(house: House) -> None:
    await bind(house, await code_of(house))
    hers = await contact_behind(house, LINA)
    async with house.database.transaction() as tx:
        row = await tx.first(select(table(IdentityLink).c.id))
        assert row is not None
        await links.fulfil(tx, row.id, clock.now())
    assert (await contact_behind(house, LINA)).wrapped_key == hers.wrapped_key


def test_every_key_a_contact_may_have_once_is_thought_of() -> None:
    found = set()
    for one in metadata.sorted_tables:
        columns = {key.parent.name for key in one.foreign_keys if key.column.table.name == "contact"}
        for rule in one.constraints:
            if isinstance(rule, UniqueConstraint) and columns & {column.name for column in rule.columns}:
                found.add(one.name)
        if columns & {column.name for column in one.primary_key.columns}:
            found.add(one.name)
    assert found == THOUGHT_OF, "say in links._clear_the_way what becomes of it"


@pytest.mark.parametrize("number", [1, 3])
def test_a_bundle_of_keys_survives_the_rotation_of_the_master_key(number: int) -> None:
    old, new = MasterKey.generate(), MasterKey.generate()
    ring = Keyring([old])
    key, wrapped = ring.new_contact_key("c0")
    sealed = [key.seal("a.b", "0")]
    for place in range(1, number):
        other, other_wrapped = ring.new_contact_key(f"c{place}")
        sealed.append(other.seal("a.b", str(place)))
        wrapped = ring.join("c0", wrapped, f"c{place}", other_wrapped)
    again = Keyring([new, old]).rewrap("contact:c0", wrapped)
    opened = Keyring([new]).contact_key("c0", again)
    assert [opened.open("a.b", one) for one in sealed] == [str(place) for place in range(number)]
    assert Keyring([new]).contact_key("c0", again).open("a.b", opened.seal("a.b", "x")) == "x"
