"""回避 and access for a time: who is kept out of a woman's matters, and who is let into one for a while."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, or_, select, update

from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import AccessGrant, Case, Contact, Conversation, Recusal, Staff, new_id, table
from storage.repositories import cases
from storage.repositories.inbox import ANSWERING, LOCAL, Scope, cases_within, within

_case = table(Case).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_grant = table(AccessGrant).c
_recusal = table(Recusal).c
_staff = table(Staff).c


@dataclass(frozen=True, slots=True)
class Matter:
    """One conversation or one case, with whose it is and her key."""

    contact_id: str
    key: DataKey
    conversation_id: str | None = None
    case_id: str | None = None
    holder_id: str | None = None
    assignee_id: str | None = None

    @property
    def subject(self) -> str:
        """How the audit log names it."""
        return f"case:{self.case_id}" if self.case_id else f"conversation:{self.conversation_id}"


@dataclass(frozen=True, slots=True)
class RecusalView:
    """Who is kept out, since when, by whom; the reason opened."""

    id: str
    staff_id: str
    relation: str
    reason: str
    declared_by: str
    declared_at: datetime


@dataclass(frozen=True, slots=True)
class GrantView:
    """Who is let in until when, by whom; the reason opened."""

    id: str
    staff_id: str
    reason: str
    granted_by: str
    granted_at: datetime
    until: datetime


async def of_talk(tx: Transaction, conversation_id: str, scope: Scope) -> Matter:
    """The matter of a conversation. Raises NotFound, also outside `scope`."""
    row = await tx.first(
        select(table(Conversation), _contact.wrapped_key)
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id, within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    return Matter(row.contact_id, key, conversation_id=row.id, holder_id=row.holder_id)


async def of_case(tx: Transaction, case_id: str, scope: Scope) -> Matter:
    """The matter of a case. Raises NotFound, also outside `scope`."""
    row = await tx.first(
        select(table(Case), _contact.wrapped_key)
        .join(table(Contact), _contact.id == _case.contact_id)
        .where(_case.id == case_id, cases_within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    return Matter(row.contact_id, key, case_id=row.id, assignee_id=row.assignee_id)


async def recusals(tx: Transaction, matter: Matter) -> list[RecusalView]:
    """Who is kept out of everything of this woman, the newest last."""
    rows = await tx.rows(
        select(table(Recusal))
        .where(_recusal.contact_id == matter.contact_id, _recusal.lifted_at.is_(None))
        .order_by(_recusal.id)
    )
    return [
        RecusalView(
            row.id,
            row.staff_id,
            row.relation,
            matter.key.open("recusal.reason", row.reason_sealed),
            row.declared_by,
            row.declared_at,
        )
        for row in rows
    ]


async def grants(tx: Transaction, matter: Matter, now: datetime) -> list[GrantView]:
    """Who is let into this one matter now."""
    rows = await tx.rows(
        select(table(AccessGrant)).where(_of(matter), _grant.revoked_at.is_(None), _grant.until > now)
    )
    return [
        GrantView(
            row.id,
            row.staff_id,
            matter.key.open("access_grant.reason", row.reason_sealed),
            row.granted_by,
            row.granted_at,
            row.until,
        )
        for row in rows
    ]


async def recuse(
    tx: Transaction, matter: Matter, staff_id: str, relation: str, reason: str, *, by: str, now: datetime
) -> str:
    """Keep a member of staff out of everything of this woman: what she holds goes back, what is lent to her ends.

    Raises NotFound for nobody of staff, WrongState when she is kept out already.
    """
    if await tx.first(select(_staff.id).where(_staff.id == staff_id, _staff.active)) is None:
        raise NotFound
    known = await tx.first(
        select(_recusal.id).where(
            _recusal.staff_id == staff_id,
            _recusal.contact_id == matter.contact_id,
            _recusal.lifted_at.is_(None),
        )
    )
    if known is not None:
        raise WrongState("她已经在回避了")
    recusal_id = new_id()
    await tx.insert(
        Recusal,
        {
            "id": recusal_id,
            "staff_id": staff_id,
            "contact_id": matter.contact_id,
            "case_id": matter.case_id,
            "conversation_id": matter.conversation_id,
            "relation": relation,
            "reason_sealed": matter.key.seal("recusal.reason", reason),
            "declared_by": by,
            "declared_at": now,
        },
    )
    await _let_go(tx, matter, staff_id, now)
    return recusal_id


async def check_free(tx: Transaction, contact_id: str, staff_id: str) -> None:
    """Raises WrongState when a member of staff is kept out of this woman's matters and may not be given one."""
    kept_out = await tx.first(
        select(_recusal.id).where(
            _recusal.staff_id == staff_id, _recusal.contact_id == contact_id, _recusal.lifted_at.is_(None)
        )
    )
    if kept_out is not None:
        raise WrongState("这位同事在这件事上要回避")


