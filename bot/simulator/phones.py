"""The phones one sees in the simulator: four women, what each wrote and read, and what she can do."""

import asyncio
import io
import math
import struct
import time
import wave
import zlib
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.wechat_api import FakePlatform, Follower
from bot.simulator.wechat_push import Message, Pusher

#: What WeChat shows when an account does not answer as it must.
NOT_AVAILABLE = "该公众号暂时无法提供服务，请稍后再试"

_PEOPLE = (("xiuying", "秀英"), ("guilan", "桂兰"), ("chunmei", "春梅"), ("xiaoyan", "小燕"))
_PLACES = {"here": (36.6530, 115.6720, "文化路附近"), "village": (36.7000, 115.7390, "柳林乡")}


@dataclass(slots=True)
class Bubble:
    """One line on a phone. `side`: her, us, or system."""

    number: int
    side: str
    kind: str
    text: str
    at: float
    via: str = ""


@dataclass(slots=True)
class Phone:
    """One woman's phone: what she sees of the official account."""

    name: str
    title: str
    openid: str
    follows: bool = True
    bubbles: list[Bubble] = field(default_factory=list)


class UnknownAction(Exception):
    """The simulator cannot do what was asked; the sentence says what it can."""


class Phones:
    """All phones, the pretended WeChat behind them, and whoever watches the page."""

    def __init__(self, platform: FakePlatform, pusher: Pusher) -> None:
        self.platform = platform
        self._pusher = pusher
        platform.heard = self._hear
        self.mode = ""
        self.version = 0
        self._changed = asyncio.Event()
        now = time.time()
        self.phones = {name: Phone(name, title, f"o-simulator-{name}".ljust(28, "0")) for name, title in _PEOPLE}
        for phone in self.phones.values():
            platform.followers[phone.openid] = Follower(window="message", opened_at=now)

    async def write(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """She sends something: text, image, voice, video, location or link. Raises UnknownAction."""
        phone = self._phone(name)
        kind = str(asked.get("type") or "text")
        message, shown = self._message(phone, kind, asked)
        self.platform.wrote(phone.openid)
        return await self._push(phone, message, kind, shown)

    async def act(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """She does something: follow, unfollow, scan, menu, view. Raises UnknownAction."""
        phone, openid, key = self._phone(name), self._phone(name).openid, str(asked.get("key") or "")
        match str(asked.get("event") or ""):
            case "follow":
                phone.follows = True
                self.platform.follow(openid)
                return await self._push(phone, Message.subscribe(openid, key), "system", "你关注了公众号")
            case "unfollow":
                phone.follows = False
                self.platform.unfollow(openid)
                return await self._push(phone, Message.unsubscribe(openid), "system", "你取消了关注")
            case "scan":
                self.platform.tapped(openid)
                return await self._push(phone, Message.scan(openid, key or "poster"), "system", "你扫了二维码")
            case "menu":
                self.platform.tapped(openid)
                message = Message.click(openid, key or "menu")
                return await self._push(phone, message, "system", f"你点了菜单：{key or 'menu'}")
            case "view":
                return await self._push(
                    phone, Message.view(openid, "http://example.invalid/"), "system", "你打开了网页"
                )
        raise UnknownAction("event 可以是 follow、unfollow、scan、menu、view")

    async def changed(self, after: int, seconds: float) -> int:
        """Wait until something is newer than `after`, at most `seconds`; the version then."""
        if self.version <= after:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return self.version

    def show(self, name: str) -> Phone:
        """A phone by its name. Raises UnknownAction."""
        return self._phone(name)

    def _phone(self, name: str) -> Phone:
        if name not in self.phones:
            raise UnknownAction(f"手机有：{'、'.join(self.phones)}")
        return self.phones[name]

    def _message(self, phone: Phone, kind: str, asked: dict[str, Any]) -> tuple[Message, str]:
        openid, text = phone.openid, str(asked.get("text") or "")
        match kind:
            case "text":
                if not text.strip():
                    raise UnknownAction("请先写字")
                return Message.text(openid, text), text
            case "image":
                return Message.image(openid, self.platform.add_media(_picture(), "image/png")), "[图片]"
            case "voice":
                media_id = self.platform.add_media(_sound(), "audio/wav")
                recognition = str(asked["recognition"]) if asked.get("recognition") else None
                return Message.voice(openid, media_id, recognition), f"[语音] {recognition or ''}".strip()
            case "video":
                return Message.video(openid, self.platform.add_media(b"\0\0\0\x18ftypmp42", "video/mp4")), "[视频]"
            case "location":
                latitude, longitude, label = _PLACES.get(str(asked.get("place") or "here"), _PLACES["here"])
                return Message.location(openid, latitude, longitude, label), f"[位置] {label}"
            case "link":
                return Message.link(openid, text or "一篇文章", "http://example.invalid/"), f"[链接] {text}"
        raise UnknownAction("type 可以是 text、image、voice、video、location、link")

    async def _push(self, phone: Phone, message: Message, kind: str, shown: str) -> dict[str, Any]:
        side = "system" if kind == "system" else "her"
        bubble = self._add(phone, side, kind, shown)
        outcome = await self._pusher.push(message, mode=self.mode)
        if outcome.text:
            self._add(phone, "us", "text", outcome.text, "被动回复")
        elif outcome.failed and phone.follows:
            self._add(phone, "system", "system", NOT_AVAILABLE)
        return {
            "id": bubble.number,
            "reply": outcome.text,
            "attempts": list(outcome.statuses),
            "seconds": round(outcome.seconds, 3),
            "failed": outcome.failed,
        }

    async def _hear(self, openid: str, text: str) -> None:
        for phone in self.phones.values():
            if phone.openid == openid:
                self._add(phone, "us", "text", text, "客服消息")

    def _add(self, phone: Phone, side: str, kind: str, text: str, via: str = "") -> Bubble:
        self.version += 1
        bubble = Bubble(self.version, side, kind, text, time.time(), via)
        phone.bubbles.append(bubble)
        self._changed.set()
        self._changed = asyncio.Event()
        return bubble


def _picture() -> bytes:
    """A small picture: a soft gradient, as PNG."""
    width = height = 96
    rows = b"".join(
        b"\0" + bytes(value for x in range(width) for value in (200, 120 + x, 120 + y)) for y in range(height)
    )

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _sound() -> bytes:
    """A second of a quiet tone, as WAV."""
    output = io.BytesIO()
    with wave.open(output, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(
            b"".join(struct.pack("<h", int(4000 * math.sin(2 * math.pi * 330 * n / 8000))) for n in range(8000))
        )
    return output.getvalue()
