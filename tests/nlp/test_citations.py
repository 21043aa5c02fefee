"""Citations: read as people write them, dated by the project's own table of laws, and all of them exist."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from nlp.citations import Citation, article_number, check, in_words, read_laws
from nlp.retrieval import Library, load_library

STATUTES = Path(__file__).resolve().parents[3] / "shared" / "laws"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("第一条", 1),
        ("第十条", 10),
        ("第十五条", 15),
        ("第二十九条", 29),
        ("第一百零三条", 103),
        ("第一百一十条", 110),
        ("第一千零七十九条", 1079),
        ("第一千二百六十条", 1260),
        ("第二百六十条之一", 260),
    ],
)
def test_article_numbers_are_read(text: str, number: int) -> None:
    assert article_number(text) == number


@pytest.mark.parametrize("text", ["", "一条", "第条", "第1条", "第一", "第一条 ", "第一千条款"])
def test_what_is_no_article_has_no_number(text: str) -> None:
    assert article_number(text) is None


def test_citation_in_words_names_law_article_and_day() -> None:
    words = Citation("民法典", "第一千零七十九条", "2021-01-01").in_words()
    assert words == "《民法典》第一千零七十九条（2021年1月1日起施行）"


def test_table_of_laws_is_whole() -> None:
    laws = read_laws()
    assert len(laws) > 20
    for name, law in laws.items():
        assert isinstance(law["since"], date), name
        assert law["since"] <= date(2027, 1, 1), name
        assert law["articles"] > 0, name
        assert law["title"], name


def test_every_citation_exists_in_the_table() -> None:
    assert check(load_library()) == []


@pytest.mark.skipif(not STATUTES.is_dir(), reason="the statutes beside the repository are absent")
def test_every_citation_exists_in_the_statute_itself() -> None:
    assert check(load_library(), STATUTES) == []


def changed(**values: object) -> Library:
    article = next(article for article in load_library().articles.values() if article.citations)
    return Library([replace(article, **values)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "citation",
    [
        Citation("没有这部法", "第一条", "2021-01-01"),
        Citation("民法典", "第九千条", "2021-01-01"),
        Citation("民法典", "没有条", "2021-01-01"),
    ],
)
def test_check_finds_what_does_not_exist(citation: Citation) -> None:
    assert check(changed(citations=(citation,)))


def test_check_finds_a_legal_answer_without_a_source() -> None:
    assert check(changed(citations=(), source="", level="A", kind="rights"))


def test_several_articles_of_one_law_are_named_after_it_once() -> None:
    day = "2021-01-01"
    said = in_words(
        [
            Citation("民法典", "第一千零七十六条", day),
            Citation("反家庭暴力法", "第二条", "2016-03-01"),
            Citation("民法典", "第一千零七十九条", day),
        ]
    )
    assert said == (
        "《民法典》第一千零七十六条、第一千零七十九条（2021年1月1日起施行）；《反家庭暴力法》第二条（2016年3月1日起施行）"
    )
