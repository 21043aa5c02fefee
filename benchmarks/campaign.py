"""`make bench-campaign`: a notice to 100,000 of 500,000 women, with kills, a storm of reports and women who write.

A pretended platform counts in a process of its own (benchmarks/fake_platform.py). Printed: how long planning takes,
how fast it goes out with and without a limit, what became of every recipient after kills, how long a live answer
took meanwhile, how much memory workers used.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from redis import Redis
from sqlalchemy import select, text, update

from benchmarks.bench import Traffic, _empty_database
from benchmarks.load import open_loop
from bot import clock
from bot.channels.wechat_oa import WeChatOA
from storage.database import Database
from storage.models import Campaign, Contact, Delivery, Identity, Staff, new_id, table
from storage.repositories import campaigns
from tests.support.service import ROOT, Service, free_port
from workers.embedded_redis import EmbeddedRedis

_CHUNK = 5_000
#: So long a campaign may take at most.
_LONGEST = 600.0
_TEXT = "三八维权周活动：本周六上午九点在文化广场，有法律咨询和义诊，欢迎带家人来。"
_campaign = table(Campaign).c
_delivery = table(Delivery).c


@dataclass
class Platform:
    """The process that counts."""

    limit: int = 0
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Platform":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fake_platform", "--port", str(self.port), "--limit", str(self.limit)],
            cwd=ROOT,
        )
        for _ in range(100):
            try:
                self.counts()
                return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the platform did not start")

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def counts(self, names: bool = False) -> dict[str, Any]:
        """What it counted."""
        with urllib.request.urlopen(f"{self.url}/counts" + ("?names=1" if names else ""), timeout=20) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found


async def fill(database: Database, app_id: str, number: int, willing: int) -> None:
    """`number` contacts with one address each, of whom `willing`, spread evenly, want notices and wrote today."""
    now = clock.now()
    every = max(number // willing, 1)
    for begin in range(0, number, _CHUNK):
        contacts, identities = [], []
        for place in range(begin, min(begin + _CHUNK, number)):
            contact_id, openid = new_id(), f"oCampaign{place:017d}"
            key, wrapped = database.keys.new_contact_key(contact_id)
            wants = place % every == 0
            contacts.append(
                {
                    "id": contact_id,
                    "wrapped_key": wrapped,
                    "consented_at": now if wants else None,
                    "created_at": now,
                    "wishes_sealed": key.seal_json("contact.wishes", {"allow_broadcast": True})
                    if place % 10 == 0
                    else None,
                }
            )
            identities.append(
                {
                    "id": new_id(),
                    "contact_id": contact_id,
                    "channel": WeChatOA.name,
                    "account": app_id,
                    "address_digest": database.keys.digest("address", f"{WeChatOA.name}\0{app_id}\0{openid}"),
                    "address_sealed": key.seal("identity.address", openid),
                    "followed_at": now,
                    "last_inbound_at": now,
                    "window_trigger": "message",
                    "window_opened_at": now,
                    "created_at": now,
                }
            )
        async with database.transaction() as tx:
            await tx.insert(Contact, contacts)
            await tx.insert(Identity, identities)


async def announce(database: Database, way: str) -> str:
    """A campaign that is being sent from this moment on; its id."""
    now = clock.now()
    async with database.transaction() as tx:
        staff_id = new_id()
        await tx.insert(
            Staff,
            {"id": staff_id, "login": f"b{staff_id}", "role": "cadre", "password_hash": "x", "created_at": now},
        )
        made = await campaigns.create(tx, title="三八", text=_TEXT, staff_id=staff_id, now=now)
        await campaigns.set_variants(tx, made, [campaigns.Variant(WeChatOA.name, way, _TEXT)], staff_id)
        await tx.execute(update(table(Campaign)).where(_campaign.id == made).values(status="sending", started_at=now))
    return made


async def state_of(database: Database, campaign_id: str) -> dict[str, int]:
    """Deliveries by state."""
    async with database.reading() as tx:
        return await campaigns.counts(tx, campaign_id)


@dataclass
class Run:
    """One installation under measure: service, database, platform, Redis."""

    service: Service
    database: Database
    platform: Platform
    redis: EmbeddedRedis

    async def until_over(self, campaign_id: str, seconds: float = _LONGEST) -> dict[str, int]:
        """Wait until the campaign is done; its deliveries by state."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                async with self.database.reading() as tx:
                    if (await campaigns.find(tx, campaign_id)).status in ("done", "stopped"):
                        return await campaigns.counts(tx, campaign_id)
            except Exception as error:  # the database is being restarted: that is what is measured
                print(f"  (database away: {type(error).__name__})")
            await asyncio.sleep(0.25)
        raise AssertionError(f"not over: {await state_of(self.database, campaign_id)}")

    def memory(self) -> float:
        """Megabytes of the largest worker."""
        return max(
            psutil.Process(one.pid).memory_info().rss / 1e6
            for name, one in self.service.processes.items()
            if name.startswith("bulk")
        )


