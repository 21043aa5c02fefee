"""Logs hold events and ids: nothing of what was said, not even in a traceback."""

import json
import logging
from collections.abc import Iterator

import pytest

from bot import logs

SECRET = "他打我 oOpenid123 13800138000"


@pytest.fixture(autouse=True)
def _logging_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level
        for name in ("aiohttp.access", "rq", "rq.worker", "alembic", "sqlalchemy", "asyncio")
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_event_with_ids_is_one_line_of_json(capfd: pytest.CaptureFixture[str]) -> None:
    logs.set_up("web")
    logging.getLogger("bot.web").warning("request.unverified", extra={"request": "01ab", "channel": "wechat_oa"})
    (line,) = capfd.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry["event"] == "request.unverified"
    assert (entry["request"], entry["channel"], entry["process"]) == ("01ab", "wechat_oa", "web")
    assert entry["level"] == "warning"
    assert entry["timestamp"].endswith("Z")


@pytest.mark.parametrize("pretty", [False, True])
def test_traceback_names_places_and_class_but_no_value(capfd: pytest.CaptureFixture[str], pretty: bool) -> None:
    logs.set_up("worker", pretty=pretty)
    try:
        text = SECRET
        raise ValueError(text)
    except ValueError:
        logging.getLogger("bot.pipeline").exception("batch.lost", extra={"size": 3})
    shown = capfd.readouterr().err
    assert SECRET not in shown
    assert "13800138000" not in shown
    assert "ValueError" in shown
    assert "test_logs.py:" in shown
    assert "Traceback" not in shown


def test_chatty_libraries_speak_at_warnings_only(capfd: pytest.CaptureFixture[str]) -> None:
    logs.set_up("web")
    for name in ("aiohttp.access", "sqlalchemy.engine", "rq.worker", "alembic.runtime"):
        logging.getLogger(name).info("%s", SECRET)
    assert capfd.readouterr().err == ""
