"""Training in the console: apart, held against the golden sentences, chosen by staff, live everywhere."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from bot import clock
from bot.errors import WrongState
from bot.learning import LiveModel, Trainer, label_of, make, problems
from nlp import linear, train
from nlp.examples import Example, read_examples
from nlp.understanding import understand
from storage.database import Database
from storage.repositories import language_models, questions, staff

GOOD = {"intent": 0.95, "category": 0.9, "danger": 0.9, "concern": 0.97, "calm": 0.99}


def small(added: Sequence[tuple[str, str]]) -> tuple[str, dict[str, Any]]:
    """What `make` does, on a thirtieth of the examples: seconds instead of a minute."""
    full = train.read_examples
    train.read_examples = fewer  # the process is thrown away afterwards
    try:
        return make(added)
    finally:
        train.read_examples = full


def fewer() -> list[Example]:
    """Every thirtieth example."""
    return read_examples()[::30]


def broken(added: Sequence[tuple[str, str]]) -> tuple[str, dict[str, Any]]:
    """Training that fails."""
    raise ValueError("no")


@pytest.fixture(autouse=True)
def _packaged_again() -> Iterator[None]:
    yield
    linear.use(None)


async def somebody(database: Database) -> str:
    """A member of staff; her id."""
    async with database.transaction() as tx:
        return await staff.add(tx, login="wang", name="王", role="supervisor", password_hash="x", now=clock.now())


async def finished(database: Database, model_id: str) -> language_models.ModelView:
    """The model once training has ended."""
    for _ in range(600):
        async with database.reading() as tx:
            found = await language_models.find(tx, model_id)
        if found.state != "training":
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("training never ended")


async def test_a_model_is_trained_scored_and_kept_with_its_scores(database: Database) -> None:
    staff_id = await somebody(database)
    async with database.transaction() as tx:
        await questions.add_example(tx, "想学做月嫂去哪报", "policy", "", staff_id=staff_id, now=clock.now())
    trainer = Trainer(database, small)
    model_id = await trainer.begin(staff_id)
    with pytest.raises(WrongState):
        await trainer.begin(staff_id)
    trained = await finished(database, model_id)
    await trainer.close()
    assert trained.scores["examples"] == 1
    assert trained.scores["after"].keys() == GOOD.keys()
    # A thirtieth of the examples understands less: that must not go live.
    assert trained.state == "refused"
    async with database.transaction() as tx:
        with pytest.raises(WrongState):
            await language_models.publish(tx, model_id, staff_id, clock.now())


async def test_training_that_fails_can_be_begun_again(database: Database) -> None:
    staff_id = await somebody(database)
    trainer = Trainer(database, broken)
    assert (await finished(database, await trainer.begin(staff_id))).state == "failed"
    assert await trainer.begin(staff_id)
    await trainer.close()


async def test_the_chosen_model_is_used_and_the_packaged_one_comes_back(database: Database) -> None:
    staff_id = await somebody(database)
    head = (
        '{"labels": ["thanks:thanks", "volunteer:volunteer"], "bias": [0.0, 9.0], "unknown": 1, "temperature": 1.0}'
    )
    content = f"{head}\n志\t1\tB9"
    async with database.transaction() as tx:
        model_id = await language_models.begin(tx, staff_id, clock.now())
        await language_models.finish(tx, model_id, content, {"before": GOOD, "after": GOOD}, good=True)
        await language_models.publish(tx, model_id, staff_id, clock.now())
    live = LiveModel(database)
    before = understand("我想离婚孩子归谁").intent
    assert await live.refresh()
    assert understand("我想离婚孩子归谁").intent == "volunteer"
    assert not await live.refresh()
    async with database.transaction() as tx:
        await language_models.use_packaged(tx)
    assert await live.refresh()
    assert understand("我想离婚孩子归谁").intent == before


@pytest.mark.parametrize("name", ["danger", "concern"])
def test_hearing_any_danger_less_refuses_a_model(name: str) -> None:
    assert problems(GOOD, GOOD | {name: GOOD[name] - 0.001}) == [name]


def test_a_hair_less_understanding_is_allowed_and_clearly_less_is_not() -> None:
    assert problems(GOOD, GOOD | {"intent": 0.945}) == []
    assert problems(GOOD, GOOD | {"intent": 0.93}) == ["intent"]


def test_a_sentence_staff_added_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "read_examples", fewer)
    added = [("巧手坊开张啦快来看", "activity:list"), ("巧手坊几点开门", "activity:list")]
    model = linear.parse_model(train.train(added))
    scores = model.score("巧手坊几点")
    assert max(scores.by_intent().items(), key=lambda one: one[1])[0] == "activity"


def test_every_choice_of_staff_is_a_label_of_the_model() -> None:
    from bot.console.lab import choices

    labels = set(linear.model().labels)
    for value, _ in choices():
        intent, _, category = value.partition(":")
        assert label_of(intent, category) in labels, value
