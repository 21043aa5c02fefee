"""Text messages: what is submitted and proved, what is pushed, what it costs, and how "no more" is heard."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientSession, web

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.sms import SMS, mac
from bot.channels.sms_text import count_segments, is_opt_out
from bot.channels.tokens import InMemoryTokens
from bot.clock import Frozen
from bot.errors import ConfigError, RecipientGone, Rejected, UnreadablePayload, UnverifiedRequest
from bot.messages import DeliveryState, InboundMessage, Kind, OutboundClass, OutboundMessage, PassiveReply
from tests.conftest import MORNING
from tests.support.drills import Provider, provider, sms
from tests.support.drills.sms import INBOUND, KEY, WOMAN, opened, pushed, settings
from tests.support.house import House
from tests.support.sms import gateway
from workers.outbox import deliver, recover

PAYLOADS = Path(__file__).resolve().parents[2] / "payloads" / "sms"
_NO_SESSION = cast(ClientSession, object())


def account(**changes: Any) -> SMS:
    return SMS.from_settings(settings("http://127.0.0.1:9") | changes, InMemoryTokens(), _NO_SESSION)


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def heard(what: str, content: Any) -> tuple[InboundMessage, ...]:
    return account().receive(pushed(what, content)).messages


def uplink(text: str, at: float | None = None) -> WebhookRequest:
    when = sms.local(clock.timestamp() if at is None else at)
    return pushed("uplink", {"mobile": WOMAN, "smsContent": text, "sendTime": when, "addSerial": "0427"})


@pytest.fixture(autouse=True)
def standing_clock() -> Iterator[Frozen]:
    with Frozen(MORNING) as frozen:
        yield frozen


@pytest.fixture
async def playing() -> AsyncIterator[Provider]:
    async with provider(sms.DRILL) as found:
        yield found


async def submit(playing: Provider, message: OutboundMessage, **changes: Any) -> dict[str, Any]:
    async with ClientSession() as session:
        channel = SMS.from_settings(settings(playing.base) | changes, InMemoryTokens(), session)
        await channel.send(message)
    return opened(playing.asked[-1][2])


def test_mac_is_the_published_one() -> None:
    proof = mac(
        "测试妇联", "demoAp", "demoSecret", "13800138000,13800138001", "您好，您的咨询已收到。", "SIGN0001", ""
    )
    assert proof == "0a7f2492feee972f9438b26863765968"


@pytest.mark.parametrize(
    ("text", "signature", "count"),
    [
        ("字" * 68, "", 1),
        ("字" * 70, "", 1),
        ("字" * 71, "", 2),
        ("字" * 134, "", 2),
        ("字" * 135, "", 3),
        ("字" * 160, "", 3),
        ("字" * 64, "【妇联】", 1),
        ("字" * 67, "【妇联】", 2),
        ("a 1" * 23, "", 1),
        ("😀" * 35, "", 1),
        ("😀" * 36, "", 2),
        ("", "", 1),
    ],
)
def test_segments_are_counted_as_they_are_billed(text: str, signature: str, count: int) -> None:
    assert count_segments(text, signature) == count


@pytest.mark.parametrize(
    "text",
    [
        "TD",
        "td",
        "ＴＤ",
        "ｔｄ",
        " Td。",
        "t",
        "Ｔ",
        "n",
        "N！",
        "r",
        "Ｒ",
        "退订",
        "【拒收】",
        "回T退订",
        "回复TD退订",
        "拒收请回复R",
        "退订回T",
        "我要退订",
        "取消订阅",
        "不要再发了",
        "qx",
    ],
)
def test_words_for_no_more_are_known_in_any_form(text: str) -> None:
    assert is_opt_out(text)
    assert heard("uplink", {"mobile": WOMAN, "smsContent": text, "sendTime": "20261124090000"})[0].text == "退订"


@pytest.mark.parametrize("text", ["TDD", "不退订", "今天", "NO", "退订是什么意思", "", "。"])
def test_other_words_are_left_alone(text: str) -> None:
    assert not is_opt_out(text)


def test_uplink_is_heard() -> None:
    (message,) = heard("uplink", payload("uplink"))
    assert (message.kind, message.text, message.sender) == (Kind.TEXT, "最近有什么活动", "13800138000")
    assert (message.key, message.account) == ("0427", "demoAp")
    assert message.sent_at == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def test_reports_are_read_one_or_many_plain_or_in_base64() -> None:
    (one,) = heard("report", payload("report_delivered"))
    assert one.receipt is not None
    assert (one.kind, one.receipt.state) == (Kind.RECEIPT, DeliveryState.DELIVERED)
    assert one.receipt.platform_id == "0824151226001000000000"
    failed, arrived = heard("report", payload("report_failed"))
    assert failed.receipt is not None
    assert arrived.receipt is not None
    assert (failed.receipt.state, failed.receipt.code) == (DeliveryState.FAILED, "CM:2007")
    assert "CM:2007" in failed.receipt.sentence
    assert failed.sender == "13800138000"
    assert arrived.receipt.state is DeliveryState.DELIVERED
    request = pushed("report", None)
    sealed = base64.b64encode(json.dumps(payload("report_delivered")).encode())
    again = WebhookRequest("POST", {}, {}, sealed, clock.now(), request.parts)
    assert account().receive(again).messages == (one,)


@pytest.mark.parametrize("secret", ["", INBOUND[:-1], INBOUND.lower(), INBOUND + "x", "密"])
def test_address_without_the_secret_is_refused(secret: str) -> None:
    for what in ("report", "uplink", "other"):
        with pytest.raises(UnverifiedRequest):
            account().receive(pushed(what, payload("uplink"), secret))


def test_nonsense_behind_the_secret_is_unreadable() -> None:
    for what, content in (
        ("other", payload("uplink")),
        ("uplink", {}),
        ("uplink", []),
        ("uplink", {"mobile": "not a number", "smsContent": "x", "sendTime": "20261124090000"}),
        ("uplink", {"mobile": WOMAN, "smsContent": {"a": 1}, "sendTime": "20261124090000"}),
        ("uplink", {"mobile": WOMAN, "smsContent": "x", "sendTime": "20269924090000"}),
        ("report", {"mobile": WOMAN, "reportStatus": "DELIVRD"}),
        ("report", {"mobile": WOMAN, "msgGroup": "1"}),
    ):
        with pytest.raises(UnreadablePayload):
            account().receive(pushed(what, content))
    request = pushed("uplink", payload("uplink"))
    with pytest.raises(UnreadablePayload):
        account().receive(WebhookRequest("GET", {}, {}, b"", clock.now(), request.parts))


def test_push_is_acknowledged_as_the_gateway_wants_it() -> None:
    channel = account(acknowledgement="0")
    received = channel.receive(uplink("你好"))
    assert channel.render(received, PassiveReply("")).body == b"0"


def test_short_or_odd_inbound_secrets_are_refused() -> None:
    for secret in ("short", "has/a/slash/in/it/12345"):
        with pytest.raises(ConfigError):
            account(inbound_secret=secret)


async def test_submit_is_base64_of_json_with_its_proof(playing: Provider) -> None:
    message = OutboundMessage(WOMAN, "您好。", "answer:1:0", conversation="01CONVERSATION")
    body = await submit(playing, message)
    assert playing.asked[-1][0] == "/sms/norsubmit"
    serial = body["addSerial"]
    assert len(serial) == 4
    assert serial.isdigit()
    assert body == {
        "ecName": "测试妇联",
        "apId": "demoAp",
        "mobiles": WOMAN,
        "content": "您好。",
        "sign": "SIGN0001",
        "addSerial": serial,
        "mac": mac("测试妇联", "demoAp", KEY, WOMAN, "您好。", "SIGN0001", serial),
    }


async def test_conversation_keeps_its_extension_and_exact_signatures_have_none(playing: Provider) -> None:
    message = OutboundMessage(WOMAN, "您好。", "answer:1:0", conversation="01A")
    first = (await submit(playing, message, add_serial="12"))["addSerial"]
    again = (await submit(playing, message, add_serial="12"))["addSerial"]
    other = (await submit(playing, OutboundMessage(WOMAN, "您好。", "k", conversation="01B"), add_serial="12"))[
        "addSerial"
    ]
    assert first == again != other
    assert first.startswith("12")
    assert (await submit(playing, message, serial_digits=0))["addSerial"] == ""


async def test_fields_and_paths_are_the_carriers(playing: Provider) -> None:
    message = OutboundMessage(WOMAN, "您好。", "answer:1:0")
    body = await submit(playing, message, submit_path="/sms/submit", names={"mobiles": "phones"})
    assert playing.asked[-1][0] == "/sms/submit"
    assert body["phones"] == WOMAN


async def test_what_we_start_goes_through_the_template(playing: Provider) -> None:
    reminder = OutboundMessage(WOMAN, "明天有活动", "reminder:1", OutboundClass.REMINDER)
    body = await submit(playing, reminder, template_id="T-1")
    assert playing.asked[-1][0] == "/sms/tmpsubmit"
    assert (body["templateId"], body["params"], body["secretKey"]) == ("T-1", '["明天有活动"]', KEY)
    assert body["mac"] == mac("测试妇联", "demoAp", KEY, "T-1", WOMAN, '["明天有活动"]', "SIGN0001", "")
    await submit(playing, OutboundMessage(WOMAN, "在的。", "answer:1:0"), template_id="T-1")
    assert playing.asked[-1][0] == "/sms/norsubmit"


@pytest.mark.parametrize(
    "code", ["IllegalMac", "IllegalSignId", "InvalidMessage", "InvalidUsrOrPwd", "NoSignId", "TooManyMobiles", "New"]
)
async def test_every_refusal_is_final_and_told_in_words(playing: Provider, code: str) -> None:
    playing.script = [{"rspcod": code, "msgGroup": "", "success": False}]
    with pytest.raises(Rejected) as problem:
        await submit(playing, OutboundMessage(WOMAN, "您好。", "answer:1:0"))
    assert problem.value.code == code
    assert "短信" in problem.value.sentence
    assert WOMAN not in problem.value.sentence


async def test_success_that_is_none_is_not_sent(playing: Provider) -> None:
    for answer in ({"rspcod": "success", "success": False}, {}, web.json_response({"rspcod": "success"}, status=400)):
        playing.script = [answer]
        with pytest.raises(Rejected):
            await submit(playing, OutboundMessage(WOMAN, "您好。", "answer:1:0"))


async def test_what_is_no_number_is_not_submitted(playing: Provider) -> None:
    for recipient in ("", "138-0013", "13800138000,13900139000", "１３８００１３８０００"):
        with pytest.raises(RecipientGone):
            await submit(playing, OutboundMessage(recipient, "您好。", "answer:1:0"))
    assert playing.asked == []


async def test_woman_is_answered_by_text_message_once(house: House) -> None:
    async with gateway(house) as phone:
        request = uplink("你好")
        await phone.push(request)
        await phone.push(request)
        await deliver(phone.worker)
        await deliver(phone.worker)
        (sent,) = phone.submitted
        assert sent["mobiles"] == WOMAN
        await phone.push(pushed("report", payload("report_delivered")))
        assert [row.state for row in await house.rows("outbox")] == ["delivered"]


async def test_danger_is_answered_with_the_number_for_text_messages(house: House) -> None:
    async with gateway(house) as phone:
        await phone.push(uplink("他正在打我，救命"))
        await deliver(phone.worker)
        assert "12110" in phone.submitted[0]["content"]


async def test_no_more_is_confirmed_once_at_most(house: House) -> None:
    async with gateway(house) as phone:
        for at, word in enumerate(("ＴＤ", "R", "退订")):
            await phone.push(uplink(word, clock.timestamp() + at))
        await deliver(phone.worker)
        assert len(phone.submitted) == 1
        contacts = await house.rows("contact")
        assert [row.opted_out_at is not None for row in contacts] == [True]


async def test_submit_without_an_answer_is_never_repeated_and_its_report_settles_it(
    house: House, standing_clock: Frozen
) -> None:
    async with gateway(house) as phone:
        await phone.push(uplink("你好"))
        phone.playing.script = ["cut"]
        await deliver(phone.worker)
        assert [row.state for row in await house.rows("outbox")] == ["unknown"]
        standing_clock.advance(timedelta(minutes=5))
        await recover(phone.worker)
        await deliver(phone.worker)
        assert len(phone.submitted) == 1
        report = payload("report_delivered") | {"submitDate": sms.local(MORNING.timestamp()), "msgGroup": "G-9"}
        await phone.push(pushed("report", report))
        (row,) = await house.rows("outbox")
        assert (row.state, row.platform_id) == ("delivered", "G-9")


async def test_report_that_could_be_of_another_submit_settles_nothing(house: House) -> None:
    async with gateway(house) as phone:
        await phone.push(uplink("你好"))
        await phone.push(uplink("最近有什么活动", clock.timestamp() + 1))
        phone.playing.script = ["cut", "cut"]
        await deliver(phone.worker)
        await deliver(phone.worker)
        assert [row.state for row in await house.rows("outbox")] == ["unknown"] * 2
        report = payload("report_delivered") | {"submitDate": sms.local(MORNING.timestamp()), "msgGroup": "G-9"}
        await phone.push(pushed("report", report))
        late = report | {"submitDate": sms.local(MORNING.timestamp() - 3600), "msgGroup": "G-8"}
        await phone.push(pushed("report", late))
        assert [row.state for row in await house.rows("outbox")] == ["unknown"] * 2
