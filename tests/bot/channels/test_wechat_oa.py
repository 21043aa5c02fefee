"""The official account: every message and event on its way in, every forgery refused, replies WeChat can read."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unicodedata import category
from urllib.parse import parse_qsl

import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import clock
from bot.channels.base import Received, WebhookRequest
from bot.channels.tokens import InMemoryTokens
from bot.channels.wechat_crypto import signature
from bot.channels.wechat_oa import MAX_TEXT_BYTES, WeChatOA
from bot.channels.wechat_xml import flatten, parse, text_of
from bot.clock import Frozen
from bot.errors import ConfigError, UnreadablePayload, UnverifiedRequest
from bot.messages import InboundMessage, Kind, PassiveReply, Trigger, Window
from bot.simulator.wechat_push import Message, Push, build, echo_query, read_reply
from tests.conftest import MORNING
from tests.support.wechat import SECRETS, account

PAYLOADS = Path(__file__).resolve().parents[2] / "payloads" / "wechat_oa"
MODES = ("plain", "compat", "safe")


#: Receiving makes no calls: whoever tries fails.
_NO_SESSION = cast(ClientSession, object())


def channel(mode: str = "plain", **changes: Any) -> WeChatOA:
    values = {
        "token": SECRETS.token,
        "encoding_aes_key": SECRETS.encoding_aes_key,
        "app_id": SECRETS.app_id,
        "app_secret": SECRETS.app_secret,
        "mode": mode,
    }
    return WeChatOA.from_settings(values | changes, InMemoryTokens(), _NO_SESSION)


CHANNELS = {mode: channel(mode) for mode in MODES}


def as_request(push: Push, method: str = "POST") -> WebhookRequest:
    return WebhookRequest(method, dict(parse_qsl(push.query_string)), {}, push.body, clock.now())


def signed(body: bytes, **query: str) -> WebhookRequest:
    """A plain-mode request with this body."""
    timestamp = str(int(clock.timestamp()))
    base = {"timestamp": timestamp, "nonce": "n", "signature": signature(SECRETS.token, timestamp, "n")}
    return WebhookRequest("POST", base | query, {}, body, clock.now())


def parsed(name: str) -> InboundMessage:
    message, *more = channel().receive(signed((PAYLOADS / f"{name}.xml").read_bytes())).messages
    # A list of reports is a message each, which differ in what is reported and in their keys alone.
    assert all(replace(one, receipt=message.receipt, dedupe_key=message.dedupe_key) == message for one in more)
    return message


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with Frozen(MORNING):
        yield


def test_text() -> None:
    message = parsed("text")
    assert message.kind is Kind.TEXT
    assert message.text == "你好，我想问个事"
    assert message.dedupe_key == "m:23456789012345678"
    assert message.order == 23456789012345678
    assert message.sent_at == MORNING
    assert message.sender == "oTESTopenid0000000000000001a"
    assert message.account == SECRETS.app_id


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("text_from_article", "这篇说的是真的吗"),
        ("text_menu_tap", "要"),
        ("text_cdata_end", "a]]>b"),
        ("text_empty", ""),
        ("text_biggest_id", "编号很大"),
    ],
)
def test_other_texts(name: str, text: str) -> None:
    message = parsed(name)
    assert (message.kind, message.text) == (Kind.TEXT, text)
    assert 0 <= message.order < 2**63, "the database counts with signed numbers"


def test_ids_of_all_64_bits_stay_different() -> None:
    assert parsed("text_biggest_id").dedupe_key == "m:18446744073709551615"


@pytest.mark.parametrize(
    ("name", "kind", "media_id"),
    [
        ("image", Kind.IMAGE, "media-image-1"),
        ("voice", Kind.VOICE, "media-voice-1"),
        ("voice_recognised", Kind.VOICE, "media-voice-2"),
        ("video", Kind.VIDEO, "media-video-1"),
        ("shortvideo", Kind.VIDEO, "media-video-2"),
    ],
)
def test_media(name: str, kind: Kind, media_id: str) -> None:
    message = parsed(name)
    assert message.kind is kind
    assert message.media is not None
    assert message.media.media_id == media_id


def test_voice_with_recognition_is_words() -> None:
    assert parsed("voice_recognised").text == "怎么报名"
    assert parsed("voice").text == ""


def test_location_takes_x_for_latitude() -> None:
    place = parsed("location").location
    assert place is not None
    assert (place.latitude, place.longitude, place.label) == (36.6512, 115.6701, "文化路")


def test_link_and_unknown_kinds_are_kept() -> None:
    assert (parsed("link").kind, parsed("link").text) == (Kind.LINK, "一篇文章")
    unknown = parsed("unknown")
    assert unknown.kind is Kind.UNKNOWN
    assert unknown.extra["MsgType"] == "miniprogrampage"
    assert parsed("text_unsupported").kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    ("name", "kind", "key"),
    [
        ("event_subscribe", Kind.FOLLOW, ""),
        ("event_subscribe_no_key", Kind.FOLLOW, ""),
        ("event_subscribe_qr", Kind.FOLLOW, "8"),
        ("event_subscribe_trade", Kind.FOLLOW, "last_trade_no_4001"),
        ("event_unsubscribe", Kind.UNFOLLOW, ""),
        ("event_scan", Kind.SCAN, "8"),
        ("event_click", Kind.MENU, "activity"),
        ("event_view", Kind.NOTICE, "https://example.com"),
        ("event_location", Kind.NOTICE, ""),
        ("event_template_done", Kind.RECEIPT, ""),
        ("event_mass_done", Kind.RECEIPT, ""),
        ("event_publish_done", Kind.RECEIPT, ""),
        ("event_popup_one", Kind.RECEIPT, ""),
        ("event_popup_two", Kind.RECEIPT, ""),
        ("event_change", Kind.RECEIPT, ""),
        ("event_sent", Kind.RECEIPT, ""),
        ("event_unknown", Kind.UNKNOWN, ""),
    ],
)
def test_events(name: str, kind: Kind, key: str) -> None:
    message = parsed(name)
    assert (message.kind, message.key) == (kind, key)
    assert message.dedupe_key.startswith("e:oTESTopenid0000000000000001a:1772503200:")


def test_every_payload_is_tested_and_parses() -> None:
    source = Path(__file__).read_text("utf-8")
    for path in PAYLOADS.glob("*.xml"):
        assert f'"{path.stem}"' in source, f"{path.name} is in no test"
        assert parsed(path.stem).sender


def test_receipts_carry_what_the_platform_says() -> None:
    assert parsed("event_template_done").extra["Status"] == "failed:user block"
    mass = parsed("event_mass_done").extra
    assert (mass["Status"], mass["SentCount"], mass["ErrorCount"]) == ("err(20431)", "75", "5")
    assert mass["ArticleUrlResult.ResultList.item.ArticleUrl"] == "https://example.com/a"
    assert parsed("event_publish_done").extra["PublishEventInfo.publish_id"] == "2247"


def test_repeated_list_items_are_all_kept() -> None:
    one, two = parsed("event_popup_one").extra, parsed("event_popup_two").extra
    assert one["SubscribeMsgPopupEvent.List.TemplateId"] == "T1"
    assert two["SubscribeMsgPopupEvent.List.0.SubscribeStatusString"] == "accept"
    assert two["SubscribeMsgPopupEvent.List.1.SubscribeStatusString"] == "reject"
    assert parsed("event_popup_one").dedupe_key != parsed("event_popup_two").dedupe_key


def test_two_events_of_one_second_are_two_events() -> None:
    keys = [parsed(name).dedupe_key for name in ("event_click", "event_scan", "event_view", "event_subscribe")]
    assert len(set(keys)) == 4


@pytest.mark.parametrize("mode", MODES)
def test_simulated_pushes_of_every_mode_are_read(mode: str) -> None:
    push = build(
        account(mode), Message.text("oLina", "你好", msg_id=7, at=clock.timestamp()), signed_at=clock.timestamp()
    )
    received = CHANNELS[mode].receive(as_request(push))
    assert received.messages[0].text == "你好"
    assert received.nonce
    assert received.body_digest


@pytest.mark.parametrize("mode", MODES)
def test_echo_check_answers_the_raw_text(mode: str) -> None:
    query = dict(parse_qsl(echo_query(account(mode), "5927782489442352469")))
    answer = CHANNELS[mode].receive(WebhookRequest("GET", query, {}, b"", clock.now())).response
    assert answer is not None
    assert answer.body == b"5927782489442352469"
    with pytest.raises(UnverifiedRequest):
        CHANNELS[mode].receive(WebhookRequest("GET", query | {"nonce": "other"}, {}, b"", clock.now()))


def pushed(mode: str, *, signed_at: float | None = None) -> WebhookRequest:
    message = Message.text("oLina", "你好", msg_id=7, at=clock.timestamp())
    return as_request(build(account(mode), message, signed_at=signed_at or clock.timestamp()))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("change", ["unsigned", "forged", "stale", "future", "no time", "long time", "other nonce"])
def test_what_is_not_signed_now_is_refused(mode: str, change: str) -> None:
    request = pushed(mode)
    query = dict(request.query)
    signatures = [name for name in ("signature", "msg_signature") if name in query]
    match change:
        case "unsigned":
            query = {name: value for name, value in query.items() if name not in signatures}
        case "forged":
            query |= dict.fromkeys(signatures, "0" * 40)
        case "stale":
            query = dict(pushed(mode, signed_at=clock.timestamp() - 301).query)
        case "future":
            query = dict(pushed(mode, signed_at=clock.timestamp() + 301).query)
        case "no time":
            query["timestamp"] = "now"
        case "long time":
            query["timestamp"] = "1" * 40
        case "other nonce":
            query["nonce"] += "1"
    with pytest.raises(UnverifiedRequest):
        CHANNELS[mode].receive(replace(request, query=query))


@pytest.mark.parametrize("mode", ["compat", "safe"])
def test_encrypted_modes_refuse_a_body_without_encrypt(mode: str) -> None:
    request = pushed("plain")
    query = dict(request.query) | {"encrypt_type": "aes", "msg_signature": request.query["signature"]}
    with pytest.raises(UnverifiedRequest):
        CHANNELS[mode].receive(replace(request, query=query))


def test_compat_mode_reads_the_sealed_part_not_the_open_one() -> None:
    request = pushed("compat")
    forged = re.sub(rb"<Content>.*?</Content>", b"<Content>forged</Content>", request.body)
    assert CHANNELS["compat"].receive(replace(request, body=forged)).messages[0].text == "你好"


def test_plain_mode_ignores_the_key() -> None:
    assert channel("plain", encoding_aes_key="").receive(pushed("plain")).messages


def test_query_that_claims_plain_does_not_weaken_safe_mode() -> None:
    request = pushed("plain")
    with pytest.raises(UnverifiedRequest):
        CHANNELS["safe"].receive(replace(request, query=dict(request.query) | {"encrypt_type": "raw"}))


def test_oversized_body_is_refused() -> None:
    with pytest.raises(UnreadablePayload):
        channel().receive(signed(b"<xml>" + b"a" * 64 * 1024 + b"</xml>"))


GOOD = (
    "<xml><ToUserName>gh</ToUserName><FromUserName>o1</FromUserName><CreateTime>1772503200</CreateTime>"
    "<MsgType>text</MsgType><Content>hi</Content><MsgId>1</MsgId></xml>"
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="empty"),
        pytest.param("{}", id="JSON"),
        pytest.param("<xml>", id="not closed"),
        pytest.param("<xml/>", id="nothing inside"),
        pytest.param('<!DOCTYPE x [<!ENTITY a "b">]>' + GOOD, id="document type"),
        pytest.param(
            '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
            '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><xml><Content>&c;</Content></xml>',
            id="entity bomb",
        ),
        pytest.param(
            '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><xml><Content>&a;</Content></xml>', id="XXE"
        ),
        pytest.param("<xml>" * 200 + "</xml>" * 200, id="deep"),
        pytest.param(GOOD.replace("<MsgId>1</MsgId>", ""), id="no id"),
        pytest.param(GOOD.replace("<MsgId>1<", "<MsgId>-1<"), id="negative id"),
        pytest.param(GOOD.replace("<MsgId>1<", f"<MsgId>{2**64}<"), id="id too large"),
        pytest.param(GOOD.replace("<MsgId>1<", "<MsgId>١<"), id="id in other digits"),
        pytest.param(GOOD.replace("1772503200", "99999999999999"), id="time too large"),
        pytest.param(GOOD.replace("1772503200", "soon"), id="time no number"),
        pytest.param(GOOD.replace("o1", ""), id="no sender"),
        pytest.param(GOOD.replace("o1", "o" * 200), id="sender too long"),
        pytest.param(GOOD.replace("<MsgType>text</MsgType>", ""), id="no type"),
        pytest.param(GOOD.replace("</xml>", "<FromUserName>o2</FromUserName></xml>"), id="two senders"),
        pytest.param(GOOD.replace("</xml>", "<Content>two</Content></xml>"), id="two contents"),
        pytest.param(GOOD.replace("hi", "<b>hi</b>"), id="content with children"),
        pytest.param(GOOD.replace("text", "location"), id="location without a place"),
        pytest.param(
            GOOD.replace("text", "location").replace(
                "</xml>", "<Location_X>91</Location_X><Location_Y>1</Location_Y></xml>"
            ),
            id="not on this earth",
        ),
        pytest.param(
            GOOD.replace("text", "location").replace(
                "</xml>", "<Location_X>nan</Location_X><Location_Y>1</Location_Y></xml>"
            ),
            id="not a number",
        ),
    ],
)
def test_nonsense_is_one_kind_of_error(body: str) -> None:
    with pytest.raises(UnreadablePayload):
        channel().receive(signed(body.encode()))


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", "<xml><a>é</a></xml>".encode("latin-1"), b'<?xml version="1.0" encoding="x-y"?><xml/>']
)
def test_other_encodings_are_refused(body: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        channel().receive(signed(body))


_quick = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
_names = st.sampled_from(
    ["MsgType", "Event", "EventKey", "Content", "FromUserName", "CreateTime", "MsgId", "Location_X", "MediaId", "a"]
)
_values = st.one_of(
    st.text(max_size=20), st.sampled_from(["text", "event", "location", "1", "subscribe", "<a/>", "]]>"])
)


@_quick
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_else(body: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        CHANNELS["plain"].receive(signed(body))
    with pytest.raises((UnreadablePayload, UnverifiedRequest)):
        CHANNELS["safe"].receive(signed(body))


@_quick
@given(st.lists(st.tuples(_names, _values), max_size=8))
def test_random_fields_raise_nothing_else(fields: list[tuple[str, str]]) -> None:
    body = GOOD.removesuffix("</xml>") + "".join(f"<{name}>{value}</{name}>" for name, value in fields) + "</xml>"
    try:
        received = CHANNELS["plain"].receive(signed(body.encode(errors="replace")))
    except (UnreadablePayload, UnverifiedRequest):
        return
    assert len(received.messages) == 1


@_quick
@given(
    st.dictionaries(
        st.sampled_from(["signature", "timestamp", "nonce", "msg_signature", "echostr"]), st.text(max_size=50)
    )
)
def test_random_queries_raise_nothing_else(query: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        for mode in MODES:
            with pytest.raises((UnreadablePayload, UnverifiedRequest)):
                CHANNELS[mode].receive(WebhookRequest(method, query, {}, GOOD.encode(), clock.now()))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "text",
    [
        "好的",
        "a]]>b",
        "]]>" * 50,
        "<b>&amp;</b>",
        "控制\x00符\x08号\x1f",
        "表情👩‍👧和\U0001f600",
        "第一行\n第二行\t尾",
    ],
)
def test_reply_is_what_wechat_can_show(mode: str, text: str) -> None:
    received = CHANNELS[mode].receive(pushed(mode))
    answer = CHANNELS[mode].render(received, PassiveReply(text))
    shown = read_reply(account(mode), answer.body)
    assert shown == "".join(one for one in text if one in "\n\t" or category(one) != "Cc")


def test_reply_goes_back_where_the_message_came_from() -> None:
    received = channel().receive(pushed("plain"))
    body = channel().render(received, PassiveReply("好")).body
    node = parse(body)
    assert text_of(node, "ToUserName") == "oLina"
    assert text_of(node, "FromUserName") == SECRETS.original_id
    assert text_of(node, "CreateTime") == str(int(MORNING.timestamp()))


def test_no_reply_is_success() -> None:
    assert channel().render(Received(), PassiveReply()).body == b"success"


def test_windows_are_those_of_the_platform() -> None:
    assert channel().window(Trigger.MESSAGE) == Window(48 * 3600, 5)
    for trigger in (Trigger.MENU, Trigger.FOLLOW, Trigger.SCAN):
        assert channel().window(trigger) == Window(60, 3)


def test_texts_are_split_at_what_the_platform_takes() -> None:
    pieces = channel().split(["好。" * 2000])
    assert all(len(piece.encode()) <= MAX_TEXT_BYTES for piece in pieces)
    assert "".join(pieces) == "好。" * 2000


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("token", "no", "channels.wechat_oa.token"),
        ("token", "with space", "channels.wechat_oa.token"),
        ("encoding_aes_key", "short", "channels.wechat_oa.encoding_aes_key"),
        ("encoding_aes_key", "", "channels.wechat_oa.encoding_aes_key"),
        ("app_id", "!", "channels.wechat_oa.app_id"),
        ("mode", "open", "channels.wechat_oa.mode"),
        ("freshness_seconds", 1, "channels.wechat_oa.freshness_seconds"),
        ("tokken", "x", "channels.wechat_oa.tokken is not a setting"),
    ],
)
def test_bad_setting_is_one_sentence_that_names_it(setting: str, value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as problem:
        channel(**({"mode": "safe"} | {setting: value}))
    assert "\n" not in str(problem.value)
    assert SECRETS.app_secret not in str(problem.value)


def test_missing_setting_is_named_with_its_environment_variable() -> None:
    with pytest.raises(ConfigError, match="NIANGJIA__CHANNELS__WECHAT_OA__APP_SECRET"):
        WeChatOA.from_settings({"token": "abc", "app_id": "wx123456"}, InMemoryTokens(), _NO_SESSION)


def test_channel_without_any_secret_is_off() -> None:
    assert not WeChatOA.is_on({"mode": "safe", "api_base": "http://x", "token": "", "app_id": None})
    assert WeChatOA.is_on({"token": "abc"})


def test_flatten_numbers_lists() -> None:
    assert flatten({"a": ["x", {"b": "y"}], "c": ""}) == {"a.0": "x", "a.1.b": "y", "c": ""}
