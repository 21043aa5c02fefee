"""What a text message costs, and the words that mean "write to me no more".

Source: protocols §8. Chinese goes as UCS-2: 70 units make one message, longer ones are cut into parts of 67; the
signature in front counts too, and what lies outside the basic plane costs two units.
"""

import re
import unicodedata

_ONE = 70
_PART = 67
#: 工信部令31号: refusing has to be easy; carriers print R, people type the rest.
_OPT_OUT = re.compile(
    "(?:拒收|退订|取消|不要)?请?(?:回复|回|发送|发)?(?:TD|T|N|R|QX|退订|拒收|取消订阅|TUIDING|STOP|UNSUBSCRIBE)"
    "(?:退订|拒收|取消)?|(?:我要|要|请|帮我)?(?:退订|拒收|取消订阅)(?:短信|通知|消息)?了?|不要再?(?:发|给我发)(?:短信|通知|消息)?了?"
)
#: The same wish as the other channels say it.
OPT_OUT = "退订"
_NOISE = re.compile(r"[\W_]+")


def units(text: str) -> int:
    """UCS-2 units of `text`."""
    return len(text.encode("utf-16-le")) // 2


def count_segments(text: str, signature: str = "") -> int:
    """How many messages `text` is billed as, with its signature (`【…】`) in front."""
    size = units(signature) + units(text)
    return 1 if size <= _ONE else -(-size // _PART)


def is_opt_out(text: str) -> bool:
    """Whether the whole message is one of the words, in any width and case, with any marks around it."""
    return _OPT_OUT.fullmatch(_NOISE.sub("", unicodedata.normalize("NFKC", text)).upper()) is not None
