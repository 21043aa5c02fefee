"""The fast tokenizer and the standard one cut alike, our own words included."""

from pathlib import Path

import pytest

from nlp.articles import read_articles
from nlp.text import DATA, _python_cutter, _rust_cutter, normalise

OWN = (DATA / "dictionary.txt").read_text("utf-8").split()


def test_both_tokenizers_cut_every_question_of_every_article_alike(tmp_path: Path) -> None:
    fast = _rust_cutter(OWN)
    if fast is None:
        pytest.skip("the extra `fast` is not installed")
    slow = _python_cutter(OWN, tmp_path)
    questions = [normalise(question) for article in read_articles() for question in article.questions]
    different = [question for question in questions if fast(question) != slow(question)]
    assert different == []


def test_our_own_words_stay_whole(tmp_path: Path) -> None:
    slow = _python_cutter(OWN, tmp_path)
    assert "人身安全保护令" in slow("怎么申请人身安全保护令")
    assert "外嫁女" in slow("外嫁女的地")
