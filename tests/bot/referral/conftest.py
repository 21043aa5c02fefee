"""The room of partner units stands beside the console that gives the links."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.bot.console.conftest import Desk
from tests.bot.console.conftest import desk as desk
from tests.support.referrals import UnitBrowser


@pytest.fixture
async def units(desk: Desk) -> AsyncIterator[list[UnitBrowser]]:
    """Three browsers at partner units."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(UnitBrowser(desk.url)) for _ in range(3)]
