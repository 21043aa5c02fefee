"""`python -m bot run --development` as a newcomer starts it: up within a minute, with its printed passwords."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

from tests.support.service import ROOT, free_port

START_SECONDS = 60


class Living:
    """`with Living(folder) as house:` then `house.url`, `house.passwords[login]`; `stop` is Ctrl-C."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said = ""
        self.passwords: dict[str, str] = {}
        self.started_in = 0.0
        self.process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> "Living":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NIANGJIA__")}
        begun = time.monotonic()
        with (self.folder / "errors.log").open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run", "--development", *self._where()],
                cwd=ROOT,
                env=environment | {"PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        while "Ctrl-C stops everything" not in self.said:
            assert self.process.poll() is None, self.errors()
            assert time.monotonic() - begun < START_SECONDS, f"not up within a minute: {self.errors()}"
            time.sleep(0.1)
        self.started_in = time.monotonic() - begun
        self.passwords = dict(re.findall(r"^    (\w+) +(\S+)$", self.said, re.M))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def errors(self) -> str:
        """What went to standard error so far: the logs."""
        return (self.folder / "errors.log").read_text()

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _where(self) -> tuple[str, ...]:
        return "--port", str(self.port), "--data", str(self.folder / "var")

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
        self.process.stdout.close()
