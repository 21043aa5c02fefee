"""WeCom's group robots (消息推送): outbound only, to our own staff's groups.

Source: protocols §4 (developer.work.weixin.qq.com/document/path/99110). A robot's key is a secret that lets anybody
write into the group: it stands in the settings under a name of ours, and everything else knows only the name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from aiohttp import ClientSession
from pydantic import Field, SecretStr, field_validator

from bot.channels.base import Notice, NoticeOutcome, Received, Way, WebhookRequest, WebhookResponse
from bot.channels.http import post_json
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.channels.wechat_messages import legal
from bot.channels.wecom_api import code_of, error_of
from bot.channels.wecom_callback import API_BASE, MAX_TEXT_BYTES
from bot.config import Section, validate_section
from bot.errors import RecipientGone, Rejected, UnreadablePayload
from bot.messages import ALWAYS, DeliveryReceipt, Media, OutboundMessage, PassiveReply, Trigger, Window


class WeComRobotSettings(Section):
    """The group robots, each under a name of ours."""

    #: Name → the part of the robot's webhook address after `key=`.
    keys: dict[str, SecretStr] = Field(min_length=1)
    #: Where calls go; a fake provider on loopback in tests, the simulator in development.
    api_base: str = API_BASE

    @field_validator("keys")
    @classmethod
    def _readable_keys(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, key in value.items():
            if not re.fullmatch(r"[\w-]{1,32}", name):
                raise ValueError(f"{name!r} is not a name: use letters, digits, _ and -")
            if not re.fullmatch(r"[A-Za-z0-9-]{8,64}", key.get_secret_value()):
                raise ValueError(f"{name} is not a key; copy what stands after key= in the robot's address")
        return value


class WeComRobot:
    """The group robots: each key one group. `OutboundMessage.recipient` is a robot's name."""

    name: ClassVar[str] = "wecom_robot"
    idempotent: ClassVar[bool] = False
    answers_in_response: ClassVar[bool] = False
    names_what_it_answers: ClassVar[bool] = False
    most_per_minute: ClassVar[int] = 20
    ways: ClassVar[Mapping[str, Way]] = {"": Way(to_groups=True)}
    recall_seconds: ClassVar[int] = 0
    account = "robots"
    path = ""
    max_body = 0

    def __init__(self, settings: WeComRobotSettings, session: ClientSession) -> None:
        self._keys = {name: key.get_secret_value() for name, key in settings.keys.items()}
        self._url = settings.api_base.rstrip("/") + "/cgi-bin/webhook/send"
        self._session = session

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether any robot has a key."""
        keys = values.get("keys")
        return bool(keys) and (not isinstance(keys, dict) or any(keys.values()))

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The robots of `channels.wecom_robot`. Raises ConfigError naming the bad setting."""
        return cls(validate_section(WeComRobotSettings, "channels.wecom_robot", dict(values)), session)

    @property
    def robots(self) -> tuple[str, ...]:
        """The names of the robots."""
        return tuple(self._keys)

    def receive(self, request: WebhookRequest) -> Received:
        """Nothing comes in from a robot. Raises UnreadablePayload."""
        raise UnreadablePayload("robots hear nothing")

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """Nothing is answered."""
        return WebhookResponse(b"")

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, 2,048 UTF-8 bytes each."""
        return split_texts(texts, MAX_TEXT_BYTES)

    def window(self, trigger: Trigger) -> Window:
        """A robot can always write."""
        return ALWAYS

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Send one text into the group of the robot named `recipient`. Raises SendError kinds."""
        key = self._keys.get(message.recipient)
        if key is None:
            raise RecipientGone("设置里没有这个群机器人，请管理员检查", code="no_robot")
        body = {"msgtype": "text", "text": {"content": legal(message.text)}}
        answer = await post_json(self._session, self._url, body, params={"key": key})
        if code_of(answer):
            raise error_of(code_of(answer))
        return DeliveryReceipt()

    async def send_many(self, notice: Notice) -> NoticeOutcome:
        """A robot speaks into one group at a time. Raises Rejected."""
        raise Rejected("群机器人一次只发一个群", code="one_at_a_time")

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """Robots receive no files. Raises Rejected."""
        raise Rejected("群机器人不收文件", code="no_files")

    async def close(self) -> None:
        """Nothing is held: the session belongs to the application."""
