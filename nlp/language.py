"""Which language a message is in when it is not Chinese, told by its script and a few everyday words.

Women of every people of the country write to us, and women married in from abroad. The bot cannot answer
them in substance; it must notice, give the numbers that always work, and call a person for that language.
Codes are ISO 639-1; "" is Chinese, or too little to tell (a name, a number, an emoji, a pinyin word).
"""

import re
from functools import cache

from nlp.patterns import read_yaml
from nlp.text import DATA

_LETTERS = re.compile(r"[^\W\d_]")
_CHINESE = re.compile(r"[㐀-鿿]")
#: Scripts that one language here writes in: character range and code, the first with most letters wins.
_SCRIPTS = (
    ("bo", re.compile(r"[ༀ-࿿]")),
    ("mn", re.compile(r"[᠀-ᢪ]")),
    ("ko", re.compile(r"[가-힣ᄀ-ᇿㄱ-ㆎ]")),
    ("ja", re.compile(r"[ぁ-ヿ]")),
    ("th", re.compile(r"[฀-๿]")),
    ("lo", re.compile(r"[຀-໿]")),
    ("my", re.compile(r"[က-႟]")),
    ("km", re.compile(r"[ក-៿]")),
    ("ii", re.compile(r"[ꀀ-꓏]")),
)
_ARABIC = re.compile(r"[؀-ۿݐ-ݿﭐ-﷿ﹰ-﻿]")
_CYRILLIC = re.compile(r"[Ѐ-ӿ]")
#: Kazakh in Arabic script marks soft words with a high hamza; Uyghur writes its vowels with these letters.
_KAZAKH_ARABIC = re.compile(r"[ٴ]|ءا|ءى|ءۇ")
_UYGHUR = re.compile(r"[ېۈۆەڭۋ]")
_KAZAKH_CYRILLIC = re.compile(r"[әғқңұһі]", re.I)
_MONGOLIAN_CYRILLIC = re.compile(r"[өү]", re.I)
_VIETNAMESE = re.compile(r"[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.I)
_WORDS = re.compile(r"[a-z']+")


def language_of(text: str) -> str:
    """The code of the language of `text`, or "" for Chinese and for too little to tell. Never raises."""
    if text.isascii():
        return _of_latin(text)
    if _CHINESE.search(text) and not re.search(r"[ぁ-ヿ가-힣]{2}", text):
        return ""
    counts = {code: len(script.findall(text)) for code, script in _SCRIPTS}
    code = max(counts, key=lambda name: counts[name])
    if counts[code] >= 2:
        return code
    if len(_ARABIC.findall(text)) >= 2:
        return "kk" if _KAZAKH_ARABIC.search(text) else "ug" if _UYGHUR.search(text) else "ar"
    if len(_CYRILLIC.findall(text)) >= 3:
        return "kk" if _KAZAKH_CYRILLIC.search(text) else "mn" if _MONGOLIAN_CYRILLIC.search(text) else "ru"
    if len(_LETTERS.findall(text)) >= 4 and len(_VIETNAMESE.findall(text)) >= 2:
        return "vi"
    return _of_latin(text)


@cache
def _words(name: str) -> frozenset[str]:
    """English words that are no pinyin, so that 「laogong da wo」 stays Chinese; courtesies everybody uses."""
    return frozenset(read_yaml(DATA / "languages.yaml")[name].split())


def _of_latin(text: str) -> str:
    words = _WORDS.findall(text.lower())
    if not words or all(word in _words("courtesies") for word in words):
        return ""
    known = sum(word in _words("english") for word in words)
    return "en" if known >= 2 or (known == 1 and len(words) <= 2 and words[0] == "help") else ""
