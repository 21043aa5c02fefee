"""The web chat from outside: come, write, be answered, be helped by a person, leave, come back."""

import asyncio
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import WSMsgType

from bot import clock
from bot.channels.webchat import WebChat, WebChatSettings
from bot.clock import Frozen
from bot.config import validate_section
from bot.errors import ConfigError
from storage.models import Area, new_id
from storage.repositories import inbox
from tests.bot.chat.conftest import Page, Room
from workers import retention as expiry

JPEG = b"\xff\xd8\xff\xe0" + b"0" * 2000
XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{7*7}}",
    "<svg/onload=alert(1)>",
)


def texts(value: dict[str, Any], who: str) -> list[str]:
    return [one["text"] for one in value["messages"] if one["from"] == who]


async def talk_of(room: Room) -> str:
    return str((await room.house.rows("conversation"))[-1].id)


async def held(room: Room) -> tuple[str, str]:
    """A worker takes the newest conversation; its id and hers."""
    talk_id, staff_id = await talk_of(room), await room.house.add_staff()
    async with room.house.database.transaction() as tx:
        await inbox.claim(tx, talk_id, staff_id, clock.now(), None)
    return talk_id, staff_id


async def staff_says(room: Room, talk_id: str, staff_id: str, text: str) -> None:
    async with room.house.database.transaction() as tx:
        await inbox.reply(tx, talk_id, staff_id, text, new_id(), clock.now())


async def test_room_is_shut_unless_a_setting_opens_it(room: Room) -> None:
    assert not WebChat.is_on({})
    assert not WebChat.is_on({"enabled": False})
    assert not WebChat.is_on({"enabled": "false"})
    assert WebChat.is_on({"enabled": "True"})


def test_exit_must_be_a_whole_address() -> None:
    for wrong in ("", "javascript:alert(1)", "/chat", "www.weather.com.cn", 'https://a"b'):
        with pytest.raises(ConfigError, match="exit_url"):
            validate_section(WebChatSettings, "channels.webchat", {"enabled": True, "exit_url": wrong})


async def test_danger_is_answered_in_the_same_response_and_alarms(room: Room) -> None:
    page = await room.entered()
    assert re.fullmatch(r"\d{16}", page.receipt)
    status, value = await page.write("老公打我")
    assert status == 200
    (answer,) = texts(value, "bot")
    assert "110" in answer
    assert "安全" in answer
    assert "danger" in await room.house.alarms()
    assert (await room.house.rows("outbox"))[0].state == "handed"


async def test_same_key_again_is_the_same_message(room: Room) -> None:
    page = await room.entered()
    first = (await page.write("有什么活动", "same"))[1]
    again = (await page.write("有什么活动", "same"))[1]
    assert len(await room.house.rows("inbound_message")) == 1
    assert [one["id"] for one in first["messages"]] == [one["id"] for one in again["messages"]]
    await asyncio.gather(*(page.write("转人工", "at-once") for _ in range(4)))
    assert len(await room.house.rows("inbound_message")) == 2


async def test_person_answers_in_place_and_sees_when_the_page_has_it(room: Room, frozen: Frozen) -> None:
    page = await room.entered()
    await page.write("转人工")
    talk_id, staff_id = await held(room)
    await staff_says(room, talk_id, staff_id, "我是值班员小李")
    assert texts(await page.read(), "staff") == [], "not before a worker let it through the gate"
    await room.deliver()
    value = await page.read()
    assert texts(value, "staff") == ["我是值班员小李"]
    assert value["held"]
    (row,) = await room.house.rows("outbox", outbound_class="staff")
    assert row.state == "sent"
    line = next(one for one in value["messages"] if one["from"] == "staff")
    await page.read(value["cursor"], (line["id"],))
    (row,) = await room.house.rows("outbox", outbound_class="staff")
    assert row.state == "delivered"
    frozen.advance(1)
    assert [one["text"] for one in (await page.write("好的"))[1]["messages"]] == ["好的"]


