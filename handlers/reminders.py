"""When she is reminded of what she signed up for: 提前一天, 提前一小时, 不用提醒."""

from bot.dialogue import Flow, Reply, Turn
from handlers import words
from handlers.wording import texts

flow = Flow("reminders")


@flow.start
async def choose(turn: Turn) -> Reply:
    """Keep what she chose; whatever she was in goes on."""
    if words.says("remind_day", turn.text):
        return flow.end(texts("reminders.chose_day"), keep_flow=True, wishes={"reminders": "day"})
    if words.says("remind_hour", turn.text):
        return flow.end(texts("reminders.chose_hour"), keep_flow=True, wishes={"reminders": "hour"})
    if words.says("remind_none", turn.text):
        return flow.end(texts("reminders.chose_none"), keep_flow=True, wishes={"reminders": "none"})
    return flow.end(texts("reminders.how"), keep_flow=True)
