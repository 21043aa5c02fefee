"""What acceptance tests start from: both databases, a Redis that may be stopped, a pretended WeChat."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.wechat_server import WeChatServer
from workers.embedded_redis import EmbeddedRedis


@pytest.fixture(params=["sqlite", "postgresql"])
def service_url(request: pytest.FixtureRequest) -> str:
    """The address of a database for real processes; empty for SQLite, which lives in their data folder."""
    if request.param == "sqlite":
        return ""
    url: str = request.getfixturevalue("fresh_postgres_url")
    return url


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis nobody else uses."""
    with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def platform() -> Iterator[WeChatServer]:
    """WeChat's side; it takes any number of messages."""
    with WeChatServer(keeps_budget=False) as server:
        yield server
