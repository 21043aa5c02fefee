"""Recorded-style payloads of WeCom's channels: each is read as what it is, and none lies about unread."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from aiohttp import ClientSession

from bot import clock
from bot.channels.tokens import InMemoryTokens
from bot.channels.wechat_messages import Dialect, read_message
from bot.channels.wechat_xml import parse
from bot.channels.wecom import _EVENT_KINDS
from bot.channels.wecom_aibot import WeComAIBot
from bot.channels.wecom_kf_items import read_item
from bot.clock import Frozen
from bot.messages import HeldElsewhere, InboundMessage, Kind
from bot.simulator.wecom_push import bot_message
from tests.conftest import MORNING
from tests.support.drills import wecom, wecom_aibot

FOLDER = Path(__file__).resolve().parents[2] / "payloads"
_NO_SESSION = cast(ClientSession, object())

EXPECTED = {
    "wecom": {
        "text": Kind.TEXT,
        "text_cdata_end": Kind.TEXT,
        "image": Kind.IMAGE,
        "voice": Kind.VOICE,
        "video": Kind.VIDEO,
        "location": Kind.LOCATION,
        "link": Kind.LINK,
        "event_subscribe": Kind.FOLLOW,
        "event_unsubscribe": Kind.UNFOLLOW,
        "event_enter_agent": Kind.NOTICE,
        "event_click": Kind.MENU,
        "event_view": Kind.NOTICE,
        "event_location": Kind.NOTICE,
        "event_card": Kind.NOTICE,
        "event_unknown": Kind.UNKNOWN,
    },
    "wecom_kf": {
        "text": Kind.TEXT,
        "text_menu": Kind.TEXT,
        "image": Kind.IMAGE,
        "voice": Kind.VOICE,
        "video": Kind.VIDEO,
        "file": Kind.UNKNOWN,
        "location": Kind.LOCATION,
        "link": Kind.LINK,
        "business_card": Kind.UNKNOWN,
        "miniprogram": Kind.LINK,
        "msgmenu": Kind.UNKNOWN,
        "by_member": Kind.NOTICE,
        "event_enter": Kind.FOLLOW,
        "event_enter_again": Kind.NOTICE,
        "event_send_fail": Kind.RECEIPT,
        "event_refused": Kind.UNFOLLOW,
        "event_taken": Kind.NOTICE,
        "event_ended": Kind.NOTICE,
        "event_recall": Kind.NOTICE,
        "event_member_recall": Kind.NOTICE,
        "event_rejects": Kind.UNFOLLOW,
        "event_unknown": Kind.NOTICE,
    },
    "wecom_aibot": {
        "text": Kind.TEXT,
        "text_group": Kind.TEXT,
        "image": Kind.IMAGE,
        "mixed": Kind.TEXT,
        "voice": Kind.VOICE,
        "file": Kind.UNKNOWN,
        "event_enter": Kind.FOLLOW,
        "event_card": Kind.NOTICE,
        "event_feedback": Kind.NOTICE,
    },
}


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with Frozen(MORNING):
        yield


def read(channel: str, name: str) -> InboundMessage:
    """The message in a payload."""
    path = FOLDER / channel / f"{name}.{'xml' if channel == 'wecom' else 'json'}"
    if channel == "wecom":
        return read_message(parse(path.read_bytes()), Dialect("wecom", "account", _EVENT_KINDS))
    value = json.loads(path.read_text("utf-8"))
    if channel == "wecom_kf":
        return read_item(value, "account", "wk")
    bot = WeComAIBot.from_settings(wecom_aibot.settings("http://127.0.0.1:9"), InMemoryTokens(), _NO_SESSION)
    pushed = bot_message(wecom_aibot.SEAL, value, at=clock.timestamp())
    (message,) = bot.receive(wecom.as_request(pushed)).messages
    return message


@pytest.mark.parametrize("channel", EXPECTED)
def test_every_payload_is_read_as_what_it_is(channel: str) -> None:
    found = {path.stem: read(channel, path.stem).kind for path in (FOLDER / channel).iterdir()}
    assert found == EXPECTED[channel]


@pytest.mark.parametrize("channel", EXPECTED)
def test_no_two_payloads_are_the_same_message(channel: str) -> None:
    keys = [read(channel, name).dedupe_key for name in EXPECTED[channel]]
    assert len(set(keys)) == len(keys)


def test_what_payloads_carry() -> None:
    assert read("wecom", "text_cdata_end").text == "a]]>b"
    assert read("wecom_kf", "text_menu").key == "101"
    assert read("wecom_kf", "event_taken").held_elsewhere is HeldElsewhere.PERSON
    assert read("wecom_kf", "event_ended").held_elsewhere is HeldElsewhere.ENDED
    assert read("wecom_kf", "by_member").by_member == "wang-xiulan"
    receipt = read("wecom_kf", "event_send_fail").receipt
    assert receipt is not None
    assert (receipt.row_id, receipt.code) == ("0198f0aa000000010000000001", "fail_4")
    assert "welcome-1" not in repr(read("wecom_kf", "event_unknown"))
    assert read("wecom_aibot", "text").extra["response_url"].startswith("https://qyapi.weixin.qq.com/")
    assert read("wecom_aibot", "text_group").group == "wrkSFfCgAAxxxxxx"
    picture = read("wecom_aibot", "mixed")
    assert picture.media is not None
    assert (picture.text, bool(picture.media.url)) == ("看这个", True)
