"""WeCom in the simulator: a customer's 客服 talk, a group with 智能机器人, a member's app, a group with a robot.

Each speaks the platform's own protocol to our webhooks and answers our calls; it shares no line with what it tests.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from bot.simulator.phones import Bubble, UnknownAction
from bot.simulator.wechat_push import UnreadableReply
from bot.simulator.wecom_api import FakeWeCom
from bot.simulator.wecom_push import (
    Seal,
    Sealed,
    app_message,
    bot_message,
    kf_callback,
    new_id,
    read_app_reply,
    read_bot_reply,
)

_TIMEOUT = ClientTimeout(total=5)
_ATTEMPTS = 3
_KFID, _GROUP = "wkSimulatorAccount", "wrSimulatorGroup"
_CUSTOMERS = {"xiuying": "秀英", "guilan": "桂兰"}
_MEMBERS = {"wang": "小王", "zhao": "赵姐", "liu": "刘支书"}
_TITLES = {
    "kf": ("微信客服", _CUSTOMERS),
    "group": ("柳林姐妹群（智能机器人）", _MEMBERS),
    "app": ("企业微信应用", _MEMBERS),
    "staff-group": ("值班群（群机器人）", {}),
}


@dataclass(slots=True)
class Scene:
    """One screen: a talk, or a group. `people` are who may write there, by name."""

    name: str
    title: str
    people: Mapping[str, str]
    bubbles: list[Bubble] = field(default_factory=list)


class Scenes:
    """WeCom's screens, the pretended WeCom behind them, and whoever watches."""

    def __init__(self, channels: Mapping[str, Mapping[str, Any]], base: str, session: ClientSession) -> None:
        self._channels = channels
        self._base = base
        self._session = session
        self.version = 0
        self._changed = asyncio.Event()
        needed = {"kf": "wecom_kf", "group": "wecom_aibot", "app": "wecom", "staff-group": "wecom_robot"}
        self.scenes = {
            name: Scene(name, title, people)
            for name, (title, people) in _TITLES.items()
            if channels.get(needed[name])
        }

    async def write(self, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody writes: {who, text, at_bot}. Raises UnknownAction."""
        scene, text, who = self.show(name), str(asked.get("text") or ""), str(asked.get("who") or "")
        if who not in scene.people:
            raise UnknownAction(f"这里能写字的有：{'、'.join(scene.people) or '没有人'}")
        if not text.strip():
            raise UnknownAction("请先写字")
        to_bot = bool(asked.get("at_bot"))
        self._add(scene, "her", f"@娘家 {text}" if name == "group" and to_bot else text, scene.people[who])
        match name:
            case "kf":
                self.platform.says(_KFID, f"wm-simulator-{who}", text)
                seal = self._seal("wecom_kf")
                await self._post("wecom-kf", kf_callback(seal, _KFID, new_id()))
            case "group" if to_bot:
                await self._ask_bot(scene, who, text)
            case "app":
                values = self._channels["wecom"]
                pushed = app_message(
                    self._seal("wecom"), int(values["agent_id"]), who, "text", Content=text, MsgId=time.time_ns()
                )
                self._hear(scene, read_app_reply(self._seal("wecom"), await self._post("wecom", pushed)), "被动回复")
        return {"version": self.version}

    async def heard(self, channel: str, who: str, text: str) -> None:
        """Our service wrote by the API."""
        names = {"wecom_kf": "kf", "wecom": "app", "wecom_robot": "staff-group"}
        scene = self.scenes.get(names[channel])
        if scene is not None:
            to = scene.people.get(who.removeprefix("wm-simulator-"), "")
            self._add(scene, "us", text, f"给{to}" if to else "接口")

    def attach(self, platform: FakeWeCom) -> None:
        """Play behind `platform`."""
        self.platform = platform
        platform.heard = self.heard
        platform.lists.setdefault(_KFID, [])

    def show(self, name: str) -> Scene:
        """One screen. Raises UnknownAction."""
        if name not in self.scenes:
            raise UnknownAction(f"场景有：{'、'.join(self.scenes)}")
        return self.scenes[name]

    async def changed(self, after: int, seconds: float) -> int:
        """Wait until something is newer than `after`, at most `seconds`; the version then."""
        if self.version <= after:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return self.version

    async def _ask_bot(self, scene: Scene, who: str, text: str) -> None:
        message = {
            "msgid": new_id(),
            "aibotid": "SIMULATOR",
            "chatid": _GROUP,
            "chattype": "group",
            "from": {"userid": who},
            "response_url": f"{self._base}/simulator/wecom/cgi-bin/aibot/response?code={new_id()}",
            "msgtype": "text",
            "text": {"content": f"@娘家 {text}"},
        }
        seal = self._seal("wecom_aibot")
        answer = read_bot_reply(seal, await self._post("wecom-aibot", bot_message(seal, message)))
        self._hear(scene, answer["stream"]["content"] if answer else None, "机器人")

    async def _post(self, door: str, sealed: Sealed) -> bytes:
        """Deliver as WeCom does: five seconds, three attempts. Empty when nothing came back."""
        for _ in range(_ATTEMPTS):
            try:
                async with self._session.post(
                    f"{self._base}/webhook/{door}?{sealed.query_string}", data=sealed.body, timeout=_TIMEOUT
                ) as response:
                    if response.status == 200:
                        return await response.read()
            except (ClientError, TimeoutError, ConnectionError, UnreadableReply):
                continue
        return b""

    def _seal(self, channel: str) -> Seal:
        values = self._channels[channel]
        receive_id = "" if channel == "wecom_aibot" else str(values["corp_id"])
        return Seal(str(values["token"]), str(values["encoding_aes_key"]), receive_id)

    def _hear(self, scene: Scene, text: str | None, via: str) -> None:
        if text:
            self._add(scene, "us", text, via)

    def _add(self, scene: Scene, side: str, text: str, via: str) -> None:
        self.version += 1
        scene.bubbles.append(Bubble(self.version, side, "text", text, time.time(), via))
        self._changed.set()
        self._changed = asyncio.Event()


def make_platform(channels: Mapping[str, Mapping[str, Any]]) -> FakeWeCom:
    """The pretended enterprise behind these settings."""
    corp_id = next((str(values["corp_id"]) for values in channels.values() if values.get("corp_id")), "")
    secrets = frozenset(str(values["secret"]) for values in channels.values() if values.get("secret"))
    return FakeWeCom(corp_id, secrets)