async def test_open_line_is_told_within_moments(room: Room) -> None:
    page = await room.entered()
    await page.write("转人工")
    talk_id, staff_id = await held(room)
    async with room.session.ws_connect(room.url + "/chat/live") as line:
        await line.send_json({"token": page.token, "after": ""})
        first = await line.receive_json(timeout=5)
        assert texts(first, "her") == ["转人工"]
        await staff_says(room, talk_id, staff_id, "我在")
        await room.deliver()
        while True:
            pushed = await line.receive_json(timeout=5)
            if "我在" in texts(pushed, "staff"):
                break
        row_id = next(one["id"] for one in pushed["messages"] if one["from"] == "staff")
        await line.send_json({"got": [row_id]})
        for _ in range(50):
            (row,) = await room.house.rows("outbox", outbound_class="staff")
            if row.state == "delivered":
                break
            await asyncio.sleep(0.1)
        assert row.state == "delivered"


async def test_page_that_only_waits_on_the_open_line_keeps_its_pass(room: Room, frozen: Frozen) -> None:
    page = await room.entered()
    async with room.session.ws_connect(room.url + "/chat/live") as line:
        await line.send_json({"token": page.token, "after": ""})
        await line.receive_json(timeout=5)
        for _ in range(3):
            frozen.advance(20 * 60)
            before = (await room.house.rows("chat_pass"))[0].used_at
            await line.send_str("{}")
            for _ in range(50):
                if (await room.house.rows("chat_pass"))[0].used_at > before:
                    break
                await asyncio.sleep(0.05)
    assert (await page.write("还在"))[0] == 200


@pytest.mark.parametrize("said", ['{"token": "no"}', "{", "[]", '{"token": 3}', "x" * 20_000])
async def test_open_line_without_a_token_is_closed(room: Room, said: str) -> None:
    async with room.session.ws_connect(room.url + "/chat/live") as line:
        await line.send_str(said)
        message = await line.receive(timeout=5)
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)
    headers = {"Origin": "https://elsewhere.example"}
    async with room.session.get(room.url + "/chat/live", headers=headers) as response:
        assert response.status == 403


async def test_receipt_and_word_bring_her_back_to_the_same_talk(room: Room) -> None:
    page = await room.entered()
    await page.write("我想离婚")
    assert (await page.ask("POST", "/chat/word", {"word": " Ｌan 花 "}))[0] == 200
    assert (await page.ask("POST", "/chat/word", {"word": "别的词"}))[0] == 409
    assert (await page.ask("POST", "/chat/leave", {"token": page.token}))[0] == 204
    assert (await page.write("还在吗"))[0] == 401
    back = room.page()
    digits = " ".join(re.findall("....", page.receipt))
    assert (await back.start(receipt=digits, word="lan花"))[0] == 200
    assert texts(await back.read(), "her") == ["我想离婚"]
    await back.write("接着说")
    assert len(await room.house.rows("identity")) == 1
    assert len(await room.house.rows("conversation")) == 1


async def test_wrong_words_are_slowed_down_and_never_locked_out(room: Room, frozen: Frozen) -> None:
    page = await room.entered()
    await page.ask("POST", "/chat/word", {"word": "兰花草"})
    waits = []
    for _ in range(12):
        status, value = await room.page().start(receipt=page.receipt, word="猜一猜")
        assert status == 403
        waits.append(value.get("retry_after", 0))
        frozen.advance(waits[-1] + 1)
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] == 30
    await room.page().start(receipt=page.receipt, word="猜一猜")
    status, value = await room.page().start(receipt=page.receipt, word="兰花草")
    assert status == 429, "even the right word waits, or the wait would mean nothing"
    frozen.advance(value["retry_after"] + 1)
    assert (await room.page().start(receipt=page.receipt, word="兰花草"))[0] == 200
    assert (await room.house.rows("chat_room"))[0].tries == 0


async def test_receipt_without_a_word_and_unknown_ones_open_nothing(room: Room) -> None:
    page = await room.entered()
    for receipt, word in (
        (page.receipt, ""),
        (page.receipt, "兰花"),
        ("1" * 16, "兰花"),
        ("一二", "兰花"),
        ("1" * 99, ""),
    ):
        assert (await room.page().start(receipt=receipt, word=word))[0] == 403