_Stage = Callable[[Run], Awaitable[bool]]


@asynccontextmanager
async def installation(server: str, number: int, willing: int, *, limit: int = 0) -> AsyncIterator[Run]:
    """A service with `number` women of whom `willing` want notices, and nothing started yet."""
    with tempfile.TemporaryDirectory(prefix="niangjia-bench-") as folder, Platform(limit) as platform:
        path = Path(folder)
        settings = {"NIANGJIA__CAMPAIGNS__PER_MINUTE": json.dumps({"wechat_oa:custom": limit} if limit else {})}
        settings |= {"NIANGJIA__SERVICE__QUIET_FROM": "03:00", "NIANGJIA__SERVICE__QUIET_TO": "03:00"}
        async with _empty_database(server) as url:
            with (
                EmbeddedRedis(path / "redis") as redis,
                Service(
                    path / "data", platform.url, database_url=url, redis_url=redis.url, settings=settings
                ) as service,
            ):
                async with service.database() as database:
                    began = time.perf_counter()
                    await fill(database, service.secrets.app_id, number, willing)
                    await _analyze(database)
                    print(f"{number} women made in {time.perf_counter() - began:.0f} s", flush=True)
                    yield Run(service, database, platform, redis)


async def _analyze(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("ANALYZE"))


async def speed(run: Run) -> bool:
    """Planning and sending without a limit, two workers; then who was written to by whom."""
    run.service.start("bulk1")
    began = time.perf_counter()
    await asyncio.sleep(3)
    before = run.memory()
    made = await announce(run.database, "custom")
    began = time.perf_counter()
    while True:
        async with run.database.reading() as tx:
            if (await campaigns.find(tx, made)).planned_at is not None:
                break
        await asyncio.sleep(0.1)
    planned = time.perf_counter() - began
    run.service.start("bulk2")
    states = await run.until_over(made)
    counts = run.platform.counts()
    rate = counts["messages"] / max(counts["seconds"], 0.001)
    print(f"planned {states['planned']} in {planned:.1f} s (and sent meanwhile)")
    print(f"sent {counts['messages']} in {counts['seconds']:.1f} s: {rate:.0f}/s; states {states}; {counts}")
    print(f"memory of the largest worker {before:.0f} → {run.memory():.0f} MB", flush=True)
    for name in ("bulk1", "bulk2"):
        run.service.stop(name)
    return planned <= 60 and rate >= 3000 and not counts["twice"] and states.get("sent") == counts["messages"]


async def pace(run: Run, seconds: float) -> bool:
    """What goes out under a limit, in a span in the middle of the run."""
    for name in ("bulk1", "bulk2"):
        run.service.start(name)
    made = await announce(run.database, "custom")
    await asyncio.sleep(5)
    first, began = run.platform.counts(), time.perf_counter()
    await asyncio.sleep(seconds)
    last, took = run.platform.counts(), time.perf_counter() - began
    share = (last["messages"] - first["messages"]) / took * 60 / run.platform.limit
    print(f"limit {run.platform.limit}/min: {share:.1%} of it used, {last['refused']} refused", flush=True)
    async with run.database.transaction() as tx:
        await campaigns.stop(tx, made, clock.now())
    for name in ("bulk1", "bulk2"):
        run.service.stop(name)
    return share >= 0.95


async def chaos(run: Run, seconds: float) -> bool:
    """Kills of workers, a flushed Redis, cut database connections; then a stop is not needed: it ends by itself."""
    parts = ("bulk1", "bulk2")
    for name in (*parts, "scheduler"):
        run.service.start(name)
    made = await announce(run.database, "custom")
    redis = Redis.from_url(run.redis.url)
    deadline, events = time.monotonic() + seconds, []
    while time.monotonic() < deadline:
        await asyncio.sleep(random.uniform(0.8, 2.0))
        event = random.choice(("kill", "kill", "flush", "database"))
        events.append(event)
        if event == "kill":
            name = random.choice(parts)
            await asyncio.to_thread(run.service.kill, name)
            run.service.start(name)
        elif event == "flush":
            redis.flushall()
        else:
            await _cut_connections(run.database)
    redis.close()
    states = await run.until_over(made)
    counts = run.platform.counts(names=True)
    told = set(counts.pop("names"))
    wrong = await _untrue(run.database, made, told)
    print(f"{len(events)} events ({', '.join(f'{events.count(one)} {one}' for one in sorted(set(events)))})")
    print(
        f"states {states}; platform {counts}; said sent but not accepted, or accepted but not said: {wrong}",
        flush=True,
    )
    for name in (*parts, "scheduler"):
        run.service.stop(name)
    return not counts["twice"] and not wrong and set(states) <= {"sent", "unknown", "planned"}


