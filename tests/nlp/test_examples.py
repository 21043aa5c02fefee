"""Example sentences: how composed lines expand, and that none of them is somebody else's sentence."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from bot.errors import ConfigError
from nlp.examples import compose, count, read_examples, read_file, sentences
from nlp.meaning import INTENTS
from nlp.text import normalise

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
LISTS = {"city": ("甲城", "{乙|丙}镇")}


def test_a_line_gives_every_combination_when_there_are_few() -> None:
    tree = compose("{我|俺}要{退订|{停|止}}{了|}", LISTS)
    assert count(tree) == 12
    assert set(sentences(tree, 20, "seed")) >= {"我要退订了", "俺要止", "我要停"}
    assert len(sentences(tree, 20, "seed")) == 12


def test_a_wide_line_gives_at_most_its_cap_and_the_same_every_time() -> None:
    tree = compose("{a|b|c|d}{a|b|c|d}{a|b|c|d}", LISTS)
    first = sentences(tree, 6, "seed")
    assert len(first) == len(set(first)) == 6
    assert first == sentences(tree, 6, "seed")
    assert first != sentences(tree, 6, "another seed")


def test_a_named_list_stands_for_its_words() -> None:
    assert sentences(compose("去{@city}", LISTS), 9, "") == ["去甲城", "去乙镇", "去丙镇"]


def test_a_list_may_be_named_inside_an_alternative_or_outside_braces() -> None:
    assert sentences(compose("{去@city玩|回家}", LISTS), 9, "") == ["去甲城玩", "去乙镇玩", "去丙镇玩", "回家"]
    assert sentences(compose("@city", LISTS), 9, "") == ["甲城", "乙镇", "丙镇"]


@pytest.mark.parametrize("line", ["{我", "我}", "{我|俺", "{@nowhere}", "{去@nowhere|我}", "我|俺"])
def test_a_broken_line_is_refused_with_file_line_and_reason(line: str, tmp_path: Path) -> None:
    path = tmp_path / "rights-dv.txt"
    path.write_text(f"# why\n好好的一行\n{line}\n", "utf-8")
    with pytest.raises(ConfigError, match=r"rights-dv\.txt:3: "):
        list(read_file(path, LISTS))


def test_an_unknown_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rights-dv.txt"
    path.write_text("%twice\n", "utf-8")
    with pytest.raises(ConfigError, match="unknown order"):
        list(read_file(path, LISTS))


def test_each_and_cap_change_how_much_a_line_gives(tmp_path: Path) -> None:
    path = tmp_path / "rights-dv.words.txt"
    path.write_text("%cap 2\n{a|b|c}{d|e}\n%each\n{a|b|c}{d|e}\n", "utf-8")
    found = list(read_file(path, LISTS))
    assert Counter(example.line for example in found) == {"rights-dv.words.txt:2": 2, "rights-dv.words.txt:4": 6}
    assert {example.label for example in found} == {"rights:dv"}


def test_every_file_of_examples_can_be_read_and_names_an_intent() -> None:
    counts = Counter(example.label.partition(":")[0] for example in read_examples())
    assert set(counts) <= set(INTENTS)
    assert min(counts.values()) >= 100


def _plain(text: str) -> str:
    return "".join(character for character in normalise(text) if character.isalnum())


def _trigrams(text: str) -> set[str]:
    return {text[place : place + 3] for place in range(len(text) - 2)}


def near_copies(texts: list[str], measured: list[str], overlap: float = 0.8) -> list[tuple[str, str]]:
    """Pairs (text, measured sentence) of over 8 characters that are equal or share so much of their trigrams."""
    others = [plain for plain in map(_plain, measured) if len(plain) > 8]
    sizes = [len(_trigrams(other)) for other in others]
    postings: dict[str, list[int]] = defaultdict(list)
    for place, other in enumerate(others):
        for gram in _trigrams(other):
            postings[gram].append(place)
    found = []
    for text in dict.fromkeys(map(_plain, texts)):
        if len(text) <= 8:
            continue
        mine = _trigrams(text)
        shared: Counter[int] = Counter()
        # A pair over the threshold must share one of any fifth of the n-grams; the rarest cost least to look up.
        rare = sorted(mine, key=lambda gram: len(postings.get(gram, ())))[: len(mine) // 5 + 1]
        for gram in rare:
            shared.update(postings.get(gram, ()))
        for place in shared:
            both = len(mine & _trigrams(others[place]))
            if both >= overlap * (len(mine) + sizes[place] - both):
                found.append((text, others[place]))
    return found


def test_a_light_edit_counts_as_a_copy() -> None:
    assert near_copies(["他昨天又喝多了酒打人怎么办呢"], ["他昨天又喝多了酒打人怎么办"])
    assert not near_copies(["他昨天又喝多了酒打人怎么办呢"], ["法院判下来他不给抚养费怎么办"])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the sentences to measure with are not here")
def test_no_example_is_a_sentence_the_scores_are_taken_on() -> None:
    measured = []
    for path in sorted(SHARED.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            measured.append(row.get("text") or row.get("q") or "")
    assert near_copies([example.text for example in read_examples()], measured) == []
