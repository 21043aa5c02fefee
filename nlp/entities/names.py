"""What to call her, when she says so: 我叫李梅, 叫我王姐就行, 姓名:张秀英."""

import re

_TITLE = "姐|阿姨|女士|大姐|嫂|婶|妈|老师|小姐"
_NAME = re.compile(
    rf"(?:^|[,。!、 ])(?:(?:我(?:的名字)?叫|名字(?:是|叫|:)|姓名(?:是|:)?|称呼:?)\s*"
    rf"([\u4e00-\u9fff]{{1,3}}?(?:{_TITLE})|[\u4e00-\u9fff]{{2,3}})(?=$|[,。!、 ])"
    rf"|叫我([\u4e00-\u9fff]{{1,3}}?(?:{_TITLE}))(?=$|[,。!、 ]|就(?:行|好)|吧))"
)
#: 叫我怎么办 and 我叫他滚 name nobody.
_NO_NAME = re.compile(r"^(?:怎么|如何|他|她|你|别|去|不|什么|滚|妈|回|过|来|做|干)")


def read_name(text: str) -> str:
    """The name in a normalised text, at most four characters with its title; empty when she says none."""
    match = _NAME.search(text)
    name = (match.group(1) or match.group(2)) if match else ""
    return "" if _NO_NAME.match(name) else name
