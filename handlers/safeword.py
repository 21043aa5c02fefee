"""安全词: a word of her own that makes the bot harmless, and one that brings it back."""

from bot.dialogue import Flow, Reply, Turn
from handlers import words
from handlers.wording import texts

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
        return flow.ask(texts("safeword.ask_again"), then=hear_word)
    return flow.ask(texts("safeword.ask_unlock"), then=hear_unlock_word, word=turn.text)


@flow.step
async def hear_unlock_word(turn: Turn) -> Reply:
    """The word that unlocks; both are kept as keyed hashes only."""
    word = turn.data["word"]
    if not _is_usable(turn.text) or turn.text == word:
        return flow.ask(texts("safeword.ask_unlock_again"), then=hear_unlock_word, word=word)
    return flow.end(texts("safeword.done"), wishes={"safeword": word, "unlock_word": turn.text})


@flow.step
async def tell_harmless(turn: Turn) -> Reply:
    """What anybody may read while she is locked."""
    return flow.end(texts("safeword.harmless"))


@flow.step
async def tell_unlocked(turn: Turn) -> Reply:
    """She is back."""
    return flow.end(texts("safeword.unlocked"))


def _is_usable(word: str) -> bool:
    """Long enough to remember, and nothing the bot listens to anyway."""
    taken = words.command(word) or any(words.says(name, word) for name in ("leave", "resume", "skip", "agree"))
    return _SHORTEST <= len(word) <= _LONGEST and not taken and not word.isdigit()
