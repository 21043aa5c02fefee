"""Coming, coming back and leaving: a receipt, a word, a token that lives as long as the page."""

import asyncio
import re
import secrets

from aiohttp import web

from bot import clock
from bot.channels.webchat import plain_word
from bot.chat.doors import ChatHouse, Refused, as_json, oldest_use, open_pass, read_json, token_of
from storage.repositories import chat

_SCENE = re.compile(r"[A-Za-z0-9_-]{1,32}")
#: Length of the word that brings her back, once it is plain.
_WORD_LENGTH = range(2, 33)
#: Who is too fast waits in the line for so long at most, in seconds …
_LONGEST_HOLD = 5.0
#: … and so many wait at once; further ones are asked to come again.
_MOST_HELD = 50
_held: set[object] = set()


async def start(house: ChatHouse, request: web.Request) -> web.Response:
    """A new room, {receipt, token}; or, asked with {receipt, word}, a new token for an old one.

    Too many from one address are slowed down and then answered: a whole village may share an address.
    """
    asked = await read_json(request)
    receipt = re.sub(r"[\s-]", "", str(asked.get("receipt", "")))
    if receipt:
        return await _come_back(house, request, receipt, plain_word(str(asked.get("word", ""))))
    address = house.address_of(request)
    await _slow_down(house.starting.excess(address))
    house.starting.note(address)
    scene = str(asked.get("scene", ""))
    receipt, token, now = f"{secrets.randbelow(10**16):016d}", secrets.token_urlsafe(24), clock.now()
    async with house.database.transaction() as tx:
        await chat.forget_idle(tx, oldest_use(house))
        room_id = await chat.open_room(tx, receipt, scene if _SCENE.fullmatch(scene) else "", now)
        await chat.give_pass(tx, room_id, token, now)
    return as_json({"receipt": receipt, "token": token})


async def choose_word(house: ChatHouse, request: web.Request) -> web.Response:
    """Keep {word}: with it and her receipt she comes back. It is chosen once."""
    asked = await read_json(request)
    found = await open_pass(house, token_of(request, asked))
    word = plain_word(str(asked.get("word", "")))
    if len(word) not in _WORD_LENGTH:
        raise Refused(400, "word_length")
    async with house.database.transaction() as tx:
        kept = await chat.choose_word(tx, found.room_id, word)
    if not kept:
        raise Refused(409, "word_chosen")
    return as_json({"kept": True})


async def leave(house: ChatHouse, request: web.Request) -> web.Response:
    """The page is gone: its token is forgotten."""
    asked = await read_json(request)
    async with house.database.transaction() as tx:
        await chat.forget_pass(tx, token_of(request, asked))
    return web.Response(status=204)


async def _come_back(house: ChatHouse, request: web.Request, receipt: str, word: str) -> web.Response:
    address, now = house.address_of(request), clock.now()
    wait = house.returning.wait(address)
    if wait:
        raise Refused(429, "slow", wait)
    if not re.fullmatch(r"[0-9]{16}", receipt) or len(word) not in _WORD_LENGTH:
        raise Refused(403, "not_known")
    token = secrets.token_urlsafe(24)
    async with house.database.transaction() as tx:
        found = await chat.come_back(tx, receipt, word, now)
        if found.room_id:
            await chat.give_pass(tx, found.room_id, token, now)
    if found.room_id:
        return as_json({"receipt": receipt, "token": token})
    house.returning.note(address)
    if found.too_early:
        raise Refused(429, "slow", found.wait_seconds)
    raise Refused(403, "not_known", found.wait_seconds)


async def _slow_down(excess: int) -> None:
    """Hold a request the longer the more came before it. Raises Refused 429 when too many are held."""
    if excess <= 0:
        return
    if len(_held) >= _MOST_HELD:
        raise Refused(429, "slow", int(_LONGEST_HOLD))
    mark = object()
    _held.add(mark)
    try:
        await asyncio.sleep(min(excess * 0.5, _LONGEST_HOLD))
    finally:
        _held.discard(mark)
