"""The service as real processes with an address, keys and data of its own: to be killed and restarted."""

import asyncio
import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from bot import app as wiring
from bot import config
from storage.database import Database

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class WeChatSecrets:
    """One official account of a test."""

    app_id: str = "wx0123456789abcdef"
    app_secret: str = "a-secret-of-a-test-account-00001"
    token: str = "testtoken123"
    encoding_aes_key: str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    original_id: str = "gh_0123456789ab"


@dataclass(slots=True)
class Service:
    """Web, workers, scheduler of one installation: `with Service(...) as service: service.start("web")`."""

    data: Path
    api_base: str
    database_url: str = ""
    redis_url: str = ""
    mode: str = "safe"
    secrets: WeChatSecrets = field(default_factory=WeChatSecrets)
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> "Service":
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.command("migrate")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self.processes):
            self.stop(name)

    @property
    def url(self) -> str:
        """Where the web process listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        """What all processes wrote."""
        return self.data / "service.log"

    def environment(self) -> dict[str, str]:
        """The settings as environment variables."""
        account = self.secrets
        environment = {
            "NIANGJIA__DATA_DIR": str(self.data),
            "NIANGJIA__WEB__PORT": str(self.port),
            "NIANGJIA__CHANNELS__WECHAT_OA__TOKEN": account.token,
            "NIANGJIA__CHANNELS__WECHAT_OA__ENCODING_AES_KEY": account.encoding_aes_key,
            "NIANGJIA__CHANNELS__WECHAT_OA__APP_ID": account.app_id,
            "NIANGJIA__CHANNELS__WECHAT_OA__APP_SECRET": account.app_secret,
            "NIANGJIA__CHANNELS__WECHAT_OA__MODE": self.mode,
            "NIANGJIA__CHANNELS__WECHAT_OA__API_BASE": self.api_base,
            "PYTHONUNBUFFERED": "1",
        }
        if self.database_url:
            environment["NIANGJIA__DATABASE__URL"] = self.database_url
        if self.redis_url:
            environment["NIANGJIA__REDIS__URL"] = self.redis_url
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NIANGJIA__")}
        return kept | environment | self.settings

    def command(self, *arguments: str, given: str | None = None) -> str:
        """Run `python -m bot …` to its end; its output. Fails the test when it does."""
        result = self.attempt(*arguments, given=given)
        assert result.returncode == 0, f"{arguments[0]}: {result.stdout}\n{result.stderr}"
        return result.stdout

    def attempt(
        self, *arguments: str, given: str | None = None, more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m bot …` to its end, whatever it comes to; `more` is added to its environment."""
        return subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            cwd=ROOT,
            env=self.environment() | (more or {}),
            input=given,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The service's database, opened with its own key file."""
        settings = config.load(None, {"data_dir": str(self.data), "database": {"url": self.database_url}})
        database = Database(settings.database_url, await wiring.load_keys(settings))
        try:
            await database.open()
            yield database
        finally:
            await database.close()

    def add_staff(self, login: str, role: str, password: str | None = None) -> str:
        """Create a member of staff; the password."""
        word = password or secrets.token_urlsafe(12)
        self.command("staff", "add", login, "--role", role, "--password-stdin", given=word + "\n")
        return word

    def start(self, name: str) -> None:
        """Start `web`, `live`, `bulk` (or `bulk1`, `bulk2` …) or `scheduler`; web is waited for."""
        arguments = {
            "web": ["web", "--host", "127.0.0.1", "--port", str(self.port)],
            "live": ["worker", "--queue", "live"],
            "bulk": ["worker", "--queue", "bulk"],
            "scheduler": ["scheduler"],
        }[name.rstrip("0123456789")]
        with self.log_path.open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "bot", *arguments],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if name == "web":
            self.wait_ready()

    def wait_ready(self, seconds: float = 40) -> None:
        """Wait until the web process answers /readyz."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.processes["web"].poll() is not None:
                raise AssertionError(f"web ended: {self.log_path.read_text()[-3000:]}")
            if self.answers("/readyz"):
                return
            time.sleep(0.1)
        raise AssertionError(f"web is not ready: {self.log_path.read_text()[-3000:]}")

    def answers(self, path: str) -> bool:
        """Whether GET `path` gives 200 within two seconds."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self, name: str) -> None:
        """kill -9, the whole group: nothing gets a chance to tidy up."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> int:
        """Ask it to end, as an operator does; its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()


async def eventually(check: Callable[[], Any], seconds: float = 30, every: float = 0.2) -> None:
    """Wait until `check()` (sync or async) is true; fail with its name when it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        outcome = check()
        if asyncio.iscoroutine(outcome):
            outcome = await outcome
        if outcome:
            return
        await asyncio.sleep(every)
    raise AssertionError(f"never came true: {getattr(check, '__name__', check)}")
