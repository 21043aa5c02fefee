"""Questions of our own, asked as no article words them, find their article."""

import csv
from pathlib import Path

from nlp.articles import FOR_STAFF, read_articles
from nlp.retrieval import Library
from nlp.understanding import understand

GOLDEN = Path(__file__).parents[1] / "golden" / "retrieval.csv"
#: What may be lost is a few wordings, never a field: a change that falls under these says why.
FIRST, FIRST_THREE = 0.70, 0.85


def rows() -> list[tuple[str, set[str]]]:
    """Question and the articles that answer it."""
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return [(row["question"], set(row["articles"].split())) for row in csv.DictReader(file)]


def test_golden_questions_find_their_article(library: Library) -> None:
    first = three = 0
    missed = []
    for question, wanted in rows():
        found = [hit.article.id for hit in library.find(question, 3, category=understand(question).category)]
        first += bool(wanted & set(found[:1]))
        three += bool(wanted & set(found))
        if not wanted & set(found):
            missed.append((question, found))
    total = len(rows())
    assert first / total >= FIRST, missed
    assert three / total >= FIRST_THREE, missed


def test_every_golden_article_exists(library: Library) -> None:
    assert {name for _, wanted in rows() for name in wanted} <= set(library.articles)


def test_no_golden_question_is_a_wording_of_an_article() -> None:
    wordings = {question for article in read_articles() for question in article.questions}
    assert not wordings & {question for question, _ in rows()}


def test_articles_for_staff_are_never_said_to_her(library: Library) -> None:
    for question, _ in rows():
        assert all(hit.article.audience != FOR_STAFF for hit in library.find(question, 10))
