"""Questions left open for staff, and the sentences staff made of them for the classifier to learn from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, true, update

from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import Contact, Conversation, Example, UnansweredQuestion, new_id, table
from storage.repositories.inbox.scope import Scope, within

_question = table(UnansweredQuestion).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_example = table(Example).c


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One open question with its words."""

    id: str
    conversation_id: str | None
    text: str
    reason: str
    article_id: str | None
    intent: str
    category: str
    asked_at: datetime


async def note(tx: Transaction, key: DataKey, question: str, **values: Any) -> None:
    """Keep a question for staff; `values` are the other columns of UnansweredQuestion that are known."""
    await tx.insert(
        UnansweredQuestion,
        {"id": new_id(), "text_sealed": key.seal("unanswered_question.text", question), **values},
    )


async def count_open(tx: Transaction, scope: Scope) -> int:
    """How many wait that she may see."""
    row = await tx.first(
        select(func.count())
        .select_from(table(UnansweredQuestion))
        .outerjoin(table(Conversation), _conversation.id == _question.conversation_id)
        .where(_question.settled_at.is_(None), _seen(scope))
    )
    return int(row[0]) if row else 0


async def list_open(tx: Transaction, scope: Scope, limit: int = 100) -> list[QuestionView]:
    """Those she may see, the newest first; those of erased women are gone."""
    rows = await tx.rows(
        _with_key()
        .outerjoin(table(Conversation), _conversation.id == _question.conversation_id)
        .where(_question.settled_at.is_(None), _seen(scope))
        .order_by(_question.asked_at.desc())
        .limit(limit)
    )
    return [_open(tx, row) for row in rows]


async def check_visible(tx: Transaction, question_id: str, scope: Scope) -> None:
    """Raises NotFound for a question asked in a conversation outside `scope`."""
    row = await tx.first(
        select(_question.id)
        .outerjoin(table(Conversation), _conversation.id == _question.conversation_id)
        .where(_question.id == question_id, _seen(scope))
    )
    if row is None:
        raise NotFound


async def find(tx: Transaction, question_id: str) -> QuestionView:
    """One open question. Raises NotFound."""
    row = await tx.first(_with_key().where(_question.id == question_id, _question.settled_at.is_(None)))
    if row is None:
        raise NotFound
    return _open(tx, row)


async def settle(tx: Transaction, question_id: str, staff_id: str, outcome: str, now: datetime) -> None:
    """Somebody dealt with it. Raises WrongState when it is settled already."""
    changed = await tx.execute(
        update(table(UnansweredQuestion))
        .where(_question.id == question_id, _question.settled_at.is_(None))
        .values(settled_at=now, settled_by=staff_id, outcome=outcome)
    )
    if not changed.rowcount:
        raise WrongState("这个问题已经有人处理了")


async def add_example(
    tx: Transaction, text: str, intent: str, category: str, *, staff_id: str, now: datetime
) -> bool:
    """Keep a rewritten sentence for the classifier; False when it is there already."""
    return await tx.insert_if_new(
        Example,
        {
            "id": new_id(),
            "text": text,
            "intent": intent,
            "category": category,
            "added_by": staff_id,
            "added_at": now,
        },
    )


async def examples(tx: Transaction) -> list[AnyRow]:
    """All sentences staff added, oldest first: id, text, intent, category, added_by, added_at."""
    return list(await tx.rows(select(table(Example)).order_by(_example.id)))


async def remove_example(tx: Transaction, example_id: str) -> None:
    """Take a sentence out again. Raises NotFound."""
    changed = await tx.execute(table(Example).delete().where(_example.id == example_id))
    if not changed.rowcount:
        raise NotFound


def _seen(scope: Scope) -> ColumnElement[bool]:
    """Asked in a conversation she may see; beside an outer join of conversations."""
    return true() if scope is None else and_(_question.conversation_id.is_not(None), within(scope))


def _with_key() -> Any:
    return (
        select(table(UnansweredQuestion), _contact.wrapped_key)
        .join(table(Contact), _contact.id == _question.contact_id)
        .where(_contact.wrapped_key.is_not(None))
    )


def _open(tx: Transaction, row: AnyRow) -> QuestionView:
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    return QuestionView(
        row.id,
        row.conversation_id,
        key.open("unanswered_question.text", row.text_sealed),
        row.reason,
        row.article_id,
        row.intent,
        row.category,
        row.asked_at,
    )
