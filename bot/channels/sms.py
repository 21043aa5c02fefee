"""Text messages through the government gateway (政信通 / 云MAS), whose HTTP contract differs by province.

Source: protocols §8 (transcribed interface documents). The gateway knows no idempotency key: a submit without an
answer is unknown and never repeated; its status report says later what became of it. What comes in is unsigned, so
the address carries a secret.
"""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from aiohttp import ClientSession
from pydantic import Field, SecretStr, field_validator

from bot.channels.base import Notice, NoticeOutcome, Received, Way, WebhookRequest, WebhookResponse
from bot.channels.http import post_raw
from bot.channels.sms_push import Names, read_reports, read_uplinks
from bot.channels.sms_text import count_segments, units
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.config import Section, validate_section
from bot.errors import RecipientGone, Rejected, SendError, Throttled, UnreadablePayload, UnverifiedRequest
from bot.messages import (
    ALWAYS,
    DeliveryReceipt,
    Media,
    OutboundClass,
    OutboundMessage,
    PassiveReply,
    Trigger,
    Window,
)

log = logging.getLogger(__name__)

_MAX_BODY = 1024 * 1024
#: The gateway's limit for service number and extension together.
_LONGEST_SERIAL = 20
_PROACTIVE = (OutboundClass.REMINDER, OutboundClass.CAMPAIGN)

#: What each of the gateway's codes means: kind of error and words for staff.
_ERRORS: dict[str, tuple[type[SendError], str]] = {
    "IllegalMac": (Rejected, "短信网关说校验不对，请管理员检查 ec_name、ap_id 和 secret_key"),
    "IllegalSignId": (Rejected, "短信签名编码不对，请管理员检查 sign"),
    "NoSignId": (Rejected, "短信没有签名编码，请管理员检查 sign"),
    "InvalidMessage": (Rejected, "短信网关不收这条内容，请改写后重发"),
    "InvalidUsrOrPwd": (Rejected, "短信网关的用户名或密码不对，请管理员检查设置"),
    "TooManyMobiles": (Rejected, "一次提交的短信号码太多，请把这条告诉管理员"),
}