async def lift(tx: Transaction, matter: Matter, recusal_id: str, because: str, *, by: str, now: datetime) -> str:
    """Let her see it again; whom. Raises NotFound when there is no such recusal of this woman's matters."""
    row = await tx.first(
        select(_recusal.staff_id).where(
            _recusal.id == recusal_id, _recusal.contact_id == matter.contact_id, _recusal.lifted_at.is_(None)
        )
    )
    if row is None:
        raise NotFound
    await tx.execute(
        update(table(Recusal))
        .where(_recusal.id == recusal_id)
        .values(
            lifted_at=now,
            lifted_by=by,
            lifted_because_sealed=matter.key.seal("recusal.lifted_because", because),
        )
    )
    return str(row.staff_id)


async def grant(
    tx: Transaction, matter: Matter, staff_id: str, reason: str, *, until: datetime, by: str, now: datetime
) -> str:
    """Let a colleague into one conversation or case until a moment.

    Raises WrongState when she is kept out of it or her role opens no case.
    """
    row = await tx.first(select(_staff.role).where(_staff.id == staff_id, _staff.active))
    if row is None or row.role not in ANSWERING | LOCAL:
        raise WrongState("这位同事的岗位不能看个案，请先调整岗位")
    await check_free(tx, matter.contact_id, staff_id)
    grant_id = new_id()
    await tx.insert(
        AccessGrant,
        {
            "id": grant_id,
            "staff_id": staff_id,
            "contact_id": matter.contact_id,
            "case_id": matter.case_id,
            "conversation_id": matter.conversation_id,
            "reason_sealed": matter.key.seal("access_grant.reason", reason),
            "granted_by": by,
            "granted_at": now,
            "until": until,
        },
    )
    return grant_id


async def revoke(tx: Transaction, matter: Matter, grant_id: str, *, by: str, now: datetime) -> str:
    """End it before its time; whose it was. Raises NotFound."""
    row = await tx.first(
        select(_grant.staff_id).where(_grant.id == grant_id, _of(matter), _grant.revoked_at.is_(None))
    )
    if row is None:
        raise NotFound
    await tx.execute(update(table(AccessGrant)).where(_grant.id == grant_id).values(revoked_at=now, revoked_by=by))
    await _touch(tx, matter.contact_id)
    return str(row.staff_id)


async def colleagues(tx: Transaction) -> list[AnyRow]:
    """Active staff whose role opens cases: id, role."""
    return list(
        await tx.rows(
            select(_staff.id, _staff.role)
            .where(_staff.active, _staff.role.in_(ANSWERING | LOCAL))
            .order_by(_staff.login)
        )
    )


async def let_go_of_recused(tx: Transaction, contact_id: str, key: DataKey, now: datetime) -> None:
    """Two files became one: whoever is kept out of either holds nothing of both any more."""
    rows = await tx.rows(
        select(_recusal.staff_id).where(_recusal.contact_id == contact_id, _recusal.lifted_at.is_(None)).distinct()
    )
    for row in rows:
        await _let_go(tx, Matter(contact_id, key), row.staff_id, now)


async def _let_go(tx: Transaction, matter: Matter, staff_id: str, now: datetime) -> None:
    """What she holds of this woman goes back into the queue, her cases lose their assignee, her grants end."""
    await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.contact_id == matter.contact_id,
            _conversation.holder_id == staff_id,
            _conversation.state == "held",
        )
        .values(
            state="waiting",
            holder_id=None,
            held_at=None,
            waiting_since=func.coalesce(_conversation.waiting_since, literal(now, _conversation.waiting_since.type)),
            waiting_reason="handed_back",
        )
    )
    for row in await tx.rows(
        select(_case.id).where(_case.contact_id == matter.contact_id, _case.assignee_id == staff_id)
    ):
        await tx.execute(
            update(table(Case)).where(_case.id == row.id).values(assignee_id=None, version=_case.version + 1)
        )
        await cases.add_event(tx, matter.key, row.id, "recused", now=now, staff_id=staff_id)
    await tx.execute(
        update(table(AccessGrant))
        .where(
            _grant.contact_id == matter.contact_id,
            _grant.staff_id == staff_id,
            or_(_grant.revoked_at.is_(None), _grant.until > now),
        )
        .values(revoked_at=func.coalesce(_grant.revoked_at, literal(now, _grant.revoked_at.type)))
    )
    await _touch(tx, matter.contact_id)


async def _touch(tx: Transaction, contact_id: str) -> None:
    """Open pages look again whether they may still show it."""
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.contact_id == contact_id)
        .values(version=_conversation.version + 1)
    )


def _of(matter: Matter) -> Any:
    if matter.case_id:
        return _grant.case_id == matter.case_id
    return _grant.conversation_id == matter.conversation_id
