"""Short answers to a question just asked: yes, no, or the number of a choice."""

import re

from nlp.entities.numbers import NUMBER, number

#: Longer messages are no answer but something to say.
LONGEST = 14
_TAIL = r"[啊呀吧哦了的呢,。!~ ]*$"
_YES = re.compile(
    r"^(?:好+的?|好呀|好啊|好吧|可以的?|行的?|行吧|是的?|是啊|对的?|对啊|嗯+|嗯呢|恩+|要的?|要得|没问题|确认|确定|同意"
    r"|愿意|方便|中|成|得行|ok|okay|yes|y|当然|需要|是这样|没错|安全|有的?|1个?就行|👌|👍)" + _TAIL
)
_NO = re.compile(
    r"^(?:不+|不是的?|不要了?|不用了?|不行|不对|不可以|不了|不需要|不方便|不愿意?|不想|不同意|没有?|算了吧?|还是算了"
    r"|别了|no|n|不确定|不安全|先不|暂时不|取消)" + _TAIL
)
_ORDINAL = re.compile(
    rf"^(?:我?(?:要|选|报|取消|想要|就)?)?第({NUMBER})[个项条场期节]?"
    rf"|第({NUMBER})[个项场]"
    rf"|^(?:选|报|要)?({NUMBER})(?:号|个)?[。.!、]?$"
)


def read_answer(text: str) -> dict[str, object]:
    """`choice` (from 1) and `answer` ("yes" or "no"), as far as a normalised short text holds them."""
    found: dict[str, object] = {}
    match = _ORDINAL.search(text)
    if match:
        choice = number(next(group for group in match.groups() if group))
        if choice is not None and 1 <= choice <= 99:
            found["choice"] = choice
    if _YES.match(text):
        found["answer"] = "yes"
    elif _NO.match(text):
        found["answer"] = "no"
    return found
