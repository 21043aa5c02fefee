"""Danger is marked before anything else happens to a message: queue, case, alarm."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot import sessions
from bot.sessions import Person
from bot.turns.line import Line, Writes
from bot.turns.rows import raise_alarm
from nlp.meaning import Understanding
from storage.database import Transaction
from storage.repositories import cases


async def heed_risk(
    line: Line, tx: Transaction, person: Person, understanding: Understanding, now: datetime, writes: Writes
) -> bool:
    """Mark danger before anything else happens; True when this danger begins an episode."""
    risk, conversation = understanding.risk, person.conversation
    if understanding.category or understanding.entities:
        sessions.learn(person, category=understanding.category, **_plain(understanding.entities))
    if risk.level == 0:
        return False
    conversation["risk"] = max(conversation["risk"], risk.level)
    conversation["urgent"] = conversation["urgent"] or risk.urgent
    known = conversation["risk_kinds"].split()
    kinds = dict.fromkeys([*known, *risk.kinds])
    conversation["risk_kinds"] = " ".join(kinds)[:128].strip()
    sessions.learn(person, risk_reasons=list(risk.reasons))
    if risk.level < 2:
        return False
    conversation["category"] = understanding.category or conversation["category"]
    episode = timedelta(hours=line.service.crisis_episode_hours)
    is_new = conversation["crisis_at"] is None or now - conversation["crisis_at"] > episode
    held = sessions.is_held(person)
    if held and conversation["state"] == "held":
        conversation["danger_since"] = conversation["danger_since"] or now
    else:
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
        )
    raise_alarm(
        writes,
        person,
        "danger" if is_new or held else "danger_again",
        now,
        detail="；".join(risk.reasons)[:500],
        silent=person.locked,
    )
    return is_new and not held and not person.locked


def _plain(entities: Mapping[str, object]) -> dict[str, Any]:
    """Entities as JSON holds them."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in entities.items()}
