"""Ages: hers, and the child's. 七个月 is no whole year yet."""

import re

from nlp.entities.numbers import NUMBER, number

_CHILD = (
    r"(?:孩子|小孩|娃娃|娃|女儿|儿子|闺女|宝宝|宝贝|妹妹|弟弟|丫头"
    r"|孙女|孙子|外孙女?|侄女|侄子|外甥女?|婴儿|老大|老二|小的|大的)"
)
_AGE = rf"({NUMBER})(?:(周?岁)(?:半|多)?|个?(多?月)(?!前|后|工资|没|假))"
_CHILD_THEN_AGE = re.compile(rf"{_CHILD}[^,。?!\d一二两三四五六七八九十]{{0,6}}?{_AGE}")
_AGE_THEN_CHILD = re.compile(rf"{_AGE}(?:大|半)?的?{_CHILD}")
_SHE = re.compile(rf"(?:他|她)(?:今年|才|刚|还不到|只有)({NUMBER})(周?岁)()")
#: 我十二岁那年 tells of long ago: whoever says so is no child now.
_NOT_THEN = r"(?!那|时|的时|左右|之?前|以前|起|开始|就|出来|嫁|结婚|离开)"
_OWN = re.compile(
    rf"(?:我|俺|本人)(?:今年|才|刚|都|已经|现在|马上|是|也)*({NUMBER})(?:周?岁(?!的?{_CHILD}|的?表){_NOT_THEN}|了(?=$|[,。]))"
    rf"|^({NUMBER})周?岁(?=$|[,。!? 了女男])|(?:年龄|本人)[::]?({NUMBER})"
)
_SCHOOL = re.compile(
    r"我(?:是|在|读|上|今年)*(?:一名)?(小学|初一|初二|初三|高一|高二|高三|初中|高中)(?:生|的?学生)?(?=$|[,。!? 了])"
)
_AGE_IN_SCHOOL = {
    "小学": 10,
    "初一": 13,
    "初二": 14,
    "初三": 15,
    "初中": 14,
    "高一": 16,
    "高二": 17,
    "高三": 18,
    "高中": 17,
}


def read_ages(text: str) -> dict[str, object]:
    """`child_age` and `age` in whole years, as far as a normalised text holds them (0–120; her own from 5).

    A school year stands for the usual age in it: whoever writes from a school is read as a minor.
    """
    found: dict[str, object] = {}
    child = _CHILD_THEN_AGE.search(text) or _AGE_THEN_CHILD.search(text) or _SHE.search(text)
    if child:
        value = number(child.group(1))
        if value is not None and value <= 120:
            found["child_age"] = value if child.group(2) else value // 12
    own = _OWN.search(text)
    if own:
        value = number(next(group for group in own.groups() if group))
        if value is not None and 5 <= value <= 110:
            found["age"] = value
    elif school := _SCHOOL.search(text):
        found["age"] = _AGE_IN_SCHOOL[school.group(1)]
    return found
