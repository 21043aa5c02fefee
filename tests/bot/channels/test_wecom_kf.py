"""微信客服: the list is read once whatever is killed, answers go once, and whoever else has the talk is respected."""

import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import event

from bot import clock
from bot.channels.base import Channel, Page, Pull
from bot.channels.wecom_kf_items import read_item
from bot.clock import Frozen
from bot.messages import DeliveryReceipt, DeliveryState, HeldElsewhere, Kind, OutboundMessage
from bot.pulling import Puller, pull, pull_all
from storage.database import Database
from storage.repositories import cursors, inbox, staff
from tests.support.drills import wecom
from tests.support.house import House
from tests.support.wecom import KFID, USER, WeComHouse, open_wecom
from workers import outbox
from workers.house import WorkerHouse


@pytest.fixture
async def kf(house: House) -> AsyncIterator[WeComHouse]:
    async with open_wecom(house) as opened:
        yield opened


def item(kind: str, content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    base = {
        "msgid": "4fFc9pQ9gSSYsy1LvaX1tPvD5TTJd3Y3kqWS9i4Gq3pY",
        "open_kfid": KFID,
        "external_userid": USER,
        "send_time": 1_772_503_200,
        "origin": 3,
        "msgtype": kind,
        kind: content,
    }
    return base | changes


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("text", {"content": "在吗"}, (Kind.TEXT, "在吗", "")),
        ("text", {"content": "1 我要咨询", "menu_id": "101"}, (Kind.TEXT, "1 我要咨询", "101")),
        ("image", {"media_id": "m1"}, (Kind.IMAGE, "", "")),
        ("voice", {"media_id": "m2"}, (Kind.VOICE, "", "")),
        ("video", {"media_id": "m3"}, (Kind.VIDEO, "", "")),
        ("file", {"media_id": "m4"}, (Kind.UNKNOWN, "", "")),
        ("location", {"latitude": 36.6, "longitude": 115.6, "name": "文化路"}, (Kind.LOCATION, "", "")),
        ("location", {"latitude": 361.6, "longitude": "x"}, (Kind.UNKNOWN, "", "")),
        ("link", {"title": "一篇文章", "url": "https://example.com"}, (Kind.LINK, "一篇文章", "")),
        ("miniprogram", {"title": "小程序", "appid": "wx1"}, (Kind.LINK, "小程序", "")),
        ("business_card", {"userid": "li"}, (Kind.UNKNOWN, "", "")),
        ("msgmenu", {"head_content": "请选"}, (Kind.UNKNOWN, "", "")),
        ("brand_new", {"a": {"b": [1]}}, (Kind.UNKNOWN, "", "")),
    ],
)
def test_messages(kind: str, content: dict[str, Any], expected: tuple[Kind, str, str]) -> None:
    message = read_item(item(kind, content), "corp", KFID)
    assert (message.kind, message.text, message.key) == expected
    assert message.sender == f"{KFID} {USER}"
    assert message.account == "corp"


@pytest.mark.parametrize(
    ("name", "fields", "kind", "held"),
    [
        ("enter_session", {"scene": "poster", "welcome_code": "c"}, Kind.FOLLOW, None),
        ("enter_session", {"scene": "poster"}, Kind.NOTICE, None),
        ("msg_send_fail", {"fail_msgid": "x", "fail_type": 4}, Kind.RECEIPT, None),
        ("msg_send_fail", {"fail_msgid": "x", "fail_type": 5}, Kind.RECEIPT, HeldElsewhere.ENDED),
        ("msg_send_fail", {"fail_msgid": "x", "fail_type": 10}, Kind.UNFOLLOW, None),
        ("session_status_change", {"change_type": 1}, Kind.NOTICE, HeldElsewhere.PERSON),
        ("session_status_change", {"change_type": 2}, Kind.NOTICE, HeldElsewhere.PERSON),
        ("session_status_change", {"change_type": 3}, Kind.NOTICE, HeldElsewhere.ENDED),
        ("session_status_change", {"change_type": 4}, Kind.NOTICE, HeldElsewhere.PERSON),
        ("user_recall_msg", {"recall_msgid": "y"}, Kind.NOTICE, None),
        ("servicer_recall_msg", {"recall_msgid": "y"}, Kind.NOTICE, None),
        ("reject_customer_msg_switch_change", {"reject_switch": 1}, Kind.UNFOLLOW, None),
        ("reject_customer_msg_switch_change", {"reject_switch": 0}, Kind.NOTICE, None),
        ("brand_new_event", {"x": 1}, Kind.NOTICE, None),
    ],
)
def test_events(name: str, fields: dict[str, Any], kind: Kind, held: HeldElsewhere | None) -> None:
    inner = {"event_type": name, "open_kfid": KFID, "external_userid": USER} | fields
    message = read_item(
        {"msgid": "e1", "send_time": 1_772_503_200, "origin": 4, "msgtype": "event", "event": inner}, "corp", KFID
    )
    assert (message.kind, message.held_elsewhere, message.sender) == (kind, held, f"{KFID} {USER}")


