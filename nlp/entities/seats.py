"""How many people come: 两个人, 一大一小, 我和婆婆, 我们娘仨."""

import re

from nlp.entities.numbers import NUMBER, number

#: More cannot come on one sign-up, whatever was written.
_MOST = 50
_FAMILY = re.compile(
    r"一家([三四五六])口|([一两二三]|\d)大([一两二三]|\d)小|([一两二三]|\d)个?大人?带?([一两二三]|\d)个?(?:孩子|娃|小孩)"
)
_TOGETHER = re.compile(
    r"(?:我们?|咱们?)?(?:娘|母女|母子|姐妹|夫妻|婆媳|两口子|姐弟)?(俩|仨|两个人|三个人)(?!月|天|年)|(?:我们|咱们?)(两|三|四|五|六)个"
)
_COUNTED = re.compile(
    rf"({NUMBER})(?:个人|位|个大人|口人|个名额|名额|人份|人(?![民家员均才生])|个孩子|个女的|个姐妹)"
)
_WITH = re.compile(
    r"(?:^|[,。 ])(?:就|只有|只)?我(?:和|跟|带着?|加上?)(?:我的?|我家)?"
    r"(?:婆婆|妈妈?|孩子|女儿|儿子|闺女|老公|丈夫|姐姐?|妹妹?|朋友|同事|闺蜜|娃|邻居|嫂子|奶奶|外婆|老人|同学)"
    r"(?:一起|两个|一块儿?)?(?:来|去|参加|报名)?(?:$|[,。!])"
)
_ALONE = re.compile(r"^(?:就|只有|只)?(?:我)?(?:自己|一个人|1个人|一人|本人)(?:来|去|参加)?[。!]?$|就我(?:自己|一个)")


def read_people(text: str) -> int:
    """The number of people in a normalised text, 1 to 50; 0 when it names none."""
    family = _FAMILY.search(text)
    if family:
        return sum(number(group) or 0 for group in family.groups() if group)
    if _ALONE.search(text):
        return 1
    together = _TOGETHER.search(text)
    if together:
        word = (together.group(1) or together.group(2))[0]
        return number(word) or 0
    counted = _COUNTED.search(text)
    if counted:
        count = number(counted.group(1)) or 0
        return count if count <= _MOST else 0
    return 2 if _WITH.search(text) else 0
