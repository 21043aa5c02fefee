"""有用 / 没用 after an answer: counted for the article, and a useless answer goes to staff with its question."""

from bot.dialogue import Flow, Reply, Turn
from handlers import words
from handlers.wording import texts

flow = Flow("feedback")


@flow.start
async def hear(turn: Turn) -> Reply:
    """What she thought of the last answer; the conversation goes on where it stood."""
    answered = turn.learned.get("articles") or [""]
    article = str(turn.data.get("article") or answered[-1])
    if not article:
        return Reply(texts=(texts("feedback.nothing"),), keep_flow=True)
    useful = words.says("useful", turn.text)
    await turn.records.note_feedback(article, useful)
    question = turn.data.get("question", "")
    if not useful and question:
        await turn.records.note_question(
            question, reason="unhelpful", article_id=article, category=turn.conversation.category
        )
    return Reply(texts=(texts("feedback.useful" if useful else "feedback.useless"),), keep_flow=True)