class SMSSettings(Section):
    """One interface account of the gateway, as the carrier's letter names it."""

    ec_name: str = Field(min_length=1)
    ap_id: str = Field(min_length=1)
    secret_key: SecretStr = Field(min_length=1)
    #: The code of the signature (签名编码), not its text.
    sign: str = Field(min_length=1)
    #: Part of the address the gateway pushes to, /webhook/sms/<inbound_secret>/report and …/uplink.
    inbound_secret: SecretStr
    #: The carrier's address; a fake gateway on loopback in tests.
    api_base: str = Field(pattern=r"^https?://")
    submit_path: str = "/sms/norsubmit"
    template_path: str = "/sms/tmpsubmit"
    #: Where set, reminders and campaigns go through this approved template, the text its only parameter.
    template_id: str = ""
    #: The signature as people see it, 【…】: it counts in the length.
    signature_text: str = Field(default="", max_length=30)
    #: Our extension behind the service number, digits; usually empty.
    add_serial: str = Field(default="", pattern=r"^[0-9]{0,16}$")
    #: Digits after it that name the conversation; 0 where the signature is matched exactly (精确匹配).
    serial_digits: int = Field(default=4, ge=0, le=8)
    #: UCS-2 units of one text with its signature; carriers take 500.
    max_units: int = Field(default=500, ge=70, le=1000)
    #: Status or error codes of a report that mean "arrived".
    delivered: tuple[str, ...] = ("DELIVRD", "CM:0000")
    #: What the gateway wants to read when it has pushed something.
    acknowledgement: str = "OK"
    #: The gateway's names for its fields.
    names: Names = Field(default_factory=Names)

    @field_validator("inbound_secret")
    @classmethod
    def _not_to_be_guessed(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 16 or not value.get_secret_value().isalnum():
            raise ValueError("must be at least 16 letters and digits; it is all that proves a push")
        return value

    @field_validator("serial_digits")
    @classmethod
    def _short_enough(cls, value: int, info: Any) -> int:
        if len(info.data.get("add_serial", "")) + value > _LONGEST_SERIAL:
            raise ValueError("add_serial and serial_digits together are too long")
        return value


class SMS:
    """One account of the gateway. `OutboundMessage.recipient` is a mobile number, digits."""

    name: ClassVar[str] = "sms"
    idempotent: ClassVar[bool] = False
    answers_in_response: ClassVar[bool] = False
    names_what_it_answers: ClassVar[bool] = False
    most_per_minute: ClassVar[int] = 0
    #: The gateway takes 5,000; a submit without an answer leaves all its numbers unknown, so fewer go at once.
    ways: ClassVar[Mapping[str, Way]] = {"": Way(most_at_once=1000)}
    recall_seconds: ClassVar[int] = 0
    path = "/webhook/sms/{secret}/{what}"
    max_body = _MAX_BODY

    def __init__(self, settings: SMSSettings, session: ClientSession) -> None:
        self.account = settings.ap_id
        self._settings = settings
        self._secret_key = settings.secret_key.get_secret_value()
        self._inbound_secret = settings.inbound_secret.get_secret_value().encode()
        self._base = settings.api_base.rstrip("/")
        self._session = session

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether the section holds any secret."""
        return any(values.get(name) for name in ("ec_name", "ap_id", "secret_key", "sign", "inbound_secret"))

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The account of `channels.sms`. Raises ConfigError naming the bad setting."""
        return cls(validate_section(SMSSettings, "channels.sms", dict(values)), session)

    def receive(self, request: WebhookRequest) -> Received:
        """Compare the secret in the address, then parse. Raises UnverifiedRequest and UnreadablePayload."""
        if not hmac.compare_digest(request.parts.get("secret", "").encode(), self._inbound_secret):
            raise UnverifiedRequest("the address does not hold the secret")
        if request.method != "POST":
            raise UnreadablePayload("a push is a POST")
        if len(request.body) > self.max_body:
            raise UnreadablePayload("the body is too large")
        match request.parts.get("what"):
            case "report":
                messages = read_reports(request, self._settings.names, self.account, self._settings.delivered)
            case "uplink":
                messages = read_uplinks(request, self._settings.names, self.account)
            case _:
                raise UnreadablePayload("neither a report nor an uplink")
        return Received(messages=messages)

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """The acknowledgement: answers go through the gateway."""
        return WebhookResponse(self._settings.acknowledgement.encode())

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, so that each fits one submit with its signature."""
        return split_texts(texts, self._settings.max_units - units(self._settings.signature_text), units)

    def window(self, trigger: Trigger) -> Window:
        """A number can always be written to; the gate heeds what she wants."""
        return ALWAYS

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Submit one text to one number. Raises SendError kinds; unknown when no answer came."""
        if not message.recipient.isascii() or not message.recipient.isdigit():
            raise RecipientGone("这个手机号不对，短信发不出去，请核对号码", code="bad_mobile")
        return DeliveryReceipt(await self._submit(message))

    async def send_many(self, notice: Notice) -> NoticeOutcome:
        """Submit one text to many numbers at once. Raises SendError kinds; unknown when no answer came."""
        good = [number for number in notice.recipients if number.isascii() and number.isdigit()]
        refused: dict[str, SendError] = {
            number: RecipientGone("这个手机号不对，短信发不出去，请核对号码", code="bad_mobile")
            for number in notice.recipients
            if number not in set(good)
        }
        if not good:
            return NoticeOutcome(refused=refused)
        submitted = await self._submit(
            OutboundMessage(
                recipient=",".join(good),
                text=notice.text,
                idempotency_key=notice.key,
                outbound_class=OutboundClass.CAMPAIGN,
                conversation=notice.campaign,
            )
        )
        return NoticeOutcome(submitted, refused)

    async def _submit(self, message: OutboundMessage) -> str:
        """Hand one text to the gateway; its id for the submit. `recipient` may be several numbers with commas."""
        by_template = self._settings.template_id and message.outbound_class in _PROACTIVE
        path = self._settings.template_path if by_template else self._settings.submit_path
        body = self._templated(message) if by_template else self._plain(message)
        payload = base64.b64encode(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
        status, answer = await post_raw(
            self._session, self._base + path, payload, headers={"Content-Type": "text/plain; charset=utf-8"}
        )
        names = self._settings.names
        code = str(answer.get(names.code, ""))
        if status == 200 and code == "success" and answer.get(names.success, True) in (True, "true"):
            log.info("sms.accepted", extra={"segments": self.segments(message.text)})
            return str(answer.get(names.message_id, ""))
        log.warning("sms.refused", extra={"status": status, "errcode": code[:32]})
        raise _error(status, code)

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """Text messages carry no files. Raises Rejected."""
        raise Rejected("短信不带文件", code="no_files")

    async def close(self) -> None:
        """Nothing is held: the session belongs to the application."""

    def segments(self, text: str) -> int:
        """How many messages `text` is billed as."""
        return count_segments(text, self._settings.signature_text)

    def serial(self, conversation: str) -> str:
        """The extension that names a conversation, so that her reply finds it; the same at every message of it."""
        digits = self._settings.serial_digits
        if not digits or not conversation:
            return self._settings.add_serial
        number = int.from_bytes(hashlib.sha256(conversation.encode()).digest()[:8]) % 10**digits
        return self._settings.add_serial + str(number).zfill(digits)

    def _plain(self, message: OutboundMessage) -> dict[str, str]:
        names, serial = self._settings.names, self.serial(message.conversation)
        return self._signed(
            message.recipient + message.text,
            serial,
            {names.mobiles: message.recipient, names.content: message.text},
        )

    def _templated(self, message: OutboundMessage) -> dict[str, str]:
        names, serial = self._settings.names, self.serial(message.conversation)
        params = json.dumps([message.text], ensure_ascii=False)
        body = self._signed(
            self._settings.template_id + message.recipient + params,
            serial,
            {
                names.template_id: self._settings.template_id,
                names.mobiles: message.recipient,
                names.params: params,
            },
        )
        # Unlike the plain one, this interface wants the key itself (protocols §8).
        return body | {names.secret_key: self._secret_key}

    def _signed(self, middle: str, serial: str, fields: dict[str, str]) -> dict[str, str]:
        settings = self._settings
        names = settings.names
        proof = mac(settings.ec_name, settings.ap_id, self._secret_key, middle, settings.sign, serial)
        return {
            names.ec_name: settings.ec_name,
            names.ap_id: settings.ap_id,
            **fields,
            names.sign: settings.sign,
            names.add_serial: serial,
            names.mac: proof,
        }


def mac(*parts: str) -> str:
    """The gateway's proof: lower-case MD5 hex over the parts without separators (its choice, not ours)."""
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def _error(status: int, code: str) -> SendError:
    """The error for an answer that is no success; an unknown one is refused for good, and said so."""
    if code in _ERRORS:
        kind, sentence = _ERRORS[code]
        return kind(sentence, code=code)
    if status == 429:
        return Throttled("短信网关让等一等，稍后自动重试", code="http_429", retry_after=60)
    shown = code[:32] or f"http_{status}"
    return Rejected(f"短信网关拒绝了这条（错误码 {shown}），请把错误码告诉管理员", code=shown)
