"""run: everything in one command. Starts the embedded Redis and four processes, restarts what dies, stops all."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import config as configuration
from bot.cli import demo, development
from bot.cli.common import ConfigOption, one_sentence, quiet_logs, read_settings, run_async
from bot.cli.serve import prepare_database, reachable_redis_url
from bot.config import Settings
from bot.errors import ConfigError
from workers.embedded_redis import EmbeddedRedis

commands = typer.Typer()

_PARTS = {
    "web": ("web",),
    "live": ("worker", "--queue", "live"),
    "bulk": ("worker", "--queue", "bulk"),
    "scheduler": ("scheduler",),
}
_STOP_SECONDS = 20
_EVERYWHERE = "0.0.0.0"  # noqa: S104 (compared with, never listened on by default)
#: A part that dies at once is not restarted in a circle faster than this.
_RESTART_SECONDS = (1, 2, 5, 10, 30)


@commands.command()
def run(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on")] = None,
    data: Annotated[Path | None, typer.Option(help="folder for database, keys and embedded Redis")] = None,
    development_mode: Annotated[
        bool, typer.Option("--development", help="simulator, made-up secrets and demo data; never in production")
    ] = False,
) -> None:
    """Start everything: web, workers, scheduler, and a Redis if none is set."""
    with one_sentence():
        given: dict[str, Any] = {"web": {}}
        for name, value in (("host", host), ("port", port)):
            if value is not None:
                given["web"][name] = value
        if data is not None:
            given["data_dir"] = str(data)
        if development_mode:
            given["development"] = True
        settings = read_settings(config, **given)
        quiet_logs("run", settings)
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if settings.development and not settings.channels.get("wechat_oa", {}).get("token"):
            made = development.read_or_make(settings.data_dir, settings.web.port)
            settings = configuration.load(config, _merged(made, given))
            environment = development.as_environment(made)
        else:
            environment = {}
        _check_port(settings)
        if settings.redis.url:
            reachable_redis_url(settings)
        run_async(lambda: prepare_database(settings))
        passwords = run_async(lambda: demo.seed(settings)) if settings.development else {}
        passwords |= run_async(lambda: demo.first_admin(settings))
        environment |= _environment(settings)
        arguments = ("--config", str(config)) if config else ()
        with contextlib.ExitStack() as stack:
            if not settings.redis.url:
                redis = stack.enter_context(EmbeddedRedis(settings.data_dir / "redis"))
                environment["NIANGJIA__REDIS__URL"] = redis.url
            supervisor = Supervisor(environment, arguments)
            code = supervisor.run(lambda: _say_ready(settings, passwords))
        raise typer.Exit(code)


@dataclass(slots=True)
class Supervisor:
    """Keeps the four processes running until it is told to stop."""

    environment: dict[str, str]
    arguments: tuple[str, ...] = ()
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _deaths: dict[str, list[float]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _was_ready: bool = False

    def run(self, say_ready: Any) -> int:
        """Start all, watch them, stop all; the exit code (2 when a part cannot start at all)."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stopping.set())
        for name in _PARTS:
            self._start(name)
        code = 0
        while not self._stopping.wait(0.3):
            if not self._was_ready and self._web_is_ready():
                say_ready()
                self._was_ready = True
            for name, process in list(self.processes.items()):
                if process.poll() is not None and not self._restart(name, process.returncode):
                    code = 2
                    self._stopping.set()
        self._stop_all()
        return code

    def _start(self, name: str) -> None:
        # Once it ran, web comes back whatever has become of Redis: messages are received all the same.
        more = ("--without-redis",) if name == "web" and self._was_ready else ()
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "bot", *_PARTS[name], *self.arguments, *more],
            env=os.environ | self.environment,
            # Ctrl-C reaches us alone; we stop the parts in order.
            start_new_session=True,
        )

    def _restart(self, name: str, code: int) -> bool:
        """Start a dead part again, slower each time; False when it could not start in the first place."""
        if code == 2 and not self._was_ready:
            return False
        now = time.monotonic()
        deaths = [moment for moment in self._deaths.get(name, []) if now - moment < 120]
        wait = _RESTART_SECONDS[min(len(deaths), len(_RESTART_SECONDS) - 1)]
        self._deaths[name] = [*deaths, now]
        typer.echo(f"{name} ended ({code}); starting it again in {wait} s", err=True)
        if not self._stopping.wait(wait):
            self._start(name)
        return True

    def _web_is_ready(self) -> bool:
        import http.client

        host = self.environment["NIANGJIA__WEB__HOST"]
        connection = http.client.HTTPConnection(
            "127.0.0.1" if host == _EVERYWHERE else host,
            int(self.environment["NIANGJIA__WEB__PORT"]),
            timeout=1,
        )
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _stop_all(self) -> None:
        """Web first, so that nothing new comes in; then those that finish what is in hand."""
        for name in ("web", "scheduler", "live", "bulk"):
            process = self.processes.get(name)
            if process is not None and process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self.processes.values():
            try:
                process.wait(timeout=max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "NIANGJIA__DATA_DIR": str(settings.data_dir.absolute()),
        "NIANGJIA__WEB__HOST": settings.web.host,
        "NIANGJIA__WEB__PORT": str(settings.web.port),
        "NIANGJIA__DEVELOPMENT": str(settings.development).lower(),
    }


def _check_port(settings: Settings) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.web.host, settings.web.port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {settings.web.host}:{settings.web.port} ({error.strerror});"
                " choose another with --port or web.port"
            ) from None


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _say_ready(settings: Settings, passwords: dict[str, str]) -> None:
    url = settings.public_url
    typer.echo("")
    if settings.development:
        typer.echo(f"  simulator (a phone)   {url}/simulator")
    typer.echo(f"  console (staff)       {url}/console")
    typer.echo(f"  health                {url}/readyz")
    if passwords:
        typer.echo("\n  one-time passwords, shown only now:")
        for login, password in passwords.items():
            typer.echo(f"    {login:<10} {password}")
    elif settings.development:
        typer.echo("\n  forgot a password?  .venv/bin/python -m bot staff reset LOGIN")
    typer.echo("\n  Ctrl-C stops everything.\n")
