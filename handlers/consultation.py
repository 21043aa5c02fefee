"""Rights consultation (维权咨询): safety first, the law with its source, then steps, intake or a person."""

from typing import TYPE_CHECKING

from bot import clock
from bot.dialogue import ANY, Flow, Reply, Turn
from handlers.wording import texts

if TYPE_CHECKING:
    from nlp.articles import Article

flow = Flow("consultation", intents={"rights"})

#: Matters in which she may not be safe: ask before facts.
_ASK_SAFETY = frozenset({"dv", "harassment", "minors", "psych"})
#: Under this score an article of the right category is still beside her question.
_NEAR = 0.12
_CHILD = 14
_LONGEST_QUESTION = 300


@flow.start
async def answer(turn: Turn) -> Reply:
    """Answer from the reviewed articles, or say honestly that we do not know."""
    age = turn.understanding.entities.get("age")
    if isinstance(age, int) and age < _CHILD:
        return flow.end(texts("consultation.child"), call_human="child", category="minors")
    category = turn.understanding.category or turn.conversation.category
    before = _first_words(turn, category)
    article = _find(turn, category)
    if article is None:
        await turn.records.note_question(turn.text, intent="rights", category=category)
        return flow.end(*before, texts("consultation.unknown"), call_human="unanswered", category=category)
    return Reply(
        texts=(*before, say(turn, article), texts("consultation.offer")),
        flow=flow.name,
        step=choose.__name__,
        data={
            "article": article.id,
            "category": category or article.category,
            "question": turn.text[:_LONGEST_QUESTION],
            "asked": texts("consultation.offer"),
        },
        category=category or article.category,
        articles=(article.id,),
    )


@flow.step
async def choose(turn: Turn) -> Reply:
    """Steps, intake, a person — or another question."""
    choice = turn.understanding.entities.get("choice")
    if choice == 1:
        return _tell_steps(turn)
    if choice == 2:
        return Reply(hand_to="intake", category=turn.data.get("category", ""))
    if choice == 3:
        return Reply(hand_to="human")
    if turn.understanding.entities.get("answer") == "no":
        return flow.end(texts("menu.left"))
    if turn.understanding.intent == "oos" and turn.conversation.misunderstood == 0:
        article = _find(turn, turn.data.get("category", ""))
        if article is not None and article.id != turn.data.get("article"):
            return await answer(turn)
        return Reply(
            texts=(texts("consultation.pick"),), flow=flow.name, step=turn.step, data=turn.data, misunderstood=True
        )
    return Reply(hand_to=ANY)


def say(turn: Turn, article: "Article") -> str:
    """The article's short answer with law, article and date; advice is never called law."""
    if article.citations:
        said = texts("consultation.answer", answer=article.answer, sources=sources(article))
    else:
        said = texts("consultation.answer_advice", answer=article.answer)
    return said + ("\n" + texts("consultation.local") if article.local else "") + staleness(turn, article)


def staleness(turn: Turn, article: "Article") -> str:
    """A line that says so when an article should have been read again by now; empty when it is fresh."""
    today = clock.local(turn.now, turn.house.zone).date().isoformat()
    return "\n" + texts("consultation.stale") if article.review_by < today else ""


def sources(article: "Article") -> str:
    """All sources of an article in words."""
    named = [citation.in_words() for citation in article.citations]
    return "；".join([*named, article.source] if article.source else named)


def tell_steps(article: "Article") -> str:
    """What to do, what to bring, where to go; empty when the article names none of it."""
    parts = []
    if article.steps:
        lines = "\n".join(f"{number}. {step}" for number, step in enumerate(article.steps, 1))
        parts.append(texts("consultation.steps", steps=lines))
    if article.documents:
        parts.append(texts("consultation.documents", documents="、".join(article.documents)))
    if article.where:
        parts.append(texts("consultation.where", where=article.where))
    return "\n".join(parts)


def _tell_steps(turn: Turn) -> Reply:
    article = turn.house.library.get(turn.data.get("article", ""))
    said = (tell_steps(article) if article else "") or texts("consultation.no_steps")
    return Reply(texts=(said, texts("consultation.offer")), flow=flow.name, step=choose.__name__, data=turn.data)


def _first_words(turn: Turn, category: str) -> tuple[str, ...]:
    """The question about safety, once a conversation."""
    if category in _ASK_SAFETY and turn.conversation.category != category and turn.conversation.risk < 2:
        return (texts("consultation.ask_safety"),)
    return ()


def _find(turn: Turn, category: str) -> "Article | None":
    library = turn.house.library
    hit = library.answers(turn.text, category=category, kind="rights")
    if hit is not None:
        return hit.article
    if not category:
        return None
    near = [one for one in library.find(turn.text, k=5, category=category) if one.article.category == category]
    return near[0].article if near and near[0].score >= _NEAR else None
