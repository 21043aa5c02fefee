"""微信客服: ordinary WeChat users write, we fetch what they wrote and answer through the API.

The callback carries no message, only that there is something to fetch (bot/pulling.py). Our bot, our queue and our
people all work in state 1, because `send_msg` is taken in states 0 and 1 only; states 2, 3 and 4 set elsewhere (a
member who took the talk in the WeCom client) are understood, shown, and respected. A text's `msgid` is the outbox
row's id: the platform refuses a second one, so an interrupted send is repeated. Source: protocols §3
(developer.work.weixin.qq.com/document/path/94670, 94699, 96427).
"""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from aiohttp import ClientSession
from pydantic import Field, SecretStr

from bot import clock
from bot.channels.base import Page, Pull, Received, WebhookRequest, WebhookResponse
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.channels.wechat_messages import legal
from bot.channels.wechat_xml import text_of
from bot.channels.wecom_api import WeComAPI, code_of, error_of, is_known
from bot.channels.wecom_callback import MAX_TEXT_BYTES, Callback, CallbackSettings, digest_of, nonce_of
from bot.channels.wecom_kf_items import read_item
from bot.config import validate_section
from bot.errors import Rejected, SendError, UnreadablePayload
from bot.messages import (
    DeliveryReceipt,
    InboundMessage,
    Media,
    OutboundClass,
    OutboundMessage,
    PassiveReply,
    Trigger,
    Window,
)

log = logging.getLogger(__name__)

_MAX_BODY = 64 * 1024
#: Messages in one page: each page is one transaction.
_PAGE = 100
_SEND, _ON_EVENT = "/cgi-bin/kf/send_msg", "/cgi-bin/kf/send_msg_on_event"
_WRONG_STATE = 95018
#: Which code refuses a msgid used before is not documented; what its errmsg says of it.
_REPEATED = re.compile(r"msgid.*(exist|repeat|duplicat|used)", re.IGNORECASE)
#: So long a talk seen in our state is not looked at again; a talk that ended begins anew as untreated.
_BEGUN_SECONDS, _BEGUN_REMEMBERED = 600.0, 10_000
_BOT_STATE, _QUEUE_STATE, _PERSON_STATE = 1, 2, 3
_KEY = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-")


class WeComKfSettings(CallbackSettings):
    """The enterprise's 微信客服 with the secret of a self-built app that may use it."""

    corp_id: str = Field(pattern=r"^[A-Za-z0-9_]{6,64}$")
    secret: SecretStr