@pytest.mark.parametrize("broken", [{}, {"msgtype": None}, {"msgtype": "text", "text": "x"}, {"send_time": "soon"}])
def test_item_that_makes_no_sense_never_stops_the_list(broken: dict[str, Any]) -> None:
    assert read_item(broken, "corp", KFID).sent_at is not None


async def test_customer_is_answered_through_the_api_under_the_row_s_id(kf: WeComHouse) -> None:
    (answer,) = await kf.says("两癌筛查怎么申请")
    assert "来源" in answer
    (row,) = await kf.sent()
    assert row.state == "sent"
    assert kf.platform.accepted == [("wecom_kf", USER, answer, row.id)]
    assert row.platform_id == row.id


async def test_page_and_place_are_kept_together(kf: WeComHouse) -> None:
    kf.platform.page = 3
    for number in range(8):
        kf.platform.says(KFID, f"wm{number}", "你好")
    assert await kf.pull() == 3
    assert len(await kf.house.rows("inbound_message")) == 8
    async with kf.house.database.reading() as tx:
        assert await cursors.read(tx, "wecom_kf", KFID) == "c8"
        assert await cursors.known(tx, "wecom_kf") == [KFID]


async def test_list_read_again_from_the_start_answers_nobody_twice(kf: WeComHouse) -> None:
    for text in ("你好", "两癌筛查怎么申请", "转人工"):
        await kf.says(text)
    answered = list(kf.platform.accepted)
    async with kf.house.database.transaction() as tx:
        assert await cursors.move(tx, "wecom_kf", KFID, expected="c3", to="", now=clock.now())
    await kf.pull()
    await kf.deliver()
    assert kf.platform.accepted == answered
    assert len(await kf.house.rows("inbound_message")) == 3


async def test_two_looks_at_once_keep_a_page_once(kf: WeComHouse, make_database: Any) -> None:
    for number in range(5):
        kf.platform.says(KFID, f"wm{number}", "两癌筛查怎么申请")
    other = await make_database()
    pipeline = await kf.house.another_pipeline(other)
    page = await kf.kf.poll(KFID, "", "")

    async def move(tx: Any) -> bool:
        return await cursors.move(tx, "wecom_kf", KFID, expected="", to=page.next_cursor, now=clock.now())

    assert await kf.house.pipeline.keep_page(page.messages, move)
    assert not await pipeline.keep_page(page.messages, move)
    assert len(await kf.house.rows("outbox")) == 5


async def test_message_nobody_can_handle_does_not_stop_the_list(kf: WeComHouse) -> None:
    line = kf.house.line

    def failing(text: str, context: Any) -> Any:
        if text == "坏掉的":
            raise RuntimeError("broken")
        return line.understand(text, context)

    await kf.house.replace_line(understand=failing)
    kf.platform.says(KFID, "wm1", "你好")
    kf.platform.says(KFID, "wm2", "坏掉的")
    kf.platform.says(KFID, "wm3", "你好")
    await kf.pull()
    assert len(await kf.house.rows("inbound_message")) == 3
    assert "bot_failed" in await kf.house.alarms()
    await kf.deliver()
    assert all(kf.platform.texts_to(f"wm{number}") for number in (1, 2, 3))


class Killed(BaseException):
    """The process ends here."""


class Fate:
    """Counts every statement, commit and call; the process dies at the one chosen."""

    def __init__(self) -> None:
        self.count, self.fatal = 0, -1

    def step(self, *_: Any) -> None:
        self.count += 1
        if self.count == self.fatal:
            raise Killed


class Mortal:
    """微信客服 whose process may die before and after each of its calls."""

    def __init__(self, channel: Channel, fate: Fate) -> None:
        self._channel, self._fate = channel, fate
        self.name, self.idempotent = "wecom_kf", channel.idempotent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def accounts(self) -> Sequence[str]:
        return (KFID,)

    async def poll(self, account: str, cursor: str, token: str) -> Page:
        self._fate.step()
        page: Page = await self._channel.poll(account, cursor, token)  # type: ignore[attr-defined]
        self._fate.step()
        return page

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        self._fate.step()
        receipt = await self._channel.send(message)
        self._fate.step()
        return receipt


