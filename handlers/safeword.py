"""安全词: a word of her own that makes the bot harmless, and one that brings it back."""

from dataclasses import replace

from bot.dialogue import Flow, Reply, Turn
from handlers import words
from handlers.wording import texts
from storage.lock_words import plain

flow = Flow("safeword")

_SHORTEST, _LONGEST = 2, 12


@flow.start
async def ask_word(turn: Turn) -> Reply:
    """Explain what it is for and ask for the word."""
    return flow.ask(texts("safeword.ask"), then=hear_word)


@flow.step
async def hear_word(turn: Turn) -> Reply:
    """The word that locks."""
    if not _is_usable(turn.text):
        return _hidden(flow.ask(texts("safeword.ask_again"), then=hear_word))
    digest = turn.records.lock_word_digest(turn.text)
    return _hidden(flow.ask(texts("safeword.ask_unlock"), then=hear_unlock_word, digest=digest))


@flow.step
async def hear_unlock_word(turn: Turn) -> Reply:
    """The word that unlocks; both are kept as keyed hashes only, and so is the first one until now."""
    first = turn.data.get("digest", "")
    if not first:  # begun when the word itself was carried along
        return _hidden(flow.ask(texts("safeword.ask"), then=hear_word))
    second = turn.records.lock_word_digest(turn.text)
    if not _is_usable(turn.text) or second == first:
        return _hidden(flow.ask(texts("safeword.ask_unlock_again"), then=hear_unlock_word, digest=first))
    return _hidden(flow.end(texts("safeword.done"), wishes={"safeword_digest": first, "unlock_digest": second}))


@flow.step
async def tell_harmless(turn: Turn) -> Reply:
    """What anybody may read while she is locked."""
    return flow.end(texts("safeword.harmless"))


@flow.step
async def tell_unlocked(turn: Turn) -> Reply:
    """She is back."""
    return flow.end(texts("safeword.unlocked"))


def _hidden(reply: Reply) -> Reply:
    """Her words of this turn are not kept: whoever finds them could unlock."""
    return replace(reply, secret=True)


def _is_usable(said: str) -> bool:
    """Long enough to remember, and nothing the bot listens to anyway."""
    word = plain(said)
    taken = words.command(word) or any(words.says(name, word) for name in ("leave", "resume", "skip", "agree"))
    return _SHORTEST <= len(word) <= _LONGEST and not taken and not word.isdigit()
