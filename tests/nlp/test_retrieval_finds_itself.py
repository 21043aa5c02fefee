"""Every question of an article leads to that article, and none of them is somebody else's sentence."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from nlp.articles import FOR_STAFF
from nlp.retrieval import Library, load_library
from nlp.text import normalise

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
#: Questions up to this length are what anybody would say.
SHORT = 8
COPIED = 0.8

needs_sentences = pytest.mark.skipif(not SHARED.exists(), reason="the sentences of the shared data are not here")


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


@pytest.fixture(scope="module")
def places(library: Library) -> dict[tuple[str, str], int]:
    """For each article and question: the place of the article among those found, 3 for not among them."""
    found = {}
    for article in library.articles.values():
        for question in article.questions:
            hits = library.find(question, 3, staff=article.audience == FOR_STAFF)
            ids = [hit.article.id for hit in hits]
            found[article.id, question] = ids.index(article.id) if article.id in ids else 3
    return found


def test_questions_find_their_own_article_first(places: dict[tuple[str, str], int]) -> None:
    elsewhere = [key for key, place in places.items() if place > 0]
    assert len(elsewhere) <= 0.03 * len(places), elsewhere


def test_questions_find_their_own_article_among_the_first_three(places: dict[tuple[str, str], int]) -> None:
    missing = [key for key, place in places.items() if place > 2]
    assert len(missing) <= 0.005 * len(places), missing


def test_no_question_stands_in_two_articles(library: Library) -> None:
    owners = defaultdict(list)
    for article in library.articles.values():
        for question in article.questions:
            owners[normalise(question)].append(article.id)
    assert {question: ids for question, ids in owners.items() if len(ids) > 1} == {}


def test_articles_for_staff_are_never_found_for_her(library: Library) -> None:
    for_staff = {article.id for article in library.articles.values() if article.audience == FOR_STAFF}
    assert for_staff
    for article_id in for_staff:
        for question in library.articles[article_id].questions:
            assert for_staff.isdisjoint(hit.article.id for hit in library.find(question, 5))


def trigrams(text: str) -> frozenset[str]:
    """All runs of three characters."""
    return frozenset(text[place : place + 3] for place in range(len(text) - 2))


@needs_sentences
def test_no_question_is_a_sentence_of_the_shared_data(library: Library) -> None:
    sentences = [trigrams(sentence) for sentence in sorted(shared_sentences())]
    holding: dict[str, list[int]] = defaultdict(list)
    for number, grams in enumerate(sentences):
        for gram in grams:
            holding[gram].append(number)
    copied = []
    for article in library.articles.values():
        for question in map(normalise, article.questions):
            if len(question) <= SHORT:
                continue
            own = trigrams(question)
            shared = Counter(number for gram in own for number in holding.get(gram, ()))
            if any(both >= COPIED * len(own | sentences[number]) for number, both in shared.items()):
                copied.append((article.id, question))
    assert copied == []


def shared_sentences() -> set[str]:
    """The questions and messages used for measuring, normalised."""
    found = set()
    for name, key in (("retrieval_dev", "q"), ("dev", "text")):
        with (SHARED / f"{name}.jsonl").open(encoding="utf-8") as lines:
            found |= {normalise(json.loads(line)[key]) for line in lines}
    return found
