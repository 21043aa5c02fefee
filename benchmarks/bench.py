"""`make bench`: signed WeChat messages through the whole line with the database commit, beside a bare handler.

Printed per database and mode: messages per second, p50 and p99 in milliseconds, CPU milliseconds a message of all
service processes (web, both workers, scheduler; not a database server), and that CPU as a ratio of the bare
handler's, measured in the same run. Then an open loop at half the closed loop's rate: its p99 is what a woman feels.
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from benchmarks.load import Result, closed_loop, http_post, open_loop
from bot.simulator.wechat_push import Account, Message, build
from tests.support.service import ROOT, Service, WeChatSecrets, free_port
from workers.embedded_redis import EmbeddedRedis

#: What women write, in the mix a county sees: questions, sign-ups, small talk, fear.
TEXTS = (
    "你好",
    "两癌筛查怎么申请",
    "老公不给生活费怎么办",
    "我想离婚，孩子能判给我吗",
    "有什么活动可以报名",
    "谢谢你",
    "公司知道我怀孕了要辞退我，我该怎么办",
    "彩礼钱要不要退给男方",
    "我们村说外嫁女不能分土地，对吗",
    "人身安全保护令怎么申请",
    "最近睡不着，心里很难受",
    "法律援助在哪里申请",
    "孩子在学校被同学欺负了",
    "婆婆把我的工资卡拿走了",
    "菜单",
    "明天天气怎么样",
)


class Traffic:
    """Messages that were never sent before, from a few hundred women, signed just in time."""

    def __init__(self, mode: str) -> None:
        account = WeChatSecrets()
        self._account = Account(
            app_id=account.app_id,
            app_secret=account.app_secret,
            token=account.token,
            encoding_aes_key=account.encoding_aes_key,
            mode=mode,
            original_id=account.original_id,
        )
        self._numbers = itertools.count(int(time.time() * 1000) * 1000)

    def requests(self, count: int) -> list[bytes]:
        """`count` ready HTTP requests."""
        prepared = []
        for number in itertools.islice(self._numbers, count):
            openid = f"oBench{number % 600:022d}"
            message = Message.text(openid, TEXTS[number % len(TEXTS)], msg_id=number)
            push = build(self._account, message)
            prepared.append(http_post(f"/webhook/wechat?{push.query_string}", push.body))
        return prepared


class Meter:
    """CPU seconds of some processes and their children since the meter was set."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self._processes = [psutil.Process(process.pid) for process in processes]
        self._begun = self._read()

    def seconds(self) -> float:
        """CPU seconds used since."""
        return self._read() - self._begun

    def _read(self) -> float:
        total = 0.0
        for process in self._processes:
            for one in (process, *process.children(recursive=True)):
                times = one.cpu_times()
                total += times.user + times.system
        return total


async def measure(
    label: str, port: int, processes: Sequence[subprocess.Popen[bytes]], traffic: Traffic, count: int
) -> dict[int, float]:
    """Closed loops at 1, 16 and 64 connections and an open loop; CPU milliseconds a message by connections."""
    await closed_loop(port, traffic.requests(count // 4), 16)  # warm
    cpu: dict[int, float] = {}
    rate = 0.0
    for connections in (1, 16, 64):
        requests = traffic.requests(count if connections > 1 else count // 4)
        meter = Meter(processes)
        result = await closed_loop(port, requests, connections)
        cpu[connections] = meter.seconds() / len(requests) * 1000
        rate = result.rate
        show(label, f"{connections} connections", result, cpu[connections])
    requests = traffic.requests(count)
    meter = Meter(processes)
    result = await open_loop(port, requests, rate / 2, 64)
    show(label, f"open loop at {rate / 2:.0f}/s", result, meter.seconds() / len(requests) * 1000)
    return cpu


def show(label: str, what: str, result: Result, cpu_ms: float) -> None:
    """One line of the table; anything but 200 is said aloud."""
    odd = {status: number for status, number in result.statuses.items() if status != 200}
    print(
        f"{label:<18} {what:<22} {result.rate:7.0f}/s  p50 {result.percentile(0.5):6.1f} ms"
        f"  p99 {result.percentile(0.99):6.1f} ms  CPU {cpu_ms:6.3f} ms" + (f"  NOT 200: {odd}" if odd else ""),
        flush=True,
    )


@asynccontextmanager
async def _empty_database(server: str) -> AsyncIterator[str]:
    """A database nobody has used, dropped afterwards; SQLite's is the data folder's own."""
    if not server:
        yield ""
        return
    import asyncpg

    name = f"niangjia_bench_{os.getpid()}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


async def _measure_service(label: str, url: str, mode: str, count: int) -> dict[int, float]:
    with tempfile.TemporaryDirectory(prefix="niangjia-bench-") as folder:
        path = Path(folder)
        with (
            EmbeddedRedis(path / "redis") as redis,
            Service(path / "data", "http://127.0.0.1:9", database_url=url, redis_url=redis.url, mode=mode) as service,
        ):
            for part in ("web", "live", "bulk", "scheduler"):
                service.start(part)
            await asyncio.sleep(3)
            return await measure(label, service.port, list(service.processes.values()), Traffic(mode), count)


def _start_bare(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "benchmarks.bare", "--port", str(port)], cwd=ROOT)


async def bench(count: int, databases: dict[str, str]) -> int:
    """Everything in one run; 1 when the first goal (8 × the bare handler in plain mode) is missed."""
    port = free_port()
    bare = _start_bare(port)
    try:
        await asyncio.sleep(1.5)
        bare_cpu = await measure("bare handler", port, [bare], Traffic("plain"), count)
    finally:
        bare.terminate()
        bare.wait()
    ratios: dict[str, float] = {}
    for name, server in databases.items():
        for mode in ("plain", "safe"):
            label = f"{name} {mode}"
            async with _empty_database(server) as url:
                cpu = await _measure_service(label, url, mode, count)
            for connections, milliseconds in cpu.items():
                ratio = milliseconds / bare_cpu[connections]
                print(f"{label:<18} {connections:>2} connections: {ratio:4.1f} × the bare handler's CPU")
            ratios[label] = cpu[64] / bare_cpu[64]
    missed = [label for label, ratio in ratios.items() if label.endswith("plain") and ratio > 8]
    print("goal (plain mode, 64 connections, ≤ 8 ×): " + ("missed by " + ", ".join(missed) if missed else "met"))
    return 1 if missed else 0


def main() -> None:
    """Run it; `--count` messages a loop, PostgreSQL too when its address is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--postgres", default=os.environ.get("NIANGJIA_BENCH_POSTGRES", ""))
    arguments = parser.parse_args()
    databases = {"sqlite": ""}
    if arguments.postgres:
        databases["postgresql"] = arguments.postgres
    sys.exit(asyncio.run(bench(arguments.count, databases)))


if __name__ == "__main__":
    main()
