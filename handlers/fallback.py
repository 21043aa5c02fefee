"""Not understood: once we ask her to say it differently, the second time, or where it sounds of danger, we call."""

from bot.dialogue import Flow, Reply, Turn
from handlers import words
from handlers.wording import texts

flow = Flow("fallback", intents={"oos"})


@flow.start
async def ask_again(turn: Turn) -> Reply:
    """Two stages, counted in the conversation; 「继续」 with nothing to go on with is understood."""
    if words.says("resume", turn.text):
        return flow.end(texts("intake.nothing_to_resume"))
    if turn.understanding.risk.level >= 1:
        # Who may be in danger is never told that she was not understood.
        return flow.end(texts("crisis.general"), call_human="danger")
    if turn.conversation.misunderstood == 0:
        return flow.end(texts("fallback.first"), misunderstood=True)
    await turn.records.note_question(turn.text, intent=turn.understanding.intent)
    said = texts("fallback.second", duty_hours=turn.house.duty_hours, hotline=turn.house.hotline)
    return flow.end(said, call_human="not_understood")
