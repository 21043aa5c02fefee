"""The web chat in the contract suite: no platform stands behind it, so nothing of sending can be drilled."""

import json
from dataclasses import replace
from typing import Any

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.webchat import WebChat
from tests.support.drills.base import Drill

ROOM = "0" * 25 + "7"


def settings(base: str) -> dict[str, Any]:
    """The section `channels.webchat`; there is no address to call."""
    return {"enabled": True}


def posted(text: str, at: float, number: int) -> WebhookRequest:
    """What the page posts, in a room its token has opened."""
    body = json.dumps({"text": text, "key": f"k{number}"}).encode()
    return WebhookRequest("POST", {}, {}, body, clock.from_timestamp(at), {"room": ROOM})


def without_room(request: WebhookRequest) -> WebhookRequest:
    """The same with a token that opens nothing."""
    return replace(request, parts={})


DRILL = Drill(
    channel=WebChat,
    settings=settings,
    answer=lambda path, body: None,
    send_path="",
    secrets=(),
    recipient=ROOM,
    most=8000,
    request=posted,
    forge=without_room,
    has_clock=False,
)
