"""Knowledge articles: every one reads, is short enough to say, is asked in many ways, and has its dates."""

import re
from datetime import date
from itertools import pairwise

import pytest

from bot.errors import ConfigError
from nlp.citations import read_laws
from nlp.retrieval import KNOWLEDGE, load_library

PATHS = sorted(KNOWLEDGE.glob("*.md"))
LONGEST_ANSWER, FEWEST_QUESTIONS = 300, 8
LIBRARY = load_library()


def test_every_file_is_an_article() -> None:
    assert len(PATHS) >= 50
    assert sorted(LIBRARY.articles) == sorted(path.stem for path in PATHS)


@pytest.mark.parametrize("name", sorted(LIBRARY.articles))
def test_article(name: str) -> None:
    article = LIBRARY.articles[name]
    assert article.id == name
    assert re.fullmatch(r"[A-Za-z0-9-]+", name)
    assert article.title.strip()
    assert 10 <= len(article.answer) <= LONGEST_ANSWER
    assert article.kind in ("rights", "policy", "advice")
    assert article.category
    assert len(article.questions) >= FEWEST_QUESTIONS
    assert len(set(article.questions)) == len(article.questions)
    assert all(2 <= len(question) <= 60 for question in article.questions)
    reviewed, due = date.fromisoformat(article.reviewed_on), date.fromisoformat(article.review_by)
    assert reviewed < due
    assert (due - reviewed).days <= 400, "the law is looked at again within a year"
    for citation in article.citations:
        law = read_laws()[citation.law]
        assert citation.since == law["since"].isoformat()
    for part in (article.title, article.answer, article.where, article.body, *article.steps, *article.documents):
        assert "{" not in part, "an unfilled slot"
        assert "TODO" not in part
        assert "\ufffd" not in part


def test_no_question_belongs_to_two_articles() -> None:
    asked = sorted(
        (re.sub(r"\W", "", question), article.id)
        for article in LIBRARY.articles.values()
        for question in article.questions
    )
    assert [(one, other) for one, other in pairwise(asked) if one[0] == other[0]] == []


def test_titles_are_different() -> None:
    titles = [article.title for article in LIBRARY.articles.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("text", ["", "no front matter", "---\nid: x\n---\n", "---\n[\n---\n"])
def test_file_that_is_no_article_is_one_sentence(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("knowledge")
    (folder / "x.md").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"x(\.md)?") as problem:
        load_library(folder)
    assert "\n" not in str(problem.value)


def test_region_slot_nobody_knows_is_named() -> None:
    with pytest.raises(ConfigError, match=r"region\.weather"):
        load_library(region={"weather": "晴"})
