"""A pretended WeChat in a thread of its own: it goes on answering while a test waits for processes."""

import asyncio
import threading
from types import TracebackType

from aiohttp import web

from bot.simulator.wechat_api import FakePlatform
from tests.support.service import free_port
from tests.support.wechat import SECRETS


class WeChatServer:
    """`with WeChatServer() as wechat:` answers at `wechat.url` and keeps what it took in `wechat.platform`."""

    def __init__(self, *, keeps_budget: bool = True) -> None:
        self.platform = FakePlatform(SECRETS.app_id, SECRETS.app_secret, open_house=True, keeps_budget=keeps_budget)
        self.url = f"http://127.0.0.1:{free_port()}"
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "WeChatServer":
        self._thread.start()
        assert self._ready.wait(10), "the pretended WeChat did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    def texts_to(self, openid: str) -> list[str]:
        """The texts WeChat took for one person, in order."""
        return [text for one, text in list(self.platform.accepted) if one == openid]

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        app = web.Application()
        self.platform.add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(self.url.rpartition(":")[2])).start()
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
