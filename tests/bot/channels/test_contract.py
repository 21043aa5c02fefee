"""Every channel keeps the same promises, whatever its platform: forged, stale, long, throttled, cut, and never a
word of it in a log."""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from aiohttp import ClientSession

from bot import clock
from bot.channels import CHANNELS
from bot.channels.base import Channel, PullChannel
from bot.channels.tokens import InMemoryTokens
from bot.clock import Frozen
from bot.console import words
from bot.errors import ConfigError, RecipientGone, SendError, Throttled, UnreadablePayload, UnverifiedRequest
from bot.messages import Kind, OutboundMessage, PassiveReply, Trigger
from tests.conftest import MORNING
from tests.support.drills import DRILLS, Drill, Provider, provider
from tests.support.drills.base import SECRET_WORDS

_HEARING = [drill for drill in DRILLS if drill.request is not None]
_NO_SESSION = cast(ClientSession, object())


def by_name(drill: Drill) -> str:
    return drill.name


every = pytest.mark.parametrize("drill", DRILLS, ids=by_name)
sending = pytest.mark.parametrize("drill", [drill for drill in DRILLS if drill.send_path], ids=by_name)
hearing = pytest.mark.parametrize("drill", _HEARING, ids=by_name)


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[Frozen]:
    with Frozen(MORNING) as frozen:
        yield frozen


