"""A message in another language than Chinese: the numbers that always work, and a person for that language."""

from bot.dialogue import Flow, Reply, Turn
from handlers.wording import texts

flow = Flow("language")

#: Languages we can say two true sentences in; all others get Chinese and digits.
_TEXTS = {
    "en": "language.en",
    "ko": "language.ko",
    "vi": "language.vi",
    "ru": "language.ru",
    "ja": "language.ja",
}


def numbers(code: str) -> str:
    """The numbers that always work, in the language of that code where we have it."""
    return texts(_TEXTS.get(code, "language.other"))


@flow.start
async def tell_numbers(turn: Turn) -> Reply:
    """Say the numbers and call a person; whatever she was in the middle of stays as it is."""
    said = numbers(turn.understanding.language)
    return Reply(texts=(said,), keep_flow=True, call_human=f"language_{turn.understanding.language}")