def watch(database: Database, fate: Fate) -> None:
    """Every statement and every commit is a step."""
    event.listen(database.engine.sync_engine, "before_cursor_execute", fate.step)
    event.listen(database.engine.sync_engine, "commit", fate.step)


async def test_killed_at_every_step_between_list_and_answer_nothing_is_lost_or_said_twice(
    kf: WeComHouse, frozen: Frozen
) -> None:
    fate = Fate()
    watch(kf.house.database, fate)
    mortal: Any = Mortal(kf.kf, fate)
    house = WorkerHouse(
        settings=kf.house.settings,
        database=kf.house.database,
        channels={"wecom_kf": mortal},
        pipeline=kf.house.pipeline,
        name="test-host:0:0",
    )

    async def life() -> None:
        await pull(kf.house.database, kf.house.pipeline, mortal, Pull(KFID))
        await outbox.deliver(house)

    deaths = 0
    for fatal in itertools.count(1):
        kf.platform.says(KFID, f"wm-killed-{fatal}", "两癌筛查怎么申请")
        fate.count, fate.fatal = 0, fatal
        try:
            await life()
            survived = True
        except Killed:
            survived = False
            deaths += 1
        fate.fatal = -1
        # Another process goes on: what was being sent is found once its worker is surely gone.
        frozen.advance(91)
        await outbox.recover(house)
        await life()
        if survived:
            break
    assert deaths > 20, "hardly a step was found"
    for number in range(1, fatal + 1):
        assert len(kf.platform.texts_to(f"wm-killed-{number}")) == 1, f"killed at step {number}"
    assert len(await kf.house.rows("inbound_message")) == fatal
    assert {row.state for row in await kf.sent()} == {"sent"}


async def test_lost_answer_of_the_platform_is_asked_for_under_the_same_key(kf: WeComHouse, frozen: Frozen) -> None:
    kf.platform.says(KFID, USER, "两癌筛查怎么申请")
    await kf.pull()
    (row,) = await kf.sent()
    # The platform takes it, but its answer is lost; later it says that this key was used.
    await kf.kf.send(OutboundMessage(f"{KFID} {USER}", "两癌", "k", row_id=row.id))
    await kf.deliver()
    (row,) = await kf.sent()
    assert (row.state, len(kf.platform.accepted)) == ("sent", 1)


async def test_failed_delivery_is_written_on_the_row(kf: WeComHouse) -> None:
    await kf.says("他现在拿刀要杀我")
    (row,) = await kf.sent()
    assert row.crisis
    kf.platform.happens(KFID, USER, "msg_send_fail", fail_msgid=row.id, fail_type=4)
    await kf.pull()
    (row,) = await kf.sent()
    assert (row.state, row.error_code) == ("failed", "fail_4")
    assert "48 小时" in row.error_sentence
    assert "crisis_failed" in await kf.house.alarms()


async def test_refusal_reported_for_a_row_marks_her_as_gone(kf: WeComHouse) -> None:
    await kf.says("你好")
    (row,) = await kf.sent()
    kf.platform.happens(KFID, USER, "msg_send_fail", fail_msgid=row.id, fail_type=10)
    await kf.pull()
    (identity,) = await kf.house.rows("identity")
    assert identity.unfollowed_at is not None
    assert (await kf.sent())[0].state == "failed"


async def test_five_messages_answer_one_of_hers(kf: WeComHouse) -> None:
    await kf.says("你好")
    (identity,) = await kf.house.rows("identity")
    assert (identity.window_trigger, identity.window_used) == ("message", 1)
    kf.platform.says(KFID, USER, "两癌筛查怎么申请")
    await kf.pull()
    assert (await kf.house.rows("identity"))[0].window_used == 0, "her next message opens a new window"
    await kf.house.change("identity", identity.id, window_used=5)
    await kf.deliver()
    assert [row.error_code for row in await kf.sent()] == ["", "window_used"]


