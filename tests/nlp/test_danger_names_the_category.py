"""Danger decides what a message is about where its words alone are vague: the form staff see is filled by it."""

import pytest

from nlp.understanding import understand


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("老公昨晚又打我，我该怎么办", "dv"),
        ("我老公打我", "dv"),
        ("他把我锁在家里不让我出门，救救我", "dv"),
        ("我不想活了", "psych"),
    ],
)
def test_category_of_a_dangerous_message(text: str, category: str) -> None:
    meaning = understand(text)
    assert meaning.risk.level == 2
    assert (meaning.intent, meaning.category) == ("rights", category)


def test_a_matter_she_names_herself_stays_beside_the_danger() -> None:
    meaning = understand("老公天天打我，我想起诉离婚，孩子能判给我吗")
    assert meaning.risk.level == 2
    assert meaning.category in {"divorce", "custody", "dv"}
