"""Commands as an operator types them, in a folder of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import Service


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Service]:
    """A migrated installation on SQLite, nothing running."""
    with Service(tmp_path / "data", "http://127.0.0.1:9", redis_url="redis://127.0.0.1:9/0") as service:
        yield service