async def test_welcome_goes_out_once_within_twenty_seconds(kf: WeComHouse, frozen: Frozen) -> None:
    kf.platform.happens(KFID, USER, "enter_session", scene="poster")
    await kf.pull()
    await kf.deliver()
    assert len(kf.platform.texts_to(USER)) == 1
    kf.platform.happens(KFID, "wm-late", "enter_session", scene="poster")
    await kf.pull()
    frozen.advance(21)
    await kf.deliver()
    assert kf.platform.texts_to("wm-late") == []
    assert [row.state for row in await kf.sent()] == ["sent", "failed"]


async def test_talk_taken_in_the_client_silences_the_bot_and_danger_alarms(kf: WeComHouse) -> None:
    await kf.says("你好")
    kf.platform.happens(KFID, USER, "session_status_change", change_type=1, new_servicer_userid="wang")
    kf.platform.talks[(KFID, USER)].state = 3
    assert await kf.says("在吗") == []
    assert await kf.says("他现在拿刀要杀我") == []
    assert "danger" in await kf.house.alarms()
    assert ((await kf.talk()).state, (await kf.talk()).waiting_reason) == ("waiting", "danger")
    (identity,) = await kf.house.rows("identity")
    assert identity.held_elsewhere == "person"
    kf.platform.happens(KFID, USER, "session_status_change", change_type=3)
    kf.platform.talks[(KFID, USER)].state = 4
    await kf.pull()
    assert (await kf.house.rows("identity"))[0].held_elsewhere == "ended"
    assert await kf.says("两癌筛查怎么申请") != [], "her next word brings the bot back"
    assert (await kf.house.rows("identity"))[0].held_elsewhere == ""


async def test_member_s_answer_in_the_client_stands_in_the_talk_once(kf: WeComHouse) -> None:
    staff_id = await kf.house.add_staff()
    async with kf.house.database.transaction() as tx:
        await staff.set_wecom(tx, staff_id, wecom.MEMBER)
    await kf.says("你好")
    kf.platform.answers(KFID, USER, wecom.MEMBER, "我是小王，慢慢说")
    await kf.pull()
    async with kf.house.database.transaction() as tx:
        await cursors.move(tx, "wecom_kf", KFID, expected="c2", to="c1", now=clock.now())
    await kf.pull()
    said = [row for row in await kf.sent() if row.outbound_class == "staff"]
    assert [(row.state, row.staff_id) for row in said] == [(DeliveryState.DELIVERED, staff_id)]
    assert (await kf.house.rows("identity"))[0].held_elsewhere == "person"


async def test_first_answer_brings_an_untreated_talk_into_our_state(kf: WeComHouse) -> None:
    await kf.says("你好")
    assert kf.platform.talks[(KFID, USER)].state == 1


async def test_queued_talk_is_taken_into_our_state(kf: WeComHouse) -> None:
    await kf.says("你好")
    kf.platform.talks[(KFID, USER)].state = 2
    assert await kf.says("两癌筛查怎么申请") != []
    assert kf.platform.talks[(KFID, USER)].state == 1


async def test_staff_at_our_desk_write_in_state_one(kf: WeComHouse) -> None:
    await kf.says("转人工")
    staff_id = await kf.house.add_staff()
    talk = await kf.talk()
    async with kf.house.database.transaction() as tx:
        await inbox.claim(tx, talk.id, staff_id, clock.now(), None)
    assert await kf.says("你们在吗") == []
    assert kf.platform.talks[(KFID, USER)].state in (0, 1)


async def test_start_looks_at_accounts_no_callback_named(kf: WeComHouse) -> None:
    kf.platform.says("wkOTHER", USER, "你好")
    await pull_all(kf.house.database, kf.house.pipeline, kf.channels.values())
    assert len(await kf.house.rows("inbound_message")) == 1


async def test_callbacks_in_a_row_become_looks_one_after_the_other(kf: WeComHouse) -> None:
    puller = Puller(kf.house.database, kf.house.pipeline)
    for number in range(10):
        kf.platform.says(KFID, f"wm{number}", "你好")
        puller.ask(kf.kf, Pull(KFID, "token"))
    await puller.settle()
    await puller.stop()
    assert len(await kf.house.rows("inbound_message")) == 10
    assert len(await kf.house.rows("outbox")) == 10


async def test_platform_out_of_reach_leaves_the_place_where_it_was(kf: WeComHouse) -> None:
    kf.platform.says(KFID, USER, "你好")
    kf.platform.refusals["/cgi-bin/kf/sync_msg"] = [-1]
    puller = Puller(kf.house.database, kf.house.pipeline)
    puller.ask(kf.kf, Pull(KFID))
    await puller.stop()
    await kf.pull()
    assert len(await kf.house.rows("inbound_message")) == 1
