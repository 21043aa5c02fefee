"""The WeCom self-built app: members of the enterprise (cadres and staff) write to us and are written to.

Source: protocols §2 (developer.work.weixin.qq.com/document/path/101033, 90454). The platform takes 30 messages a
minute for one member and drops the rest without a word, and answers errcode 0 although nobody got the message:
`invaliduser` is read, the limit is kept by us.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from aiohttp import ClientSession
from pydantic import Field, SecretStr

from bot import clock
from bot.channels.base import Notice, NoticeOutcome, Received, Way, WebhookRequest, WebhookResponse
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.channels.wechat_messages import Dialect, legal, read_message, text_reply
from bot.channels.wechat_xml import text_of
from bot.channels.wecom_api import WeComAPI
from bot.channels.wecom_callback import MAX_TEXT_BYTES, Callback, CallbackSettings, digest_of, nonce_of
from bot.config import validate_section
from bot.errors import RecipientGone, Rejected, SendError, UnreadablePayload
from bot.messages import (
    ALWAYS,
    DeliveryReceipt,
    Kind,
    Media,
    OutboundMessage,
    PassiveReply,
    Trigger,
    Window,
)

_MAX_BODY = 64 * 1024
_EVENT_KINDS = {
    "subscribe": Kind.FOLLOW,
    "unsubscribe": Kind.UNFOLLOW,
    "enter_agent": Kind.NOTICE,
    "location": Kind.NOTICE,
    "click": Kind.MENU,
    "view": Kind.NOTICE,
    "template_card_event": Kind.NOTICE,
    "template_card_menu_event": Kind.NOTICE,
    "change_contact": Kind.NOTICE,
    "batch_job_result": Kind.NOTICE,
}


class WeComSettings(CallbackSettings):
    """One self-built app (自建应用), as its page in the enterprise's administration shows it."""

    corp_id: str = Field(pattern=r"^[A-Za-z0-9_]{6,64}$")
    agent_id: int = Field(ge=1)
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class _ReplyContext:
    """What a passive reply needs of its request."""

    sender: str


class WeCom:
    """One self-built app: verifies, parses, answers, sends to members."""

    name: ClassVar[str] = "wecom"
    idempotent: ClassVar[bool] = False
    answers_in_response: ClassVar[bool] = True
    names_what_it_answers: ClassVar[bool] = False
    most_per_minute: ClassVar[int] = 30
    ways: ClassVar[Mapping[str, Way]] = {"": Way(most_at_once=1000)}
    #: 撤回应用消息: within 24 hours (developer.work.weixin.qq.com/document/path/94867).
    recall_seconds: ClassVar[int] = 24 * 3600
    path = "/webhook/wecom"
    max_body = _MAX_BODY

    def __init__(self, settings: WeComSettings, tokens: Tokens, session: ClientSession) -> None:
        self.account = f"{settings.corp_id}:{settings.agent_id}"
        self._corp_id = settings.corp_id
        self._agent_id = settings.agent_id
        self._callback = Callback(settings, settings.corp_id)
        self._dialect = Dialect(self.name, self.account, _EVENT_KINDS)
        self._api = WeComAPI(
            base=settings.api_base,
            corp_id=settings.corp_id,
            secret=settings.secret.get_secret_value(),
            tokens=tokens,
            session=session,
        )

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether the section holds any secret."""
        return any(values.get(name) for name in ("corp_id", "agent_id", "secret", "token", "encoding_aes_key"))

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The app of `channels.wecom`. Raises ConfigError naming the bad setting."""
        return cls(validate_section(WeComSettings, "channels.wecom", dict(values)), tokens, session)

    def receive(self, request: WebhookRequest) -> Received:
        """Verify, decrypt, parse. Raises UnverifiedRequest and UnreadablePayload, nothing else."""
        if request.method == "GET":
            return Received(response=self._callback.echo(request))
        node = self._callback.open_xml(request, self.max_body)
        agent = text_of(node, "AgentID")
        if agent and agent != str(self._agent_id):
            raise UnreadablePayload("the message is for another app")
        message = read_message(node, self._dialect)
        return Received(
            messages=(message,),
            nonce=nonce_of(request),
            body_digest=digest_of(request),
            context=_ReplyContext(message.sender),
        )

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """The passive text reply, encrypted; an empty body acknowledges."""
        if not reply.text:
            return WebhookResponse(b"")
        context: _ReplyContext = received.context
        body = text_reply(context.sender, self._corp_id, reply.text, str(int(clock.timestamp())))
        return WebhookResponse(self._callback.seal(body).to_xml(), "application/xml")

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, 2,048 UTF-8 bytes each."""
        return split_texts(texts, MAX_TEXT_BYTES)

    def window(self, trigger: Trigger) -> Window:
        """Members can always be written to."""
        return ALWAYS

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Send one text to one member. Raises SendError kinds, RecipientGone for `invaliduser`."""
        answer = await self._send(message.recipient, message.text)
        if answer.get("invaliduser"):
            raise _gone()
        if answer.get("unlicenseduser"):
            raise _unlicensed()
        return DeliveryReceipt(str(answer.get("msgid", "")))

    async def send_many(self, notice: Notice) -> NoticeOutcome:
        """Send one text to at most 1,000 members; those it does not reach are told apart. Raises SendError kinds."""
        answer = await self._send("|".join(notice.recipients), notice.text)
        refused: dict[str, SendError] = {name: _gone() for name in _listed(answer, "invaliduser")}
        refused |= {name: _unlicensed() for name in _listed(answer, "unlicenseduser")}
        # The platform gives names back in small letters.
        known = {name.lower(): name for name in notice.recipients}
        return NoticeOutcome(
            str(answer.get("msgid", "")), {known.get(name.lower(), name): why for name, why in refused.items()}
        )

    async def _send(self, to: str, text: str) -> dict[str, Any]:
        return await self._api.call(
            "/cgi-bin/message/send",
            {
                "touser": to,
                "msgtype": "text",
                "agentid": self._agent_id,
                "text": {"content": legal(text)},
                "safe": 0,
                "enable_duplicate_check": 0,
            },
        )

    async def recall(self, recipient: str, platform_id: str) -> None:
        """Take back a message by its msgid. Raises SendError kinds."""
        if not platform_id:
            raise Rejected("没有这条消息在企业微信里的编号，撤不回", code="no_msgid")
        await self._api.call("/cgi-bin/message/recall", {"msgid": platform_id})

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """A file a member sent, by its media id. Raises SendError kinds."""
        return await self._api.fetch_media(media.media_id)

    async def close(self) -> None:
        """Nothing is held: the session belongs to the application."""


def _listed(answer: Mapping[str, Any], name: str) -> list[str]:
    return [one for one in str(answer.get(name) or "").split("|") if one]


def _gone() -> SendError:
    return RecipientGone("这位成员收不到：已离职，或不在应用的可见范围里", code="invaliduser")


def _unlicensed() -> SendError:
    return Rejected("这位成员没有企业微信接口许可，请管理员分配", code="unlicenseduser")
