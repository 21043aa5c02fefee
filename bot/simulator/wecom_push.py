"""What WeCom's servers send: an app's messages and 客服 callbacks in XML, 智能机器人 in JSON, all sealed.

Written from the platform's description alone and on wechatpy's cryptography; it shares no line with bot.channels,
so that a mistake there cannot hide here. Source: protocols §1.2, §2, §3, §5.
"""

import base64
import json
import random
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET  # only for what our own service answers

from wechatpy.crypto import PrpCrypto

from bot.simulator.wechat_push import UnreadableReply, sign


@dataclass(frozen=True, slots=True)
class Seal:
    """Token, key and the id behind every message: the corp id, empty for 智能机器人."""

    token: str
    encoding_aes_key: str
    receive_id: str = ""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One request as WeCom sends it: the query, and the body (empty for the check of an address)."""

    query: dict[str, str]
    body: bytes

    @property
    def query_string(self) -> str:
        """The query as it stands in the address."""
        return urlencode(self.query)


def echo(seal: Seal, text: str, *, at: float | None = None) -> Sealed:
    """The check of an address: the service has to answer `text`."""
    sealed, query = _seal(seal, text, at)
    return Sealed(query | {"echostr": sealed}, b"")


def app_message(seal: Seal, agent_id: int, userid: str, kind: str, **fields: str | int) -> Sealed:
    """A member's message or event to an app: the XML fields, in order; `at` in seconds."""
    at = fields.pop("at", None)
    common: dict[str, str | int] = {
        "ToUserName": seal.receive_id,
        "FromUserName": userid,
        "CreateTime": int(at or time.time()),
        "MsgType": kind,
    }
    return _xml(seal, common | fields | {"AgentID": agent_id}, at)


def kf_callback(seal: Seal, open_kfid: str, token: str, *, at: float | None = None) -> Sealed:
    """客服 says that there is something to fetch."""
    fields: dict[str, str | int] = {
        "ToUserName": seal.receive_id,
        "CreateTime": int(at or time.time()),
        "MsgType": "event",
        "Event": "kf_msg_or_event",
        "Token": token,
        "OpenKfId": open_kfid,
    }
    return _xml(seal, fields, at)


def bot_message(seal: Seal, message: dict[str, Any], *, at: float | None = None) -> Sealed:
    """What 智能机器人 hears: one JSON object."""
    sealed, query = _seal(seal, json.dumps(message, ensure_ascii=False), at)
    return Sealed(query, json.dumps({"encrypt": sealed}).encode())


def read_app_reply(seal: Seal, body: bytes) -> str | None:
    """The text of an app's passive reply; None for an empty body. Raises UnreadableReply."""
    if not body:
        return None
    root = ET.fromstring(body)  # noqa: S314 (our own service's answer)
    parts = [root.findtext(name) or "" for name in ("TimeStamp", "Nonce", "Encrypt")]
    inner = ET.fromstring(_open(seal, parts, root.findtext("MsgSignature") or ""))  # noqa: S314
    if inner.findtext("MsgType") != "text" or not inner.findtext("Content"):
        raise UnreadableReply
    return inner.findtext("Content")


def read_bot_reply(seal: Seal, body: bytes) -> dict[str, Any] | None:
    """What 智能机器人 is to say; None for an empty body. Raises UnreadableReply."""
    if not body:
        return None
    outer = json.loads(body)
    parts = [outer["timestamp"], outer["nonce"], outer["encrypt"]]
    inner = json.loads(_open(seal, parts, outer["msgsignature"]))
    if not isinstance(inner, dict) or "msgtype" not in inner:
        raise UnreadableReply
    return inner


def _xml(seal: Seal, fields: dict[str, str | int], at: object) -> Sealed:
    inside = "".join(
        f"<{name}>{value}</{name}>" if isinstance(value, int) else f"<{name}>{_cdata(value)}</{name}>"
        for name, value in fields.items()
    )
    sealed, query = _seal(seal, f"<xml>{inside}</xml>", float(str(at)) if at else None)
    outer = (
        f"<xml><ToUserName>{_cdata(seal.receive_id)}</ToUserName><Encrypt>{_cdata(sealed)}</Encrypt>"
        f"<AgentID>{_cdata(str(fields.get('AgentID', '')))}</AgentID></xml>"
    )
    return Sealed(query, outer.encode())


def _seal(seal: Seal, text: str, at: float | None) -> tuple[str, dict[str, str]]:
    key = base64.b64decode(seal.encoding_aes_key + "=")
    sealed = PrpCrypto(key).encrypt(text, seal.receive_id)
    sealed = sealed.decode() if isinstance(sealed, bytes) else sealed
    timestamp, nonce = str(int(at or time.time())), str(random.getrandbits(31))
    return sealed, {
        "msg_signature": sign(seal.token, timestamp, nonce, sealed),
        "timestamp": timestamp,
        "nonce": nonce,
    }


def _open(seal: Seal, parts: list[str], signature: str) -> str:
    if sign(seal.token, *parts) != signature:
        raise UnreadableReply("the signature is wrong")
    key = base64.b64decode(seal.encoding_aes_key + "=")
    text: str = PrpCrypto(key).decrypt(parts[2], seal.receive_id)
    return text


def _cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def new_id(length: int = 24) -> str:
    """An id nobody has."""
    return secrets.token_hex(length)[:length]
