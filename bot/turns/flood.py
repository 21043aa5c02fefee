"""How much the bot says in a group: no more than people can read, and never a talk between two machines."""

from datetime import datetime, timedelta

from bot import sessions
from bot.sessions import Person
from bot.turns.line import Line
from storage.database import Transaction
from storage.repositories import groups

_MINUTE = timedelta(minutes=1)
#: What one member gets answered in a minute: a person asks slower, only a machine answers every answer.
_MOST_PER_MEMBER = 5


async def may_speak(line: Line, tx: Transaction, person: Person, now: datetime) -> bool:
    """Whether the bot may answer in this group now; counts what it is asked."""
    in_group = await groups.count_answer(tx, person.row.group_id, now, line.group_answers_per_minute)
    counted = person.learned.get("group_minute", {})
    fresh = not counted or now - datetime.fromisoformat(counted["at"]) >= _MINUTE
    asked = 1 if fresh else counted["asked"] + 1
    sessions.learn(person, group_minute={"at": now.isoformat() if fresh else counted["at"], "asked": asked})
    return in_group and asked <= _MOST_PER_MEMBER
