"""Every transcript is played on both databases; together they reach every handler and every step."""

import re
from pathlib import Path

import pytest

import handlers
from bot.clock import Frozen
from tests.support.house import House
from tests.support.transcripts import FOLDER, play

TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_transcript(path: Path, house: House, frozen: Frozen) -> None:
    await play(path, house, frozen)


def test_every_handler_has_a_transcript() -> None:
    named = {name for path in TRANSCRIPTS for name in re.findall(r"^= handler (\w+)", path.read_text(), re.M)}
    unnamed = [flow.name for flow in handlers.HANDLERS if not named & {flow.name, *flow.intents}]
    assert unnamed == []


def test_every_step_is_reached_by_a_transcript() -> None:
    reached = {name for path in TRANSCRIPTS for name in re.findall(r"^= flow ([\w.]+)", path.read_text(), re.M)}
    steps = {f"{flow.name}.{name}" for flow in handlers.HANDLERS for name in flow.steps}
    # Nobody waits in these: they are said at once while her 安全词 locks or unlocks.
    assert steps - reached == {"safeword.tell_harmless", "safeword.tell_unlocked"}
