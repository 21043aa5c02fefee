"""QQ's official bot: signatures by the published vectors, the check of the address, every event, every answer."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientSession, web

from bot import clock
from bot.channels.base import WebhookRequest, WebhookResponse
from bot.channels.qq_official import QQOfficial, sequence
from bot.channels.qq_signature import QQSignature
from bot.channels.tokens import InMemoryTokens
from bot.clock import Frozen
from bot.errors import (
    Rejected,
    SendError,
    Throttled,
    Undecided,
    Unreachable,
    UnreadablePayload,
    UnverifiedRequest,
    WindowClosed,
)
from bot.messages import (
    DeliveryState,
    GroupChange,
    InboundMessage,
    Kind,
    Media,
    OutboundMessage,
    PassiveReply,
    ReplyTo,
    Trigger,
)
from bot.simulator.qq_push import push
from tests.conftest import MORNING
from tests.support.drills import Provider, provider, qq_official
from tests.support.drills.qq_official import APP_ID, SECRET, WOMAN, settings
from workers import retry

PAYLOADS = Path(__file__).resolve().parents[2] / "payloads" / "qq_official"
V11_BODY = (
    '{"id":"ROBOT1.0_veoihSEXDc8Q.g-6eLpNIa11bH8MisOjn-m-LKxCPntMk6exUXgcWCGpVO7L2QKTNZzjZzFFDSbiOFcqAPWyVA!!",'
    '"content":"哦一下","timestamp":"2024-10-15T16:33:15+08:00",'
    '"author":{"id":"675860273","user_openid":"675860273"}}'
).encode()
V11_SIGNATURE = (
    "e949b5b94ef4103df903fb031d1d16e358db3db83e79e117edd404c8508be3ce"
    "8a76d7bad1bed353194c126a1a5915b4ad8b5288c1191cc53a12acffccd82004"
)
V10_SIGNATURE = (
    "87befc99c42c651b3aac0278e71ada338433ae26fcb24307bdc5ad38c1adc2d0"
    "1bcfcadc0842edac85e85205028a1132afe09280305f13aa6909ffc2d652c706"
)
#: Published with the key of V9, but not made by it.
DEMO_SIGNATURE = (
    "865ad13a61752ca65e26bde6676459cd36cf1be609375b37bd62af366e1dc25a"
    "8dc789ba7f14e017ada3d554c671a911bfdf075ba54835b23391d509579ed002"
)


def bot(secret: str = SECRET, **changes: Any) -> QQOfficial:
    section = settings("http://127.0.0.1:9") | {"secret": secret} | changes
    return QQOfficial.from_settings(section, InMemoryTokens(), cast(ClientSession, object()))


def post(body: bytes, at: datetime, **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", {}, headers, body, at)


def signed(event: dict[str, Any]) -> WebhookRequest:
    return qq_official.as_request(push(SECRET, APP_ID, event, at=clock.timestamp()))


def payload(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))
    return value


def heard(name: str) -> InboundMessage:
    (message,) = bot().receive(signed(payload(name))).messages
    return message


def check(event_ts: Any, plain_token: Any) -> bytes:
    return json.dumps({"op": 13, "d": {"plain_token": plain_token, "event_ts": event_ts}}).encode()


def said(response: WebhookResponse | None) -> Any:
    assert response is not None
    assert (response.status, response.content_type) == (200, "application/json")
    return json.loads(response.body)


@pytest.fixture(autouse=True)
def standing_clock() -> Any:
    with Frozen(MORNING) as frozen:
        yield frozen


@pytest.fixture
async def played() -> AsyncIterator[tuple[QQOfficial, Provider]]:
    async with provider(qq_official.DRILL) as playing, ClientSession() as session:
        yield QQOfficial.from_settings(settings(playing.base), InMemoryTokens(), session), playing


def outbound(**changes: Any) -> OutboundMessage:
    reply_to = ReplyTo("ROBOT1.0_7", Kind.TEXT, MORNING)
    return replace(OutboundMessage(WOMAN, "在的。", "answer:1:0", row_id="0" * 26, reply_to=reply_to), **changes)


def sends(playing: Provider) -> list[Any]:
    return [body for path, _, body in playing.asked if path.endswith("/messages")]


def test_key_is_made_of_the_secret_by_doubling() -> None:
    key = QQSignature("naOC0ocQE3shWLAfffVLB1rhYPG7")
    assert key.public_hex == "d7c362fe78aef81ff23287b493628b5db02a3c4fe30b215e4d19609b5d76673a"


def test_published_event_signature_is_accepted_and_a_changed_one_is_not() -> None:
    key = QQSignature("123456abcdef")
    key.check(V11_SIGNATURE, "1728981195", V11_BODY)
    assert key.sign("1728981195", V11_BODY) == V11_SIGNATURE
    for signature, timestamp, body in (
        (V11_SIGNATURE, "1728981196", V11_BODY),
        (V11_SIGNATURE, "1728981195", V11_BODY + b" "),
        ("f" + V11_SIGNATURE[1:], "1728981195", V11_BODY),
        (V11_SIGNATURE[:-2], "1728981195", V11_BODY),
        (V11_SIGNATURE[:-2] + "ff", "1728981195", V11_BODY),
        ("", "1728981195", V11_BODY),
        ("no hex", "1728981195", V11_BODY),
    ):
        with pytest.raises(UnverifiedRequest):
            key.check(signature, timestamp, body)


@pytest.mark.parametrize(
    "body", [b'{ "op": 0,"d": {}, "t": "GATEWAY_EVENT_NAME"}', b'{"op":0,"d":{},"t":"GATEWAY_EVENT_NAME"}']
)
def test_signature_of_the_platforms_own_demo_is_refused(body: bytes) -> None:
    request = post(
        body,
        datetime.fromtimestamp(1725442341, UTC),
        **{"X-Signature-Ed25519": DEMO_SIGNATURE, "X-Signature-Timestamp": "1725442341"},
    )
    with pytest.raises(UnverifiedRequest):
        bot("naOC0ocQE3shWLAfffVLB1rhYPG7").receive(request)


def test_unsigned_check_of_the_address_is_answered_with_the_published_signature() -> None:
    channel, at = bot("DG5g3B4j9X2KOErG"), datetime.fromtimestamp(1725442341, UTC)
    received = channel.receive(post(check("1725442341", "Arq0D5A61EgUu4OxUvOp"), at))
    assert said(received.response) == {"plain_token": "Arq0D5A61EgUu4OxUvOp", "signature": V10_SIGNATURE}
    assert received.messages == ()


@pytest.mark.parametrize("seconds", [-301, 301])
def test_unsigned_check_is_refused_when_its_time_is_not_ours(seconds: int) -> None:
    at = datetime.fromtimestamp(1725442341 + seconds, UTC)
    with pytest.raises(UnverifiedRequest):
        bot("DG5g3B4j9X2KOErG").receive(post(check("1725442341", "Arq0D5A61EgUu4OxUvOp"), at))


@pytest.mark.parametrize(
    ("event_ts", "plain_token"),
    [
        ("1725442341", '{"id":"x","op":0}'),
        ("1725442341", ""),
        ("1725442341", "a" * 65),
        ("1725442341", "a b"),
        ("1725442341", "令牌"),
        ("1725442341", "abc\n"),
        ("1725442341", None),
        ("1725442341", ["a"]),
        ("172544234", "abc"),
        ("01725442341", "abc"),
        ("1725442341{", "abc"),
        ("１７２５４４２３４１", "abc"),
        ("", "abc"),
        (1725442341, "abc"),
        (None, "abc"),
    ],
)
def test_check_that_could_forge_an_event_is_never_signed(event_ts: Any, plain_token: Any) -> None:
    at, body = datetime.fromtimestamp(1725442341, UTC), check(event_ts, plain_token)
    with pytest.raises(UnverifiedRequest):
        bot().receive(post(body, at))
    signature = QQSignature(SECRET).sign("1725442341", body)
    headers = {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": "1725442341"}
    with pytest.raises(UnverifiedRequest):
        bot().receive(post(body, at, **headers))


def test_signed_check_is_answered_and_a_wrongly_signed_one_is_not() -> None:
    body = check(str(int(clock.timestamp())), "abc123")
    stamp = str(int(clock.timestamp()))
    good = {"X-Signature-Ed25519": QQSignature(SECRET).sign(stamp, body), "X-Signature-Timestamp": stamp}
    assert said(bot().receive(post(body, clock.now(), **good)).response)["plain_token"] == "abc123"
    bad = good | {"X-Signature-Ed25519": QQSignature("another-secret").sign(stamp, body)}
    with pytest.raises(UnverifiedRequest):
        bot().receive(post(body, clock.now(), **bad))


def test_nothing_but_the_check_may_come_unsigned() -> None:
    for body in (json.dumps(payload("private_text")).encode(), b'{"op":1,"d":3}', b"", b"[]", b"{"):
        with pytest.raises(UnverifiedRequest):
            bot().receive(post(body, clock.now()))
    with pytest.raises(UnverifiedRequest):
        bot().receive(WebhookRequest("GET", {}, {}, b"", clock.now()))


def test_heartbeat_is_answered_with_its_number() -> None:
    assert said(bot().receive(signed({"op": 1, "d": 42})).response) == {"op": 11, "d": 42}


def test_event_is_acknowledged_after_it_was_kept() -> None:
    received = bot().receive(signed(payload("private_text")))
    assert received.response is None
    assert said(bot().render(received, PassiveReply("不在这里回答"))) == {"op": 12, "d": 0}


def test_private_text_is_heard() -> None:
    message = heard("private_text")
    assert (message.kind, message.text, message.sender) == (Kind.TEXT, "离婚怎么办", "U-OPENID-1")
    assert (message.account, message.platform_id, message.group) == (APP_ID, "ROBOT1.0_p1", "")
    assert message.sent_at == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def test_files_are_heard_with_whole_addresses() -> None:
    message = heard("private_image")
    address = "https://multimedia.nt.qq.com.cn/download?id=1"
    assert (message.kind, message.media) == (Kind.IMAGE, Media(address, address, "image/jpeg"))
    assert message.extra == {"file2": "https://multimedia.nt.qq.com.cn/download?id=2"}
    voice = heard("private_voice")
    assert (voice.kind, voice.text) == (Kind.VOICE, "我想问问低保")
    assert heard("private_empty").kind is Kind.UNKNOWN


def test_group_message_to_the_bot_is_heard_without_its_mark() -> None:
    message = heard("group_at")
    assert (message.text, message.group, message.sender) == ("最近有什么活动", "G-OPENID-1", "M-OPENID-1")
    assert message.mentioned
    assert not message.from_bot


def test_same_group_message_told_twice_is_one() -> None:
    assert heard("group_you").dedupe_key == heard("group_at").dedupe_key
    assert heard("group_you").text == heard("group_at").text
    assert heard("group_you").mentioned


def test_group_chatter_and_calls_to_all_are_not_said_to_us() -> None:
    assert not heard("group_chatter").mentioned
    assert not heard("group_all").mentioned
    assert heard("group_bot").from_bot


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("group_joined", GroupChange.JOINED),
        ("group_left", GroupChange.LEFT),
        ("group_reject", GroupChange.MUTED),
        ("group_receive", GroupChange.UNMUTED),
    ],
)
def test_what_becomes_of_the_bot_in_a_group_is_noted(name: str, change: GroupChange) -> None:
    message = heard(name)
    assert (message.kind, message.key, message.group) == (Kind.GROUP, change.value, "G-OPENID-1")


def test_friends_come_and_go() -> None:
    assert heard("friend_add").kind is Kind.FOLLOW
    assert heard("friend_add").platform_id == "FRIEND_ADD:evt-friend_add"
    assert heard("friend_del").kind is Kind.UNFOLLOW
    assert (heard("c2c_reject").kind, heard("c2c_reject").platform_id) == (Kind.NOTICE, "")
    assert heard("c2c_receive").kind is Kind.NOTICE
    assert heard("c2c_receive").dedupe_key != heard("c2c_reject").dedupe_key


def test_members_who_come_and_unknown_events_are_acknowledged_and_not_kept() -> None:
    for event in (payload("member_add"), payload("member_add") | {"t": "SOMETHING_NEW"}):
        assert bot().receive(signed(event)).messages == ()


@pytest.mark.parametrize(
    "change",
    [
        {"t": None},
        {"d": None},
        {"d": {}},
        {"d": {"id": "1", "author": {}, "content": "x", "timestamp": "2026-11-24T09:00:00+08:00"}},
        {"d": {"id": "1", "author": {"user_openid": "u"}, "content": "x", "timestamp": "yesterday"}},
        {"d": {"id": "1", "author": {"user_openid": "u"}, "content": "x", "timestamp": "2026-11-24T09:00:00"}},
        {"d": {"id": "1", "author": {"user_openid": "u"}, "content": 3, "timestamp": "2026-11-24T09:00:00+08:00"}},
        {"op": 7},
    ],
)
def test_signed_nonsense_is_unreadable(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePayload):
        bot().receive(signed(payload("private_text") | change))


def test_window_is_five_minutes_in_a_group_and_an_hour_in_private() -> None:
    windows = [bot().window(trigger) for trigger in (Trigger.GROUP, Trigger.MESSAGE, Trigger.FOLLOW)]
    assert [(one.seconds, one.count) for one in windows] == [(300, 5), (3600, 5), (3600, 5)]


def test_answers_are_numbered_one_to_five_and_staff_outside_of_that() -> None:
    assert [sequence(outbound(idempotency_key=f"answer:01ABC:{at}")) for at in range(5)] == [1, 2, 3, 4, 5]
    staff = outbound(idempotency_key="staff:01ABC", row_id="2" * 26)
    assert sequence(staff) == sequence(staff) > 5
    assert sequence(staff) != sequence(replace(staff, row_id="3" * 26))


async def test_answer_names_its_message_and_group(played: tuple[QQOfficial, Provider]) -> None:
    channel, playing = played
    receipt = await channel.send(outbound())
    await channel.send(outbound(group="G-1", idempotency_key="answer:1:2"))
    await channel.send(outbound(reply_to=ReplyTo("FRIEND_ADD:1", Kind.FOLLOW, MORNING)))
    assert receipt.platform_id == "ROBOT1.0_of-qq"
    paths = [path for path, _, _ in playing.asked if path.endswith("/messages")]
    assert paths == [f"/v2/users/{WOMAN}/messages", "/v2/groups/G-1/messages", f"/v2/users/{WOMAN}/messages"]
    assert sends(playing) == [
        {"msg_type": 0, "content": "在的。", "msg_id": "ROBOT1.0_7", "msg_seq": 1},
        {"msg_type": 0, "content": "在的。", "msg_id": "ROBOT1.0_7", "msg_seq": 3},
        {"msg_type": 0, "content": "在的。", "event_id": "FRIEND_ADD:1", "msg_seq": 1},
    ]


async def test_answer_taken_before_counts_as_sent(played: tuple[QQOfficial, Provider]) -> None:
    channel, playing = played
    playing.script = ["cut", web.json_response({"code": 40054005, "message": "消息被去重"}, status=400)]
    with pytest.raises(Unreachable):
        await channel.send(outbound())
    assert (await channel.send(outbound())).platform_id == ""
    first, second = sends(playing)
    assert first == second


async def test_too_late_or_nothing_to_answer_is_not_sent(
    played: tuple[QQOfficial, Provider], standing_clock: Frozen
) -> None:
    channel, playing = played
    standing_clock.advance(timedelta(minutes=5))
    with pytest.raises(WindowClosed):
        await channel.send(outbound(group="G-1"))
    await channel.send(outbound())
    standing_clock.advance(timedelta(minutes=55))
    for message in (outbound(), outbound(reply_to=None), outbound(reply_to=ReplyTo("", Kind.TEXT, clock.now()))):
        with pytest.raises(WindowClosed):
            await channel.send(message)
    assert len(sends(playing)) == 1


async def test_bot_with_the_right_writes_first_and_never_repeats_blindly(standing_clock: Frozen) -> None:
    async with provider(qq_official.DRILL) as playing, ClientSession() as session:
        section = settings(playing.base) | {"active_push": True}
        channel = QQOfficial.from_settings(section, InMemoryTokens(), session)
        standing_clock.advance(timedelta(hours=2))
        await channel.send(outbound())
        await channel.send(outbound(reply_to=None))
        await channel.send(outbound(reply_to=ReplyTo("ROBOT1.0_8", Kind.TEXT, clock.now())))
    assert [("msg_id" in body, "msg_seq" in body) for body in sends(playing)] == [
        (False,) * 2,
        (False,) * 2,
        (True,) * 2,
    ]
    assert not channel.idempotent
    assert channel.window(Trigger.MESSAGE).is_always


async def test_token_is_fetched_once_though_its_life_is_text(played: tuple[QQOfficial, Provider]) -> None:
    channel, playing = played
    await channel.send(outbound())
    await channel.send(outbound(idempotency_key="answer:1:1"))
    asked = [body for path, _, body in playing.asked if path == "/app/getAppAccessToken"]
    assert asked == [{"appId": APP_ID, "clientSecret": SECRET}]


async def test_unauthorised_send_gets_one_new_token(played: tuple[QQOfficial, Provider]) -> None:
    channel, playing = played
    playing.script = [web.Response(status=401)]
    await channel.send(outbound())
    assert len(sends(playing)) == 2
    playing.script = [web.Response(status=401), web.Response(status=401)]
    with pytest.raises(Rejected) as problem:
        await channel.send(outbound())
    assert problem.value.retryable
    assert problem.value.known_unsent


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, {}, Throttled),
        (400, {"code": 22009}, Throttled),
        (400, {"code": 304003}, Rejected),
        (400, {"err_code": 304027, "code": 304027}, WindowClosed),
        (400, {"code": 304026}, WindowClosed),
        (202, {"code": 304023}, Undecided),
        (201, {"code": 304024}, Undecided),
        (202, {"id": "x"}, Undecided),
        (400, {"code": 99}, Rejected),
        (500, {"code": 1}, Unreachable),
    ],
)
async def test_every_refusal_is_told_in_words(
    played: tuple[QQOfficial, Provider], status: int, body: dict[str, Any], kind: type[SendError]
) -> None:
    channel, playing = played
    playing.script = [web.json_response(body, status=status)]
    with pytest.raises(SendError) as problem:
        await channel.send(outbound())
    assert type(problem.value) is kind
    assert any("一" <= sign <= "鿿" for sign in problem.value.sentence)
    assert WOMAN not in problem.value.sentence


async def test_message_under_audit_is_unknown_and_not_sent_again(played: tuple[QQOfficial, Provider]) -> None:
    channel, playing = played
    playing.script = [web.json_response({"code": 304023}, status=202)]
    with pytest.raises(Undecided) as problem:
        await channel.send(outbound())
    decision = retry.decide(problem.value, attempt=1, now=MORNING, created_at=MORNING, idempotent=channel.idempotent)
    assert decision.state is DeliveryState.UNKNOWN


async def test_files_are_fetched_from_the_platform_only(played: tuple[QQOfficial, Provider]) -> None:
    channel, playing = played
    await channel.fetch_media(Media(url=f"{playing.base}/file"))
    for url in (
        "http://multimedia.nt.qq.com.cn/x",
        "https://evil.example/x",
        "https://evilqq.com/x",
        "https://qq.com.evil.example/x",
        "https://x.qq.com:8443/x",
        "https://x.qq.com@evil.example/x",
        "file:///etc/passwd",
        "",
    ):
        with pytest.raises(Rejected):
            await channel.fetch_media(Media(url=url))
    assert [path for path, _, _ in playing.asked] == ["/file"]
