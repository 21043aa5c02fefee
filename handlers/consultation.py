"""Rights consultation (维权咨询): safety first, the law with its source, then steps, intake or a person."""

from dataclasses import replace
from typing import TYPE_CHECKING

from bot import clock
from bot.dangers import category_of_kinds
from bot.dialogue import ANY, Flow, Reply, Turn
from handlers import words
from handlers.wording import texts

if TYPE_CHECKING:
    from nlp.articles import Article

flow = Flow("consultation", intents={"rights"})

#: Matters in which she may not be safe: ask before facts.
_ASK_SAFETY = frozenset({"dv", "harassment", "minors", "psych"})
#: Where somebody in distress is better answered than asked back.
_RATHER_ANSWER = frozenset({"psych"})
#: What is said then: a guess at what hurts her may be wrong, words of care are not.
_CARING = "psych-low"
_CHILD = 14
_LONGEST_QUESTION = 300


@flow.start
async def answer(turn: Turn) -> Reply:
    """Answer from the reviewed articles, or say honestly that we do not know."""
    age = turn.understanding.entities.get("age")
    if isinstance(age, int) and age < _CHILD:
        return flow.end(texts("consultation.child"), call_human="child", category="minors")
    danger = _danger(turn)
    category = danger or turn.understanding.category or turn.conversation.category
    before = _first_words(turn, category)
    found = turn.house.library.consider(turn.text, category=category, kind="rights", only=bool(danger))
    article = found.article
    if article is None and found.choices and category in _RATHER_ANSWER:
        article = (None if danger else turn.house.library.get(_CARING)) or found.choices[0]
    if article is not None:
        return _tell(turn, article, before=before, category=category)
    if found.choices:
        return _ask_which(turn, found.choices, before=before, category=category)
    return await _admit(turn, turn.text, before=before, category=category)


@flow.step
async def pick(turn: Turn) -> Reply:
    """Which of the articles asked back about; none of them is noted for staff."""
    category, question = turn.data.get("category", ""), turn.data.get("question", "")
    article = turn.house.library.get(str(turn.understanding.entities.get("chosen", "")))
    if article is not None:
        return _tell(turn, article, category=category, question=question)
    if is_none_of_them(turn):
        return await _admit(turn, question, category=category)
    if turn.understanding.entities.get("answer") == "yes" and len(turn.data["choices"]) == 1:
        only = turn.house.library.get(turn.data["choices"][0])
        if only is not None:
            return _tell(turn, only, category=category, question=question)
    return Reply(hand_to=ANY)


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
        category = turn.data.get("category", "")
        article = turn.house.library.consider(turn.text, category=category, kind="rights").article
        if article is not None and article.id != turn.data.get("article"):
            return await answer(turn)
        return Reply(
            texts=(texts("consultation.pick"),), flow=flow.name, step=turn.step, data=turn.data, misunderstood=True
        )
    return Reply(hand_to=ANY)


def say(turn: Turn, article: "Article") -> str:
    """The article's short answer with law, article and date; advice is never called law."""
    return cite(article) + staleness(turn, article)


def cite(article: "Article") -> str:
    """The short answer with law, article and date, and where local rules differ; advice is never called law."""
    if article.citations:
        said = texts("consultation.answer", answer=article.answer, sources=article.sources)
    else:
        said = texts("consultation.answer_advice", answer=article.answer)
    return said + ("\n" + texts("consultation.local") if article.local else "")


def staleness(turn: Turn, article: "Article") -> str:
    """A line that says so when an article should have been read again by now; empty when it is fresh."""
    return stale_by(article, clock.local(turn.now, turn.house.zone).date().isoformat())


def stale_by(article: "Article", today: str) -> str:
    """The same on the ISO date `today`."""
    return "\n" + texts("consultation.stale") if article.review_by < today else ""


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


def tell_way(turn: Turn, article: "Article", *, question: str) -> Reply:
    """An article with its steps at once: for somebody who was in danger and asks how she gets protection."""
    reply = _tell(turn, article, question=question)
    answer, offer = reply.texts
    return replace(reply, texts=tuple(part for part in (answer, tell_steps(article), offer) if part))


def _tell_steps(turn: Turn) -> Reply:
    article = turn.house.library.get(turn.data.get("article", ""))
    said = (tell_steps(article) if article else "") or texts("consultation.no_steps")
    return Reply(texts=(said, texts("consultation.offer")), flow=flow.name, step=choose.__name__, data=turn.data)


def _first_words(turn: Turn, category: str) -> tuple[str, ...]:
    """The question about safety, once a conversation."""
    if category in _ASK_SAFETY and turn.conversation.category != category and turn.conversation.risk < 2:
        return (texts("consultation.ask_safety"),)
    return ()


def _danger(turn: Turn) -> str:
    """The category of the danger in this message, of which alone is spoken then; empty when there is none."""
    risk = turn.understanding.risk
    return category_of_kinds(risk.kinds) if risk.level == 2 else ""


def _tell(
    turn: Turn, article: "Article", *, before: tuple[str, ...] = (), category: str = "", question: str = ""
) -> Reply:
    return Reply(
        texts=(*before, say(turn, article), texts("consultation.offer")),
        flow=flow.name,
        step=choose.__name__,
        data={
            "article": article.id,
            "category": category or article.category,
            "question": (question or turn.text)[:_LONGEST_QUESTION],
            "asked": texts("consultation.offer"),
        },
        category=category or article.category,
        articles=(article.id,),
    )


def _ask_which(turn: Turn, articles: "tuple[Article, ...]", *, before: tuple[str, ...], category: str) -> Reply:
    """您是想问 1 … 2 …？"""
    asked = which(articles)
    return Reply(
        texts=(*before, asked),
        flow=flow.name,
        step=pick.__name__,
        data={
            "choices": [article.id for article in articles],
            "category": category,
            "question": turn.text[:_LONGEST_QUESTION],
            "asked": asked,
        },
        category=category,
    )


def which(articles: "tuple[Article, ...]") -> str:
    """The question back, with the articles' titles by number and a way out."""
    lines = [f"{number} {article.title}" for number, article in enumerate(articles, 1)]
    return texts("consultation.which", lines="\n".join(lines), none=len(articles) + 1)


def is_none_of_them(turn: Turn) -> bool:
    """Whether she says that none of the articles asked back about is meant."""
    last = turn.understanding.entities.get("choice") == len(turn.data["choices"]) + 1
    return last or turn.understanding.entities.get("answer") == "no" or words.says("none", turn.text)


async def _admit(turn: Turn, question: str, *, before: tuple[str, ...] = (), category: str = "") -> Reply:
    """Say honestly that we do not know, and keep the question for staff."""
    await turn.records.note_question(question, intent="rights", category=category)
    return flow.end(*before, texts("consultation.unknown"), call_human="unanswered", category=category)
