"""What QQ's servers send to an official bot: events signed with Ed25519, and the check of the bot's address.

Written from the platform's description alone; it shares no line with bot.channels, so that a mistake there cannot
hide here. Source: protocols §6.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Pushed:
    """One request as QQ sends it."""

    headers: dict[str, str]
    body: bytes


def push(secret: str, app_id: str, event: dict[str, Any], *, at: float | None = None) -> Pushed:
    """`event` signed at `at` (default: now)."""
    body = json.dumps(event, ensure_ascii=False).encode()
    timestamp = str(int(at or time.time()))
    repeated = secret.encode() * (32 // len(secret.encode()) + 1)
    signature = Ed25519PrivateKey.from_private_bytes(repeated[:32]).sign(timestamp.encode() + body).hex()
    headers = {
        "User-Agent": "QQBot-Callback",
        "X-Bot-Appid": app_id,
        "X-Signature-Ed25519": signature,
        "X-Signature-Timestamp": timestamp,
    }
    return Pushed(headers, body)


def private_message(openid: str, text: str, number: str, *, at: float | None = None) -> dict[str, Any]:
    """Somebody writes to the bot alone."""
    body = {"id": number, "author": {"id": openid, "user_openid": openid}, "content": text, "timestamp": _written(at)}
    return _event("C2C_MESSAGE_CREATE", f"C2C_MESSAGE_CREATE:{number}", body)


def group_message(group: str, member: str, text: str, number: str, *, at: float | None = None) -> dict[str, Any]:
    """Somebody speaks to the bot in a group; the platform cuts the @ and leaves a space."""
    body = {
        "id": number,
        "group_openid": group,
        "author": {"id": member, "member_openid": member},
        "content": f" {text}",
        "timestamp": _written(at),
    }
    return _event("GROUP_AT_MESSAGE_CREATE", f"GROUP_AT_MESSAGE_CREATE:{number}", body)


def group_change(name: str, group: str, member: str, *, at: float | None = None) -> dict[str, Any]:
    """What becomes of the bot in a group: GROUP_ADD_ROBOT, GROUP_DEL_ROBOT, GROUP_MSG_REJECT, GROUP_MSG_RECEIVE."""
    seconds = int(at or time.time())
    body = {"timestamp": seconds, "group_openid": group, "op_member_openid": member}
    return _event(name, f"{name}:{group}:{seconds}", body)


def person_event(name: str, openid: str, *, at: float | None = None) -> dict[str, Any]:
    """FRIEND_ADD, FRIEND_DEL, C2C_MSG_REJECT, C2C_MSG_RECEIVE."""
    seconds = int(at or time.time())
    return _event(name, f"{name}:{openid}:{seconds}", {"timestamp": seconds, "openid": openid})


def _event(name: str, event_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": event_id, "op": 0, "s": 1, "t": name, "d": body}


def _written(at: float | None) -> str:
    return datetime.fromtimestamp(at or time.time(), UTC).isoformat(timespec="seconds")
