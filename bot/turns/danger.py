"""Danger is marked before anything else happens to a message: queue, case, alarm."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot import sessions
from bot.errors import StorageUnavailable
from bot.sessions import Person
from bot.turns.line import Line, Writes
from bot.turns.rows import raise_alarm
from nlp.meaning import Understanding
from storage.database import Transaction
from storage.repositories import cases

log = logging.getLogger(__name__)

#: What the reply to one kind of danger has said for another too.
_COVERS = {"violence_now": "violence_pattern", "suicide": "self_harm", "self_harm": "suicide"}
#: Flows whose steps take what she writes for an answer only where it is one; all others are forms.
_NO_FORMS = frozenset({"", "crisis", "consultation", "policy", "menu", "intake", "assessment", "safety_plan"})
#: Steps of intake that keep any words: 「他又打我」 is neither an hour nor a township.
_KEEPS_ANY_WORDS = frozenset({"intake.hear_hours", "intake.hear_area"})


async def heed_risk(
    line: Line, tx: Transaction, person: Person, understanding: Understanding, now: datetime, writes: Writes
) -> bool:
    """Mark danger before anything else happens; True when it gets a crisis reply.

    That is danger which begins an episode, is of a kind not answered in this one, or is urgent for the first time.
    """
    risk, conversation = understanding.risk, person.conversation
    if understanding.category or understanding.entities:
        sessions.learn(person, category=understanding.category, **_plain(understanding.entities))
    if risk.level == 0:
        return False
    conversation["risk"] = max(conversation["risk"], risk.level)
    turns_urgent = risk.urgent and not conversation["urgent"]
    conversation["urgent"] = conversation["urgent"] or risk.urgent
    known = conversation["risk_kinds"].split()
    kinds = dict.fromkeys([*known, *risk.kinds])
    conversation["risk_kinds"] = " ".join(kinds)[:128].strip()
    sessions.learn(person, risk_reasons=list(risk.reasons))
    if risk.level < 2:
        return False
    conversation["category"] = understanding.category or conversation["category"]
    episode = timedelta(hours=line.service.crisis_episode_hours)
    begins = conversation["crisis_at"] is None or now - conversation["crisis_at"] > episode
    if begins and person.learned.pop("answered_dangers", None):
        person.relearned = True
    answered = person.learned.get("answered_dangers", ())
    is_new = begins or turns_urgent or not set(risk.kinds) <= set(answered)
    held = sessions.is_held(person)
    if held and conversation["state"] == "held":
        conversation["danger_since"] = conversation["danger_since"] or now
        # If she is given back to the bot, it must know what has been said meanwhile.
        sessions.learn(person, held_dangers=list(risk.kinds))
    else:
        if person.learned.pop("held_dangers", None):
            person.relearned = True
        # Held at the platform's own desk, she is in our queue all the same: whoever holds her may have gone home.
        sessions.call_person(person, "danger", now)
        if is_new and not held and not person.locked:
            conversation["crisis_at"] = now
    if not conversation["case_id"] or not set(risk.kinds) <= set(known):
        conversation["case_id"] = await cases.open_for_danger(
            tx,
            person.key,
            contact_id=person.contact_id,
            conversation_id=person.conversation_id,
            category=understanding.category or conversation["category"],
            kinds=kinds,
            now=now,
            zone=line.service.timezone,
            origin=conversation["channel"],
        )
    raise_alarm(
        writes,
        person,
        "danger" if is_new or held else "danger_again",
        now,
        detail=" ".join(risk.kinds),
        silent=person.locked,
    )
    return is_new and not held and not person.locked


async def heed_risk_whatever_breaks(
    line: Line, tx: Transaction, person: Person, understanding: Understanding, now: datetime, writes: Writes
) -> None:
    """The same for the crash path, where a case that cannot be opened must not cost her the numbers."""
    risk, conversation, alarms = understanding.risk, person.conversation, len(writes.alarms)
    try:
        async with tx.savepoint():
            await heed_risk(line, tx, person, understanding, now, writes)
    except StorageUnavailable:
        raise
    except Exception as error:
        log.error("danger.not_recorded", extra={"talk": person.conversation_id, "error": type(error).__name__})
        del writes.alarms[alarms:]
        conversation["risk"] = max(conversation["risk"], risk.level)
        conversation["urgent"] = conversation["urgent"] or risk.urgent


def is_lost_on_form(understanding: Understanding, flow: str, step: str) -> bool:
    """Whether danger, answered before or not, would be taken for a name, an hour or a word by the form she is in."""
    in_form = flow not in _NO_FORMS or f"{flow}.{step}" in _KEEPS_ANY_WORDS
    return understanding.risk.level == 2 and in_form


def note_answered(person: Person, understanding: Understanding) -> None:
    """Remember which kinds of danger the crisis reply of this turn answered, until the episode is over."""
    kinds = understanding.risk.kinds
    sessions.learn(person, answered_dangers=[*kinds, *(_COVERS[kind] for kind in kinds if kind in _COVERS)])


def _plain(entities: Mapping[str, object]) -> dict[str, Any]:
    """Entities as JSON holds them."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in entities.items()}
