"""退订, 停止一切, 恢复通知: done at once. The wish to be forgotten goes on to `mydata`."""

from bot.dialogue import Flow, Reply, Turn
from handlers.wording import texts

flow = Flow("optout", intents={"optout"})


@flow.start
async def settle(turn: Turn) -> Reply:
    """Change what she receives; answers to her own messages go on, and so does what she was in."""
    match turn.understanding.detail:
        case "stop_all":
            return flow.end(
                texts("optout.stopped_all"),
                keep_flow=True,
                wishes={"opted_out": True, "stopped_all": True, "consented": False},
            )
        case "resume":
            return flow.end(
                texts("optout.resumed"),
                keep_flow=True,
                wishes={"opted_out": False, "stopped_all": False, "consented": True},
            )
        case "erase" | "holds":
            return Reply(hand_to="mydata")
        case _ if turn.message.channel == "sms" and turn.contact.opted_out:
            # One confirmation at most (通信短信息服务管理规定): each costs her a look at a phone others may hold.
            return flow.end(keep_flow=True)
        case _:
            return flow.end(texts("optout.stopped"), keep_flow=True, wishes={"opted_out": True, "consented": False})