async def _cut_connections(database: Database) -> None:
    """What a restart of the database does to everybody's connections."""
    if database.dialect != "postgresql":
        return
    async with database.engine.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        await connection.commit()
    await database.engine.dispose()


async def _untrue(database: Database, campaign_id: str, told: set[str]) -> int:
    """Deliveries whose state is not what the platform saw; unknown may be either."""
    wrong = 0
    async with database.reading() as tx:
        rows = await tx.rows(
            select(
                _delivery.state, _delivery.contact_id, table(Identity).c.address_sealed, table(Contact).c.wrapped_key
            )
            .join(table(Identity), table(Identity).c.id == _delivery.identity_id)
            .join(table(Contact), table(Contact).c.id == _delivery.contact_id)
            .where(_delivery.campaign_id == campaign_id)
        )
    for row in rows:
        key = database.keys.contact_key(row.contact_id, row.wrapped_key)
        accepted = key.open("identity.address", row.address_sealed) in told
        wrong += row.state != "unknown" and (row.state == "sent") != accepted
    return wrong


async def stopping(run: Run) -> bool:
    """How many more are accepted after a stop."""
    for name in ("bulk1", "bulk2"):
        run.service.start(name)
    made = await announce(run.database, "custom")
    for _ in range(3000):
        if run.platform.counts()["messages"] >= 500:
            break
        await asyncio.sleep(0.02)
    async with run.database.transaction() as tx:
        await campaigns.stop(tx, made, clock.now())
    at_stop = run.platform.counts()["messages"]
    await asyncio.sleep(3)
    after = run.platform.counts()["messages"] - at_stop
    print(f"stopped at {at_stop}; {after} more were on their way (a batch is 1000)", flush=True)
    for name in ("bulk1", "bulk2"):
        run.service.stop(name)
    return after <= 1000


async def live(run: Run, rate: float, number: int) -> bool:
    """The p95 of live answers, idle and while a campaign goes out without a limit."""
    for name in ("web", "live", "bulk1", "bulk2", "scheduler"):
        run.service.start(name)
    traffic = Traffic("safe")
    await open_loop(run.service.port, traffic.requests(number // 2), rate, 16)
    idle = await open_loop(run.service.port, traffic.requests(number), rate, 16)
    made = await announce(run.database, "custom")
    await asyncio.sleep(2)
    busy = await open_loop(run.service.port, traffic.requests(number), rate, 16)
    sent = run.platform.counts()["messages"]
    async with run.database.reading() as tx:
        status = (await campaigns.find(tx, made)).status
    quiet, loud = idle.percentile(0.95), busy.percentile(0.95)
    print(f"live answers at {rate:.0f}/s: p95 {quiet:.0f} ms idle, {loud:.0f} ms during the run", end="")
    print(f" ({sent} sent meanwhile, {status})", flush=True)
    for name in list(run.service.processes):
        run.service.stop(name)
    return loud <= 5000 and loud <= 2 * quiet


async def bench(arguments: argparse.Namespace) -> int:
    """Everything asked for, one installation each; 1 when a goal is missed."""
    scale = arguments.scale
    stages: dict[str, tuple[int, int, int, _Stage]] = {
        "speed": (500_000 // scale, 100_000 // scale, 0, speed),
        "pace": (20_000, 20_000, 6000, lambda run: pace(run, 70)),
        "chaos": (60_000 // scale, 60_000 // scale, 0, lambda run: chaos(run, 30)),
        "stop": (20_000, 20_000, 0, stopping),
        "live": (100_000 // scale, 100_000 // scale, 0, lambda run: live(run, 20, 300)),
    }
    missed = []
    for name in arguments.stages or stages:
        number, willing, limit, stage = stages[name]
        print(f"— {name}", flush=True)
        async with installation(arguments.postgres, number, willing, limit=limit) as run:
            if not await stage(run):
                missed.append(name)
    print("goals: " + ("missed by " + ", ".join(missed) if missed else "met"))
    return 1 if missed else 0


def main() -> None:
    """Run it; `--scale 10` makes everything ten times smaller."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", default=os.environ.get("NIANGJIA_BENCH_POSTGRES", ""))
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("stages", nargs="*")
    sys.exit(asyncio.run(bench(parser.parse_args())))


if __name__ == "__main__":
    main()