async def test_page_left_open_too_long_needs_receipt_and_word(room: Room, frozen: Frozen) -> None:
    page = await room.entered()
    await page.write("你好")
    for _ in range(3):
        frozen.advance(25 * 60)
        await page.read()
    frozen.advance(31 * 60)
    assert (await page.write("还在吗"))[0] == 401
    await room.entered()
    assert len(await room.house.rows("chat_pass")) == 1


@pytest.mark.parametrize("token", ["", "x", "x" * 500, "' OR 1=1 --", "令牌"])
async def test_token_nobody_gave_opens_nothing(room: Room, token: str) -> None:
    page = await room.entered()
    await page.write("老公打我")
    stranger = room.page()
    for path, value in (
        ("/chat/messages", {"text": "你好", "token": token}),
        ("/chat/word", {"word": "词语", "token": token}),
    ):
        status, answer = await stranger.ask("POST", path, value)
        assert (status, answer) == (401, {"error": "no_room"})
    assert (await stranger.ask("GET", "/chat/messages"))[0] == 401
    assert len(await room.house.rows("inbound_message")) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff\xfe", 400),
        (b'{"text": 3}', 400),
        (b'{"text": ""}', 400),
        (b'{"text": "  "}', 400),
        (b'{"text": "a", "key": "../x"}', 400),
        (b'{"text": "' + b"a" * 4001 + b'"}', 400),
        (b'{"text": "' + b"a" * 70_000 + b'"}', 413),
        (b"[" * 30_000, 400),
    ],
)
async def test_bad_body_is_refused_and_the_room_goes_on(room: Room, body: bytes, status: int) -> None:
    page = await room.entered()
    assert (await page.ask("POST", "/chat/messages", data=body))[0] == status
    assert await room.house.rows("inbound_message") == []
    assert (await page.write("你好"))[0] == 200


@pytest.mark.parametrize("text", [*XSS, "a\x00b", "a\ud83db", "🌸" * 500])
async def test_strange_text_is_kept_as_text(room: Room, text: str) -> None:
    page = await room.entered()
    status, _ = await page.write(text)
    assert status == 200
    assert texts(await page.read(), "her") == [re.sub("[\x00\ud83d]", "", text)]


async def test_photo_and_voice_are_kept_sealed_once(room: Room) -> None:
    page = await room.entered()
    for _ in range(2):
        status, value = await page.ask("POST", "/chat/files?kind=photo&key=p1", data=JPEG)
        assert status == 200
    assert texts(value, "bot")
    (row,) = await room.house.rows("attachment")
    assert (row.state, row.content_type, row.size) == ("kept", "image/jpeg", len(JPEG))
    assert JPEG not in row.content_sealed
    async with room.house.database.reading() as tx:
        _, kind, content = await inbox.attachment(tx, row.id, None)
    assert (kind, content) == ("image/jpeg", JPEG)
    assert (await page.ask("POST", "/chat/files?kind=voice&key=v1", data=b"OggS" + b"0" * 100))[0] == 200


@pytest.mark.parametrize(
    ("query", "content", "status"),
    [
        ("kind=photo&key=a", b"<svg onload=alert(1)>", 415),
        ("kind=photo&key=a", b"MZ\x90", 415),
        ("kind=photo&key=a", b"", 415),
        ("kind=photo&key=", JPEG, 415),
        ("kind=voice&key=a", JPEG, 415),
        ("kind=program&key=a", JPEG, 400),
        ("kind=voice&key=a", b"OggS" + b"0" * (3 * 1024 * 1024), 413),
    ],
)
async def test_file_that_is_none_or_too_large_is_refused(room: Room, query: str, content: bytes, status: int) -> None:
    page = await room.entered()
    assert (await page.ask("POST", f"/chat/files?{query}", data=content))[0] == status
    assert await room.house.rows("attachment") == []


async def test_too_fast_is_slowed_down_but_danger_is_always_answered(room: Room) -> None:
    page = await room.entered()
    slow = 0
    for _ in range(23):
        status, value = await page.write("你好")
        if status == 429:
            slow += 1
            assert 0 < value["retry_after"] <= 61
    assert slow == 3
    status, value = await page.write("他拿刀要杀我")
    assert status == 200
    assert any("110" in text for text in texts(value, "bot"))


