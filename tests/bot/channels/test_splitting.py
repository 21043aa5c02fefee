"""Cutting texts: nothing lost, no piece too long, sentences whole where they fit."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.splitting import split_texts

LIMIT = 2048
_texts = st.lists(
    st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("。，！？\n 「」👩🏽‍🦱é字")), max_size=1500),
    max_size=6,
)


def without_space(texts: list[str]) -> str:
    return re.sub(r"\s", "", "".join(texts))


@given(_texts, st.integers(8, 3000))
def test_nothing_is_lost_and_no_piece_is_too_long(texts: list[str], limit: int) -> None:
    pieces = split_texts(texts, limit)
    assert without_space(pieces) == without_space(texts)
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert all(piece.strip() for piece in pieces)


@given(st.lists(st.text(min_size=1, max_size=30), max_size=20))
def test_short_texts_share_a_piece(texts: list[str]) -> None:
    whole = sum(len(text.encode()) + 2 for text in texts)
    if whole <= LIMIT:
        assert len(split_texts(texts, LIMIT)) <= 1


@pytest.mark.parametrize("letter", ["字", "a", "👩", "é"])
def test_twenty_thousand_characters_without_a_mark(letter: str) -> None:
    pieces = split_texts([letter * 20_000], LIMIT)
    assert "".join(pieces) == letter * 20_000
    assert len(pieces) == -(-20_000 * len(letter.encode()) // (LIMIT - LIMIT % len(letter.encode())))


def test_sentences_stay_whole() -> None:
    sentence = "这是一个完整的句子，中间有逗号。"
    for piece in split_texts([sentence * 200], LIMIT):
        assert piece.endswith("。")
        assert len(piece) % len(sentence) == 0


def test_paragraphs_are_preferred_to_sentences() -> None:
    paragraph = "一句。" * 100
    pieces = split_texts([f"{paragraph}\n\n{paragraph}\n\n{paragraph}"], LIMIT)
    assert pieces[0] == f"{paragraph}\n\n{paragraph}"


def test_mark_inside_quotes_is_not_torn_from_them() -> None:
    assert all(not piece.startswith("」") for piece in split_texts(["「好。」" * 500], 100))


def test_order_is_kept_and_a_long_text_between_short_ones_stays_there() -> None:
    pieces = split_texts(["一", "二" * 3000, "三"], LIMIT)
    joined = "".join(pieces)
    assert joined.index("一") < joined.index("二") < joined.index("三")


@pytest.mark.parametrize("texts", [[], [""], ["  ", "\n"]])
def test_nothing_to_say_is_no_piece(texts: list[str]) -> None:
    assert split_texts(texts, LIMIT) == []
