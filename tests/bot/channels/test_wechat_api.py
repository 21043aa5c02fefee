"""Calls to WeChat: every errcode read, one token for all, a new one once, and what is known after a failure."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import ClientSession, ClientTimeout
from redis.asyncio import Redis

from bot.channels import http
from bot.channels.tokens import InMemoryTokens, RedisTokens, Tokens
from bot.channels.wechat_api import _ERRORS, WeChatAPI
from bot.errors import RecipientGone, Rejected, SendError, Throttled, Unreachable, WindowClosed
from tests.support.service import free_port
from tests.support.wechat import SECRETS, FakeWeChat

SEND = "/cgi-bin/message/custom/send"
TOKEN = "/cgi-bin/stable_token"


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


def api(
    base: str, session: ClientSession, tokens: Tokens | None = None, secret: str = SECRETS.app_secret
) -> WeChatAPI:
    return WeChatAPI(
        base=base, app_id=SECRETS.app_id, app_secret=secret, tokens=tokens or InMemoryTokens(), session=session
    )


@pytest.fixture
def client(wechat: FakeWeChat, session: ClientSession) -> WeChatAPI:
    return api(wechat.base, session)


@pytest.fixture
def _short_time_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(http, "_TIMEOUT", ClientTimeout(total=0.3))
    monkeypatch.setattr(http, "_MEDIA_TIMEOUT", ClientTimeout(total=0.3))
    return


async def test_message_arrives_as_raw_utf8(client: WeChatAPI, wechat: FakeWeChat) -> None:
    await client.send_text("oLina", "你好 👋")
    assert wechat.accepted == [("oLina", "你好 👋")]
    sent = next(body for path, _, body in wechat.requests if path == SEND)
    assert "你好 👋".encode() in sent
    assert b"\\u" not in sent


async def test_token_is_fetched_once_for_many_sends(client: WeChatAPI, wechat: FakeWeChat) -> None:
    await asyncio.gather(*(client.send_text(f"o{number}", "好") for number in range(20)))
    assert wechat.count(TOKEN) == 1
    assert len(wechat.accepted) == 20


EXPECTED = {
    -1: (Throttled, True),
    40003: (RecipientGone, False),
    43004: (RecipientGone, False),
    45002: (Rejected, False),
    45009: (Throttled, True),
    45011: (Throttled, True),
    45015: (WindowClosed, False),
    45047: (WindowClosed, False),
    48001: (Rejected, False),
    48002: (Rejected, False),
    40164: (Rejected, True),
    43101: (Rejected, False),
    99999: (Rejected, False),
}


@pytest.mark.parametrize("code", sorted({*_ERRORS, *EXPECTED} - {40001, 40014, 42001}))
async def test_every_errcode_becomes_an_error_staff_can_act_on(
    client: WeChatAPI, wechat: FakeWeChat, code: int
) -> None:
    wechat.refuse(code)
    with pytest.raises(SendError) as problem:
        await client.send_text("oLina", "秘密的话")
    error = problem.value
    kind, retryable = EXPECTED.get(code, (type(error), error.retryable))
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.code == str(code)
    assert error.known_unsent, "the platform said no: it was not sent"
    assert len(error.sentence) > 5
    assert "秘密" not in error.sentence
    assert "oLina" not in error.sentence
    assert wechat.accepted == []


def test_unknown_code_names_itself() -> None:
    from bot.channels.wechat_api import _error

    assert "99999" in _error(99999).sentence


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_bad_token_is_renewed_once_and_the_send_repeated_once(
    client: WeChatAPI, wechat: FakeWeChat, code: int
) -> None:
    wechat.script[SEND] = [{"errcode": code, "errmsg": "token"}]
    await client.send_text("oLina", "好")
    assert wechat.accepted == [("oLina", "好")]
    assert wechat.count(SEND) == 2
    assert wechat.count(TOKEN) == 2


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_token_that_stays_bad_never_loops(client: WeChatAPI, wechat: FakeWeChat, code: int) -> None:
    wechat.script[SEND] = [{"errcode": code}] * 10
    with pytest.raises(Rejected) as problem:
        await client.send_text("oLina", "好")
    assert problem.value.retryable
    assert wechat.count(SEND) == 2
    assert wechat.count(TOKEN) == 2


async def test_spoiled_token_is_replaced_for_many_sends_at_once(client: WeChatAPI, wechat: FakeWeChat) -> None:
    await client.send_text("o", "一")
    wechat.platform.spoil_tokens()
    await asyncio.gather(*(client.send_text(f"o{number}", "二") for number in range(10)))
    assert len(wechat.accepted) == 11
    assert wechat.count(TOKEN) == 2, "one renewal serves all who failed with the same token"


async def test_two_processes_share_one_token_through_redis(
    wechat: FakeWeChat, session: ClientSession, redis_url: str
) -> None:
    stores = [RedisTokens(redis_url), RedisTokens(redis_url)]
    clients = [api(wechat.base, session, store) for store in stores]
    await asyncio.gather(*(one.send_text(f"o{number}", "好") for number in range(10) for one in clients))
    assert wechat.count(TOKEN) == 1
    wechat.platform.spoil_tokens()
    await asyncio.gather(*(one.send_text(f"p{number}", "好") for number in range(5) for one in clients))
    assert wechat.count(TOKEN) == 2
    for store in stores:
        await store.close()


async def test_new_secret_never_meets_an_old_token(wechat: FakeWeChat, session: ClientSession) -> None:
    tokens = InMemoryTokens()
    await api(wechat.base, session, tokens).send_text("o", "好")
    with pytest.raises(Rejected, match="app_secret"):
        await api(wechat.base, session, tokens, secret="another").send_text("o", "好")


@pytest.mark.parametrize(
    "answer", [{"errcode": 40125}, {"access_token": ""}, {"access_token": "t"}, {}, [1], b"<html>"]
)
async def test_no_token_means_not_sent(client: WeChatAPI, wechat: FakeWeChat, answer: object) -> None:
    wechat.script[TOKEN] = [answer]
    with pytest.raises(SendError) as problem:
        await client.send_text("oLina", "好")
    assert problem.value.known_unsent
    assert wechat.accepted == []


async def test_refused_connection_is_known_unsent(session: ClientSession) -> None:
    with pytest.raises(Unreachable) as problem:
        await api(f"http://127.0.0.1:{free_port()}", session).send_text("oLina", "好")
    assert problem.value.known_unsent
    assert problem.value.retryable


@pytest.mark.parametrize("answer", ["cut", b"not JSON", b"[1]", b"", 502, 200])
async def test_send_without_a_readable_answer_is_not_known(
    client: WeChatAPI, wechat: FakeWeChat, answer: object
) -> None:
    wechat.script[SEND] = [answer]
    with pytest.raises(Unreachable) as problem:
        await client.send_text("oLina", "好")
    assert not problem.value.known_unsent
    assert not problem.value.retryable


@pytest.mark.usefixtures("_short_time_limits")
async def test_hanging_send_ends_by_itself_and_is_not_known(client: WeChatAPI, wechat: FakeWeChat) -> None:
    wechat.script[SEND] = ["hang"]
    async with asyncio.timeout(5):
        with pytest.raises(Unreachable) as problem:
            await client.send_text("oLina", "好")
    assert not problem.value.known_unsent


@pytest.mark.usefixtures("_short_time_limits")
async def test_hanging_token_is_known_unsent(client: WeChatAPI, wechat: FakeWeChat) -> None:
    wechat.script[TOKEN] = ["hang"]
    async with asyncio.timeout(5):
        with pytest.raises(Unreachable) as problem:
            await client.send_text("oLina", "好")
    assert problem.value.known_unsent


async def test_typing_is_shown(client: WeChatAPI, wechat: FakeWeChat) -> None:
    await client.show_typing("oLina")
    assert wechat.count("/cgi-bin/message/custom/typing") == 1


async def test_file_is_fetched_with_its_type(client: WeChatAPI, wechat: FakeWeChat) -> None:
    media_id = wechat.platform.add_media(b"\xff\xd8\xffpicture", "image/jpeg")
    assert await client.fetch_media(media_id) == (b"\xff\xd8\xffpicture", "image/jpeg")


async def test_file_that_is_gone_is_refused(client: WeChatAPI) -> None:
    with pytest.raises(Rejected):
        await client.fetch_media("gone")


async def test_file_is_fetched_with_a_new_token_when_the_old_one_is_spoiled(
    client: WeChatAPI, wechat: FakeWeChat
) -> None:
    media_id = wechat.platform.add_media(b"GIF8", "image/gif")
    await client.send_text("o", "好")
    wechat.platform.spoil_tokens()
    assert (await client.fetch_media(media_id))[0] == b"GIF8"


async def test_too_large_a_file_is_refused(
    client: WeChatAPI, wechat: FakeWeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_MEDIA_BYTES", 1000)
    media_id = wechat.platform.add_media(b"\xff\xd8\xff" + b"x" * 1000, "image/jpeg")
    with pytest.raises(Rejected, match="10 MB"):
        await client.fetch_media(media_id)


async def test_tokens_end_with_their_time() -> None:
    tokens = InMemoryTokens()
    await tokens.put("a", "value", 0.05)
    assert await tokens.get("a") == "value"
    await asyncio.sleep(0.06)
    assert await tokens.get("a") is None
    assert await tokens.get("never") is None


async def test_tokens_in_redis_end_with_their_time_and_are_seen_by_others(redis_url: str) -> None:
    one, other = RedisTokens(redis_url), RedisTokens(redis_url)
    await one.put("a", "value", 100)
    assert await other.get("a") == "value"
    client: Redis = Redis.from_url(redis_url)
    assert 90 <= await client.ttl("niangjia:token:a") <= 100
    await client.aclose()
    for tokens in (one, other):
        await tokens.close()


async def test_lock_is_held_by_one_process_at_a_time(redis_url: str) -> None:
    stores, inside, most = [RedisTokens(redis_url) for _ in range(3)], 0, 0

    async def enter(tokens: RedisTokens) -> None:
        nonlocal inside, most
        async with tokens.lock("a"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.02)
            inside -= 1

    await asyncio.gather(*(enter(tokens) for tokens in stores for _ in range(3)))
    assert most == 1
    for tokens in stores:
        await tokens.close()


async def test_without_redis_every_process_keeps_its_own_token() -> None:
    tokens = RedisTokens(f"redis://127.0.0.1:{free_port()}/0")
    async with tokens.lock("a"):
        await tokens.put("a", "value", 100)
    assert await tokens.get("a") == "value"
    await tokens.close()
