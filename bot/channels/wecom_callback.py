"""What WeCom's callbacks share: the check of the address, signature, clock window, decryption, sealed answers.

Source: protocols §1.2, §2, §5 (developer.work.weixin.qq.com/document/path/101033). The echo check is answered with
the decrypted text and nothing else: no quotes, no newline.
"""

import hashlib
import json
import re
import secrets
from datetime import datetime
from typing import Any

from pydantic import Field, SecretStr, field_validator

from bot import clock
from bot.channels.base import WebhookRequest, WebhookResponse
from bot.channels.wechat_crypto import Envelope, WeChatCrypto
from bot.channels.wechat_xml import Node, parse, text_of
from bot.config import Section
from bot.errors import UnreadablePayload, UnverifiedRequest

#: What a text may hold on WeCom, in UTF-8 bytes; longer ones are cut off silently.
MAX_TEXT_BYTES = 2048
API_BASE = "https://qyapi.weixin.qq.com"


class CallbackSettings(Section):
    """What the page 「接收消息」 of an app or a bot shows."""

    token: SecretStr
    encoding_aes_key: SecretStr
    #: Where calls go; a fake provider on loopback in tests, the simulator in development.
    api_base: str = API_BASE
    #: Requests older or younger than this are stale.
    freshness_seconds: int = Field(default=300, ge=5)

    @field_validator("token")
    @classmethod
    def _readable_token(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[A-Za-z0-9]{3,64}", value.get_secret_value()):
            raise ValueError("must be letters and digits, as entered on the platform's page")
        return value

    @field_validator("encoding_aes_key")
    @classmethod
    def _whole_key(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) != 43:
            raise ValueError("must be exactly 43 characters, as the platform's page shows it")
        return value


class Callback:
    """Opens requests to one address. `receive_id` is the corp id, empty for 智能机器人."""

    def __init__(self, settings: CallbackSettings, receive_id: str) -> None:
        self._crypto = WeChatCrypto(
            settings.token.get_secret_value(), settings.encoding_aes_key.get_secret_value(), receive_id
        )
        self._freshness = settings.freshness_seconds

    def echo(self, request: WebhookRequest) -> WebhookResponse:
        """The answer to the platform's check of the address. Raises UnverifiedRequest."""
        return WebhookResponse(self._open(request, request.query.get("echostr", "")))

    def open_xml(self, request: WebhookRequest, max_body: int) -> Node:
        """The message in an XML request. Raises UnverifiedRequest, UnreadablePayload."""
        if len(request.body) > max_body:
            raise UnreadablePayload("the body is too large")
        return parse(self._open(request, text_of(parse(request.body), "Encrypt")))

    def open_json(self, request: WebhookRequest, max_body: int) -> dict[str, Any]:
        """The message in a JSON request. Raises UnverifiedRequest, UnreadablePayload."""
        if len(request.body) > max_body:
            raise UnreadablePayload("the body is too large")
        outer = read_object(request.body)
        encrypt = outer.get("encrypt")
        return read_object(self._open(request, encrypt if isinstance(encrypt, str) else ""))

    def seal(self, message: bytes) -> Envelope:
        """`message` sealed and signed, for the response."""
        return self._crypto.seal(message, str(int(clock.timestamp())), secrets.token_hex(8))

    def _open(self, request: WebhookRequest, encrypt: str) -> bytes:
        query = request.query
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not encrypt:
            raise UnverifiedRequest("nothing is encrypted")
        self._check_time(timestamp, request.received_at)
        return self._crypto.open(encrypt, query.get("msg_signature", ""), timestamp, nonce)

    def _check_time(self, timestamp: str, received_at: datetime) -> None:
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 10:
            raise UnverifiedRequest("the timestamp is not a number")
        if abs(received_at.timestamp() - int(timestamp)) > self._freshness:
            raise UnverifiedRequest("the request is stale")


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises UnreadablePayload."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadablePayload("the JSON cannot be read") from None
    if not isinstance(value, dict):
        raise UnreadablePayload("the JSON is not an object")
    return value


def nonce_of(request: WebhookRequest) -> str:
    """The request's nonce with its time: it does not come back with another body (WW-101033)."""
    return f"{request.query.get('timestamp', '')}:{request.query.get('nonce', '')}"


def digest_of(request: WebhookRequest) -> bytes:
    """What `Received.body_digest` is."""
    return hashlib.sha256(request.body).digest()[:16]
