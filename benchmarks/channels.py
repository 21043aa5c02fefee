"""What a message of each channel costs beside the official account's, in the same run, on SQLite.

Channels that are pushed answer in the response like the official account. 微信客服 is fetched and answered through
the platform's API, so two figures are printed for it: what receiving and answering costs, and with the sending.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import ClientSession, web

from benchmarks.bench import TEXTS, Meter, Traffic
from benchmarks.load import closed_loop, http_post
from bot.simulator.wecom_api import FakeWeCom
from bot.simulator.wecom_push import Seal, Sealed, app_message, bot_message, kf_callback
from tests.support.service import Service, free_port
from workers.embedded_redis import EmbeddedRedis

_CORP, _AGENT, _SECRET = "ww0123456789abcdef", 1000002, "a-secret-of-a-bench-app-000001"
_TOKEN, _KEY, _KFID = "benchtoken123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wkBench"
_CONNECTIONS = 64
#: So long nothing more is sent once all is.
_QUIET_SECONDS = 15
_PARTS = ("web", "live", "bulk", "scheduler")


def _settings(base: str) -> dict[str, str]:
    """The settings of WeCom's channels, as environment variables."""
    callback = {"TOKEN": _TOKEN, "ENCODING_AES_KEY": _KEY, "API_BASE": base}
    enterprise = callback | {"CORP_ID": _CORP, "SECRET": _SECRET}
    sections = {"WECOM": enterprise | {"AGENT_ID": str(_AGENT)}, "WECOM_KF": enterprise, "WECOM_AIBOT": callback}
    return {
        f"NIANGJIA__CHANNELS__{name}__{key}": value
        for name, values in sections.items()
        for key, value in values.items()
    }


def _app(number: int) -> Sealed:
    text = TEXTS[number % len(TEXTS)]
    return app_message(Seal(_TOKEN, _KEY, _CORP), _AGENT, f"b{number % 600}", "text", Content=text, MsgId=number)


def _bot(number: int) -> Sealed:
    message = {
        "msgid": f"bench-{number}",
        "chattype": "single",
        "from": {"userid": f"b{number % 600}"},
        "msgtype": "text",
        "text": {"content": TEXTS[number % len(TEXTS)]},
    }
    return bot_message(Seal(_TOKEN, _KEY), message)


_PUSHED: dict[str, tuple[str, Callable[[int], Sealed]]] = {
    "wecom": ("/webhook/wecom", _app),
    "wecom_aibot": ("/webhook/wecom-aibot", _bot),
}


async def bench_channels(count: int) -> dict[str, float]:
    """CPU of each channel's message as a multiple of the official account's in safe mode; prints a line each."""
    platform = FakeWeCom(_CORP, frozenset({_SECRET}))
    application = web.Application()
    platform.add_routes(application)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    base = f"http://127.0.0.1:{port}"
    try:
        with tempfile.TemporaryDirectory(prefix="niangjia-bench-") as folder:
            path = Path(folder)
            with (
                EmbeddedRedis(path / "redis") as redis,
                Service(path / "data", base, redis_url=redis.url, settings=_settings(base)) as service,
            ):
                for part in _PARTS:
                    await asyncio.to_thread(service.start, part)
                await asyncio.sleep(3)
                return await _compare(service, platform, count)
    finally:
        await runner.cleanup()


async def _compare(service: Service, platform: FakeWeCom, count: int) -> dict[str, float]:
    processes = list(service.processes.values())
    official = Traffic("safe")
    await closed_loop(service.port, official.requests(count), _CONNECTIONS)  # warm
    meter = Meter(processes)
    await closed_loop(service.port, official.requests(count), _CONNECTIONS)
    basis = meter.seconds() / count
    print(f"{'wechat_oa safe':<18} CPU {basis * 1000:6.3f} ms a message")
    ratios: dict[str, float] = {}
    for name, (path, make) in _PUSHED.items():
        numbers = itertools.count(1)
        for size in (count // 4, count):  # the first one warms
            requests = [_post(path, make(next(numbers))) for _ in range(size)]
            meter = Meter(processes)
            result = await closed_loop(service.port, requests, _CONNECTIONS)
            spent = meter.seconds() / size
        odd = {status: number for status, number in result.statuses.items() if status != 200}
        ratios[name] = spent / basis
        _show(name, spent, ratios[name], f"NOT 200: {odd}" if odd else "")
    ratios["wecom_kf"] = await _fetched(service, platform, count, basis)
    return ratios


async def _fetched(service: Service, platform: FakeWeCom, count: int, basis: float) -> float:
    """客服: a list of `count` messages, one callback; web alone receives and answers, the live worker sends."""
    for number in range(count):
        platform.says(_KFID, f"wm{number % 600}", TEXTS[number % len(TEXTS)])
    web_meter = Meter([service.processes["web"]])
    whole = Meter(list(service.processes.values()))
    sealed = kf_callback(Seal(_TOKEN, _KEY, _CORP), _KFID, "bench")
    async with ClientSession() as session:
        url = f"{service.url}/webhook/wecom-kf?{sealed.query_string}"
        async with session.post(url, data=sealed.body) as answer:
            assert answer.status == 200
    seen, quiet_since = -1, time.monotonic()
    while time.monotonic() - quiet_since < _QUIET_SECONDS:
        if len(platform.accepted) != seen:
            seen, quiet_since = len(platform.accepted), time.monotonic()
        await asyncio.sleep(0.2)
    spent = web_meter.seconds() / count
    _show("wecom_kf", spent, spent / basis, "received and answered")
    everything = whole.seconds() / count
    _show("wecom_kf", everything, everything / basis, f"with {seen} texts sent through the API")
    return spent / basis


def _post(path: str, sealed: Sealed) -> bytes:
    return http_post(f"{path}?{sealed.query_string}", sealed.body)


def _show(name: str, spent: float, ratio: float, remark: str) -> None:
    print(
        f"{name:<18} CPU {spent * 1000:6.3f} ms a message  {ratio:4.2f} × the official account  {remark}", flush=True
    )


def main() -> None:
    """Run it alone: `python -m benchmarks.channels`."""
    ratios = asyncio.run(bench_channels(4000))
    print("goal (each channel ≤ 1.3 ×): " + ("met" if max(ratios.values()) <= 1.3 else "missed"))


if __name__ == "__main__":
    main()