@pytest.fixture(autouse=True)
def _nothing_secret_is_logged(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does: no secret, no word of hers and no address in any log line."""
    caplog.set_level(logging.DEBUG)
    yield
    drill: Drill | None = getattr(request.node, "callspec", None) and request.node.callspec.params.get("drill")
    if drill is None:
        return
    lines = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for word in (*drill.secrets, SECRET_WORDS, drill.recipient if drill.request else ""):
        assert not word or word not in lines


def quiet(drill: Drill) -> Channel:
    """The channel without a platform: receiving makes no calls."""
    return drill.channel.from_settings(drill.settings("http://127.0.0.1:9"), InMemoryTokens(), _NO_SESSION)


@pytest.fixture
async def played(drill: Drill) -> AsyncIterator[tuple[Channel, Provider]]:
    """The channel and its platform."""
    async with provider(drill) as playing, ClientSession() as session:
        yield drill.channel.from_settings(drill.settings(playing.base), InMemoryTokens(), session), playing


def outbound(drill: Drill, base: str, **changes: Any) -> OutboundMessage:
    return replace(
        OutboundMessage(drill.recipient, SECRET_WORDS, "answer:1:0", row_id="0" * 26, **drill.outbound(base)),
        **changes,
    )


def sends(drill: Drill, playing: Provider) -> list[Any]:
    return [body for path, _, body in playing.asked if path == drill.send_path]


def test_every_channel_is_drilled() -> None:
    assert sorted(drill.name for drill in DRILLS) == sorted(channel.name for channel in CHANNELS)


@every
def test_channel_without_a_secret_is_off_and_with_some_missing_is_refused(drill: Drill) -> None:
    whole = drill.settings("http://127.0.0.1:9")
    assert not drill.channel.is_on(dict.fromkeys(whole, "") | {"api_base": "http://127.0.0.1:9"})
    assert not drill.channel.is_on({})
    assert drill.channel.is_on(whole)
    named = [name for name, value in whole.items() if str(value) in drill.secrets]
    for name in named:
        partly = {key: value for key, value in whole.items() if key != name}
        with pytest.raises(ConfigError) as problem:
            drill.channel.from_settings(partly, InMemoryTokens(), _NO_SESSION)
        assert f"channels.{drill.name}." in str(problem.value)
        assert not any(secret in str(problem.value) for secret in drill.secrets)


@hearing
def test_signed_message_is_heard(drill: Drill) -> None:
    assert drill.request is not None
    received = quiet(drill).receive(drill.request(SECRET_WORDS, clock.timestamp(), 7))
    if drill.is_pulled:
        assert received.pull is not None
        return
    (message,) = received.messages
    assert (message.kind, message.text, message.channel) == (Kind.TEXT, SECRET_WORDS, drill.name)
    assert message.account == quiet(drill).account


@hearing
def test_forged_message_is_refused(drill: Drill) -> None:
    assert drill.request is not None
    assert drill.forge is not None
    request = drill.request(SECRET_WORDS, clock.timestamp(), 7)
    with pytest.raises(UnverifiedRequest):
        quiet(drill).receive(drill.forge(request))


@hearing
def test_stale_message_is_refused(drill: Drill) -> None:
    assert drill.request is not None
    if not drill.has_clock:
        return
    for seconds in (-301, 301):
        request = drill.request(SECRET_WORDS, clock.timestamp() + seconds, 7)
        with pytest.raises(UnverifiedRequest):
            quiet(drill).receive(replace(request, received_at=clock.now()))


@hearing
def test_message_sent_again_is_the_same_and_another_is_not(drill: Drill) -> None:
    assert drill.request is not None
    if drill.is_pulled:
        return
    channel, now = quiet(drill), clock.timestamp()

    def key(number: int, at: float) -> str:
        assert drill.request is not None
        return channel.receive(drill.request("你好", at, number)).messages[0].dedupe_key

    assert key(7, now) == key(7, now)
    assert key(7, now) != key(8, now)


@hearing
def test_oversized_and_unreadable_bodies_are_refused(drill: Drill) -> None:
    assert drill.request is not None
    channel = quiet(drill)
    request = drill.request("你好", clock.timestamp(), 7)
    for body in (b"x" * (channel.max_body + 1), b"", b"\xff\xfe", b"<xml>", b"{", b"[1]", b"null", b'{"encrypt":3}'):
        with pytest.raises((UnverifiedRequest, UnreadablePayload)):
            channel.receive(replace(request, body=body))


@hearing
def test_acknowledgement_without_words_is_no_error(drill: Drill) -> None:
    assert drill.request is not None
    channel = quiet(drill)
    received = channel.receive(drill.request("你好", clock.timestamp(), 7))
    answer = received.response or channel.render(received, PassiveReply(""))
    assert answer.status in (200, 204)


@every
def test_long_text_is_cut_to_fit_and_nothing_is_lost(drill: Drill) -> None:
    text = "".join(f"第{number}句，说的是她该知道的事。" for number in range(4000))
    pieces = quiet(drill).split([text])
    assert "".join(pieces) == text
    assert all(drill.size(piece) <= drill.most for piece in pieces)
    assert quiet(drill).split(["一。", "二。"]) == ["一。\n\n二。"]


@every
def test_window_is_known_for_every_trigger(drill: Drill) -> None:
    for trigger in Trigger:
        window = quiet(drill).window(trigger)
        assert window.is_always or (window.count >= 1 and window.seconds >= 20)


@sending
async def test_text_is_sent_once(drill: Drill, played: tuple[Channel, Provider]) -> None:
    channel, playing = played
    await channel.send(outbound(drill, playing.base))
    assert len(sends(drill, playing)) == 1


@sending
async def test_interrupted_send_goes_again_under_the_same_key_or_not_at_all(
    drill: Drill, played: tuple[Channel, Provider]
) -> None:
    channel, playing = played
    playing.script = ["cut"]
    with pytest.raises(SendError) as problem:
        await channel.send(outbound(drill, playing.base))
    assert not problem.value.known_unsent
    if not channel.idempotent:
        return
    await channel.send(outbound(drill, playing.base))
    first, second = (drill.key_of(body) for body in sends(drill, playing))
    assert first == second != ""
    await channel.send(outbound(drill, playing.base, row_id="1" * 26, idempotency_key="answer:1:1"))
    assert drill.key_of(sends(drill, playing)[-1]) != first


@sending
async def test_throttled_send_waits(drill: Drill, played: tuple[Channel, Provider]) -> None:
    channel, playing = played
    playing.script = [drill.throttled]
    with pytest.raises(Throttled) as problem:
        await channel.send(outbound(drill, playing.base))
    assert problem.value.retryable
    assert problem.value.known_unsent


@sending
async def test_expired_token_is_renewed_once(drill: Drill, played: tuple[Channel, Provider]) -> None:
    if drill.expired is None:
        return
    channel, playing = played
    await channel.send(outbound(drill, playing.base))
    playing.script = [drill.expired]
    await channel.send(outbound(drill, playing.base))
    assert len(sends(drill, playing)) == 3
    playing.script = [drill.expired, drill.expired]
    with pytest.raises(SendError) as problem:
        await channel.send(outbound(drill, playing.base))
    assert problem.value.known_unsent
    assert len(sends(drill, playing)) == 5


@sending
async def test_refusal_is_final_and_says_so_without_secrets(drill: Drill, played: tuple[Channel, Provider]) -> None:
    channel, playing = played
    playing.script = [drill.refused]
    with pytest.raises(SendError) as problem:
        await channel.send(outbound(drill, playing.base))
    assert not problem.value.retryable
    assert problem.value.sentence
    told = f"{problem.value} {problem.value.sentence} {problem.value.code}"
    assert not any(word in told for word in (*drill.secrets, SECRET_WORDS))


@sending
async def test_accepted_for_nobody_is_not_sent(drill: Drill, played: tuple[Channel, Provider]) -> None:
    if drill.gone is None:
        return
    channel, playing = played
    playing.script = [drill.gone]
    with pytest.raises(RecipientGone):
        await channel.send(outbound(drill, playing.base))


@sending
async def test_unreachable_platform_means_known_unsent(drill: Drill) -> None:
    async with ClientSession() as session:
        channel = drill.channel.from_settings(drill.settings("http://127.0.0.1:9"), InMemoryTokens(), session)
        with pytest.raises(SendError) as problem:
            await channel.send(outbound(drill, "http://127.0.0.1:9"))
        assert problem.value.known_unsent
        assert problem.value.retryable
    await channel.close()


@every
def test_drill_says_whether_messages_are_fetched(drill: Drill) -> None:
    assert isinstance(quiet(drill), PullChannel) == drill.is_pulled


def test_names_are_unique_and_short() -> None:
    names = [channel.name for channel in CHANNELS]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 32 for name in names)


@every
def test_staff_read_the_channel_by_its_name(drill: Drill) -> None:
    assert words.group("channels")[drill.name] != drill.name
