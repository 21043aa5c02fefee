"""Policies and programmes (政策问答): the answer with source and date, or an honest "not known" that staff see."""

from bot.dialogue import ANY, Flow, Reply, Turn
from handlers import consultation
from handlers.wording import texts

flow = Flow("policy", intents={"policy"})


@flow.start
async def answer(turn: Turn) -> Reply:
    """Answer from the reviewed articles."""
    hit = turn.house.library.answers(turn.text, category=turn.understanding.category, kind="policy")
    if hit is None:
        await turn.records.note_question(turn.text, intent="policy", category=turn.understanding.category)
        return flow.end(texts("policy.unknown"), call_human="unanswered")
    article = hit.article
    day = article.reviewed_on
    reviewed = texts("policy.source_reviewed", title=article.title, day=day)
    named = consultation.sources(article)
    said = texts("policy.answer", answer=article.answer, sources=f"{named}；{reviewed}" if named else reviewed)
    said += consultation.staleness(turn, article)
    return Reply(
        texts=(said, texts("policy.free"), texts("policy.steps_hint")),
        flow=flow.name,
        step=choose.__name__,
        data={"article": article.id, "question": turn.text[:300], "asked": texts("policy.steps_hint")},
        articles=(article.id,),
    )


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
