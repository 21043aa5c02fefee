"""Policies and programmes (政策问答): the answer with source and date, or an honest "not known" that staff see."""

from typing import TYPE_CHECKING

from bot.dialogue import ANY, Flow, Reply, Turn
from handlers import consultation
from handlers.wording import texts

if TYPE_CHECKING:
    from nlp.articles import Article

flow = Flow("policy", intents={"policy"})

_LONGEST_QUESTION = 300


@flow.start
async def answer(turn: Turn) -> Reply:
    """Answer from the reviewed articles."""
    category = turn.understanding.category
    found = turn.house.library.consider(turn.text, category=category, kind="policy")
    if found.article is not None:
        return _tell(turn, found.article)
    if not found.choices:
        return await _admit(turn, turn.text)
    asked = consultation.which(found.choices)
    choices = [article.id for article in found.choices]
    return flow.ask(asked, then=pick, choices=choices, question=turn.text[:_LONGEST_QUESTION])


@flow.step
async def pick(turn: Turn) -> Reply:
    """Which of the programmes asked back about."""
    article = turn.house.library.get(str(turn.understanding.entities.get("chosen", "")))
    if article is not None:
        return _tell(turn, article, turn.data["question"])
    if consultation.is_none_of_them(turn):
        return await _admit(turn, turn.data["question"])
    return Reply(hand_to=ANY)


@flow.step
async def choose(turn: Turn) -> Reply:
    """How to go about it, a person, or another question."""
    choice = turn.understanding.entities.get("choice")
    if choice == 1:
        article = turn.house.library.get(turn.data.get("article", ""))
        said = consultation.tell_steps(article) if article else ""
        return flow.end(said or texts("consultation.no_steps"))
    if choice == 2:
        return Reply(hand_to="human")
    if turn.understanding.entities.get("answer") == "no":
        return flow.end(texts("menu.left"))
    return Reply(hand_to=ANY)


def _tell(turn: Turn, article: "Article", question: str = "") -> Reply:
    reviewed = texts("policy.source_reviewed", title=article.title, day=article.reviewed_on)
    named = article.sources
    said = texts("policy.answer", answer=article.answer, sources=f"{named}；{reviewed}" if named else reviewed)
    said += consultation.staleness(turn, article)
    return Reply(
        texts=(said, texts("policy.free"), texts("policy.steps_hint")),
        flow=flow.name,
        step=choose.__name__,
        data={
            "article": article.id,
            "question": (question or turn.text)[:_LONGEST_QUESTION],
            "asked": texts("policy.steps_hint"),
        },
        articles=(article.id,),
    )


async def _admit(turn: Turn, question: str) -> Reply:
    await turn.records.note_question(question, intent="policy", category=turn.understanding.category)
    return flow.end(texts("policy.unknown"), call_human="unanswered")