async def test_many_who_come_at_once_are_let_in_slower(room: Room) -> None:
    began = clock.monotonic()
    for _ in range(22):
        assert (await room.page().start())[0] == 200
    assert clock.monotonic() - began >= 0.5


async def test_safe_word_hides_what_was_said_before(room: Room, frozen: Frozen) -> None:
    page = await room.entered()
    await page.write("我老公总骂我")
    frozen.advance(1)
    identity = (await room.house.rows("identity"))[0]
    await room.house.change("contact", identity.contact_id, locked_at=clock.now())
    value = await page.read()
    assert value["messages"] == []
    assert value["hidden"]


async def test_scene_of_an_area_places_her_talk_there(room: Room) -> None:
    area_id = new_id()
    async with room.house.database.transaction() as tx:
        await tx.insert(Area, {"id": area_id, "code": "0101", "name": "河东镇", "level": "township"})
    page = room.page()
    await page.start(scene="0101")
    await page.write("你好")
    assert (await room.house.rows("conversation"))[0].area_id == area_id
    other = room.page()
    await other.start(scene="<script>")
    assert (await room.house.rows("chat_room"))[-1].scene == ""


async def test_nothing_is_cached_set_or_allowed_from_elsewhere(room: Room) -> None:
    weight = 0
    for path in ("/chat?s=0101", "/chat/static/room.css", "/chat/static/room.js", "/chat/static/icon.svg"):
        async with room.session.get(room.url + path) as response:
            assert response.status == 200
            assert response.headers["Cache-Control"] == "no-store"
            assert "Set-Cookie" not in response.headers
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            content = await response.read()
            weight += len(content)
            assert not re.search(
                rb"localStorage|sessionStorage|indexedDB|document\.cookie|innerHTML|https?://(?!www\.w)", content
            )
    assert weight < 60_000
    for path in ("/chat/static/..%2f__init__.py", "/chat/static/room.html"):
        async with room.session.get(room.url + path) as response:
            assert response.status == 404


async def test_script_is_old_enough_for_old_phones(room: Room) -> None:
    async with room.session.get(room.url + "/chat/static/room.js") as response:
        script = await response.text()
    assert not re.search(r"=>|`|\b(let|const|class|async|await|import|export)\b\s+\w|\.\.\.|fetch\(", script)


async def test_scene_cannot_break_out_of_the_page(room: Room) -> None:
    for scene in XSS:
        async with room.session.get(room.url + "/chat", params={"s": scene}) as response:
            assert 'data-scene=""' in await response.text()


async def test_logs_hold_neither_token_nor_receipt_nor_words(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    page = await room.entered()
    await page.write("老公打我")
    await page.ask("POST", "/chat/word", {"word": "兰花草"})
    await room.page().start(receipt=page.receipt, word="猜一猜")
    lines = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for secret in (page.token, page.receipt, "老公打我", "兰花草"):
        assert secret not in lines


async def test_database_away_keeps_her_text_on_the_page(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    page: Page = await room.entered()
    await room.house.pipeline.stop()
    monkeypatch.setattr("bot.chat.talk._TURN_SECONDS", 0.2)
    status, value = await page.write("你好", "kept")
    assert status == 503
    assert value["retry_after"] > 0


async def test_receipt_and_what_was_said_are_let_go_in_their_time(room: Room, frozen: Frozen) -> None:
    page = await room.entered()
    await page.write("有什么活动")
    await page.ask("POST", "/chat/word", {"word": "兰花草"})
    frozen.advance(timedelta(days=380))
    other = await room.entered()
    await expiry.run(room.house.database, room.house.settings)
    assert [row.id for row in await room.house.rows("chat_pass")] != []
    assert (await room.page().start(receipt=page.receipt, word="兰花草"))[0] == 403
    assert (await other.write("你好"))[0] == 200
    assert len(await room.house.rows("chat_room")) == 1


async def test_lines_whose_time_is_over_are_not_shown_empty(room: Room) -> None:
    page = await room.entered()
    await page.write("有什么活动")
    (heard,) = await room.house.rows("inbound_message")
    (said,) = await room.house.rows("outbox")
    await room.house.change("inbound_message", heard.id, content_sealed=None)
    await room.house.change("outbox", said.id, text_sealed=None)
    assert (await page.read())["messages"] == []