class WeComKf:
    """All 客服 accounts of one enterprise: fetches, parses, sends. A sender is `open_kfid external_userid`."""

    name: ClassVar[str] = "wecom_kf"
    idempotent: ClassVar[bool] = True
    answers_in_response: ClassVar[bool] = False
    names_what_it_answers: ClassVar[bool] = False
    most_per_minute: ClassVar[int] = 0
    recall_seconds: ClassVar[int] = 0
    path = "/webhook/wecom-kf"
    max_body = _MAX_BODY

    def __init__(self, settings: WeComKfSettings, tokens: Tokens, session: ClientSession) -> None:
        self.account = settings.corp_id
        self._callback = Callback(settings, settings.corp_id)
        self._locks: dict[str, asyncio.Lock] = {}
        #: Talks this process has seen in a state of ours, and when.
        self._begun: OrderedDict[tuple[str, str], float] = OrderedDict()
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
        return any(values.get(name) for name in ("corp_id", "secret", "token", "encoding_aes_key"))

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The 客服 of `channels.wecom_kf`. Raises ConfigError naming the bad setting."""
        return cls(validate_section(WeComKfSettings, "channels.wecom_kf", dict(values)), tokens, session)

    def receive(self, request: WebhookRequest) -> Received:
        """Verify, decrypt: which account has something to fetch. Raises UnverifiedRequest, UnreadablePayload."""
        if request.method == "GET":
            return Received(response=self._callback.echo(request))
        node = self._callback.open_xml(request, self.max_body)
        account = text_of(node, "OpenKfId")
        if not account or len(account) > 64:
            raise UnreadablePayload("the callback names no account")
        # Other events of the enterprise may come here too: there is nothing to fetch for them.
        is_ours = text_of(node, "Event") == "kf_msg_or_event"
        return Received(
            response=WebhookResponse(b"success"),
            pull=Pull(account, text_of(node, "Token")[:128]) if is_ours else None,
            nonce=nonce_of(request),
            body_digest=digest_of(request),
        )

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """Nothing is answered in the response."""
        return WebhookResponse(b"success")

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, 2,048 UTF-8 bytes each."""
        return split_texts(texts, MAX_TEXT_BYTES)

    def window(self, trigger: Trigger) -> Window:
        """Five messages in 48 hours after she wrote; one in 20 seconds when she enters."""
        return Window(20, 1) if trigger is Trigger.FOLLOW else Window(48 * 3600, 5)

    async def accounts(self) -> Sequence[str]:
        """The enterprise's 客服 accounts. Raises SendError kinds."""
        answer = await self._api.call("/cgi-bin/kf/account/list", {"offset": 0, "limit": 100})
        return [str(item["open_kfid"]) for item in answer.get("account_list", ()) if item.get("open_kfid")]

    async def poll(self, account: str, cursor: str, token: str) -> Page:
        """One page after `cursor`; one call an account at a time in this process. Raises SendError kinds."""
        body: dict[str, Any] = {"open_kfid": account, "limit": _PAGE, "voice_format": 0}
        body |= {"cursor": cursor} if cursor else {}
        body |= {"token": token} if token else {}
        async with self._locks.setdefault(account, asyncio.Lock()):
            answer = await self._api.call("/cgi-bin/kf/sync_msg", body)
        return Page(
            tuple(self._messages(account, answer.get("msg_list", ()))),
            str(answer.get("next_cursor", "") or cursor),
            bool(answer.get("has_more")),
        )

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Send one text, or the welcome her entering allows. Raises SendError kinds.

        A repeated msgid means that the platform has it: that is success. A state that is not ours is looked at:
        untreated and queued talks are taken into ours, others are left where they are.
        """
        if not message.row_id or not set(message.row_id) <= _KEY or len(message.row_id) > 32:
            raise Rejected("这条消息没有编号，没有发送，请告诉管理员", code="no_key")
        text = {"msgid": message.row_id, "msgtype": "text", "text": {"content": legal(message.text)}}
        is_answer = message.outbound_class is OutboundClass.ANSWER
        code = message.reply_to.extra.get("welcome_code", "") if message.reply_to and is_answer else ""
        if code:
            return self._sent(await self._api.ask(_ON_EVENT, {"code": code, **text}), message)
        account, _, user = message.recipient.partition(" ")
        body = {"touser": user, "open_kfid": account, **text}
        await self._begin(account, user)
        answer = await self._api.ask(_SEND, body)
        if code_of(answer) == _WRONG_STATE:
            self._begun.pop((account, user), None)
            await self._take(account, user)
            answer = await self._api.ask(_SEND, body)
        return self._sent(answer, message)

    def _sent(self, answer: dict[str, Any], message: OutboundMessage) -> DeliveryReceipt:
        """What the platform's answer to a text means. Raises SendError kinds."""
        code = code_of(answer)
        if not code:
            return DeliveryReceipt(str(answer.get("msgid", "")))
        if _REPEATED.search(str(answer.get("errmsg", ""))):
            return DeliveryReceipt(message.row_id)
        log.warning("wecom_kf.refused", extra={"errcode": code, "outbox": message.row_id})
        error = error_of(code)
        if message.again and not is_known(code):
            # It may be the code for a repeated msgid: then she has it. Nobody is told that she has not.
            error.known_unsent = False
        raise error

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """A file she sent, by its media id. Raises SendError kinds."""
        return await self._api.fetch_media(media.media_id)

    async def close(self) -> None:
        """Nothing is held: the session belongs to the application."""

    async def _begin(self, account: str, user: str) -> None:
        """Bring an untreated talk into our state before the first text, so that no routing of WeCom takes it."""
        if clock.monotonic() - self._begun.get((account, user), -_BEGUN_SECONDS) < _BEGUN_SECONDS:
            return
        talk = {"open_kfid": account, "external_userid": user}
        try:
            answer = await self._api.ask("/cgi-bin/kf/service_state/get", talk)
            if code_of(answer) == 0 and answer.get("service_state") == 0:
                await self._api.ask("/cgi-bin/kf/service_state/trans", {**talk, "service_state": _BOT_STATE})
        except SendError as error:
            # The text itself is taken in an untreated talk too.
            log.info("wecom_kf.state_unknown", extra={"code": error.code})
            return
        self._begun[account, user] = clock.monotonic()
        if len(self._begun) > _BEGUN_REMEMBERED:
            self._begun.popitem(last=False)

    async def _take(self, account: str, user: str) -> None:
        """Bring a talk into our state, unless a member has it or it has ended."""
        talk = {"open_kfid": account, "external_userid": user}
        try:
            answer = await self._api.call("/cgi-bin/kf/service_state/get", talk)
            state = answer.get("service_state")
            if state == _PERSON_STATE:
                raise Rejected("同事正在企业微信里接待她，这里不能发", code="held_elsewhere")
            if state not in (0, _BOT_STATE, _QUEUE_STATE):
                raise error_of(_WRONG_STATE)
            await self._api.call("/cgi-bin/kf/service_state/trans", {**talk, "service_state": _BOT_STATE})
        except SendError as error:
            # Whatever became of these calls, her message was refused before them.
            error.known_unsent = True
            raise

    def _messages(self, account: str, items: Any) -> list[InboundMessage]:
        """The items that concern somebody; what concerns an account as a whole (a member's status) is left."""
        found = [read_item(item, self.account, account) for item in items if isinstance(item, dict)]
        return [message for message in found if not message.sender.endswith(" ")]
