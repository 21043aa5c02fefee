"""退订, 停止一切, 恢复通知, and the wish to be forgotten: done at once, except what a person must check."""

from bot.dialogue import Flow, Reply, Turn
from handlers.wording import texts

flow = Flow("optout", intents={"optout"})


@flow.start
async def settle(turn: Turn) -> Reply:
    """Change what she receives; answers to her own messages go on in any case."""
    match turn.understanding.detail:
        case "stop_all":
            return flow.end(
                texts("optout.stopped_all"),
                wishes={"opted_out": True, "stopped_all": True, "consented": False},
            )
        case "resume":
            return flow.end(
                texts("optout.resumed"),
                wishes={"opted_out": False, "stopped_all": False, "consented": True},
            )
        case "erase":
            return flow.end(texts("optout.erase"), call_human="erase", keep_flow=True)
        case _:
            return flow.end(texts("optout.stopped"), wishes={"opted_out": True, "consented": False})
