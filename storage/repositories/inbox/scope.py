"""What one member of staff may see: the one place that decides it, for conversations and for cases.

Denied by default: a role that answers nobody sees none, whatever page asked. Whoever knows one of the parties is kept
out (回避) before anything else is looked at; neither area, assignment nor a grant lets her in again.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, literal, not_, null, or_, select, true, union_all

from storage.database import Transaction
from storage.models import AccessGrant, Area, Case, Conversation, Recusal, table

#: Who answers women; sees the conversations and cases of her area and of women whose area nobody knows yet.
ANSWERING = frozenset({"worker", "caseworker", "supervisor"})
#: A cadre of a township or village: no queue; the cases of her area, and what is assigned or lent to her.
LOCAL = frozenset({"local"})

_area = table(Area).c
_case = table(Case).c
_conversation = table(Conversation).c
_recusal = table(Recusal).c
_grant = table(AccessGrant).c


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose eyes: role and areas (None: the whole county), what is lent to her now, whom she is kept from."""

    staff_id: str
    role: str
    areas: frozenset[str] | None = None
    lent_talks: frozenset[str] = frozenset()
    lent_cases: frozenset[str] = frozenset()
    kept_from: frozenset[str] = frozenset()  # contacts

    @property
    def shared(self) -> "Sight":
        """The same view without a name where it is nobody's own, so that many open pages share one look."""
        if self.role in ANSWERING and self.areas is None and not self.kept_from:
            return Sight("", "worker")
        return self


#: None: the house itself looks, no member of staff.
Scope = Sight | None


async def look(tx: Transaction, staff_id: str, role: str, area_id: str | None, now: datetime) -> Sight:
    """What a member of staff may see at this moment."""
    rows = await tx.rows(
        union_all(
            select(literal("kept_from").label("kind"), _recusal.contact_id.label("id")).where(
                _recusal.staff_id == staff_id, _recusal.lifted_at.is_(None)
            ),
            *(
                select(literal(kind), column).where(
                    _grant.staff_id == staff_id,
                    _grant.until > now,
                    _grant.revoked_at.is_(None),
                    column.is_not(null()),
                )
                for kind, column in (("lent_talks", _grant.conversation_id), ("lent_cases", _grant.case_id))
            ),
        )
    )
    found: dict[str, set[str]] = {"kept_from": set(), "lent_talks": set(), "lent_cases": set()}
    for row in rows:
        found[row.kind].add(row.id)
    return Sight(
        staff_id,
        role,
        await areas_under(tx, area_id),
        lent_talks=frozenset(found["lent_talks"]),
        lent_cases=frozenset(found["lent_cases"]),
        kept_from=frozenset(found["kept_from"]),
    )


async def areas_under(tx: Transaction, area_id: str | None) -> frozenset[str] | None:
    """The area and everything below it; None (no limit) for staff of the whole county."""
    if area_id is None:
        return None
    rows = await tx.rows(select(_area.id, _area.parent_id))
    children: dict[str | None, list[str]] = {}
    for row in rows:
        children.setdefault(row.parent_id, []).append(row.id)
    found, todo = set(), [area_id]
    while todo:
        current = todo.pop()
        found.add(current)
        todo += children.get(current, [])
    return frozenset(found)


def within(scope: Scope) -> ColumnElement[bool]:
    """Conversations she may see: a condition for any query that names the conversation table."""
    if scope is None:
        return true()
    if scope.role in ANSWERING:
        if scope.areas is None:
            return _apart(scope, _conversation.contact_id)
        seen = [_conversation.area_id.is_(None), _conversation.area_id.in_(scope.areas)]
    elif scope.role in LOCAL:
        seen = [_conversation.case_id.in_(select(_case.id).where(_of_her_areas(scope)))]
    else:
        return false()
    return and_(
        _apart(scope, _conversation.contact_id),
        or_(
            *seen,
            _conversation.holder_id == scope.staff_id,
            _conversation.id.in_(scope.lent_talks),
            _conversation.case_id.in_(scope.lent_cases),
            _conversation.case_id.in_(select(_case.id).where(_case.assignee_id == scope.staff_id)),
        ),
    )


def cases_within(scope: Scope) -> ColumnElement[bool]:
    """Cases she may see: a condition for any query that names the case table."""
    if scope is None:
        return true()
    if scope.role in ANSWERING:
        if scope.areas is None:
            return _apart(scope, _case.contact_id)
        seen = or_(_case.area_id.is_(None), _case.area_id.in_(scope.areas))
    elif scope.role in LOCAL:
        seen = _of_her_areas(scope)
    else:
        return false()
    return and_(
        _apart(scope, _case.contact_id),
        or_(
            seen,
            _case.assignee_id == scope.staff_id,
            _case.id.in_(scope.lent_cases),
            _case.conversation_id.in_(scope.lent_talks),
        ),
    )


def _of_her_areas(scope: Sight) -> ColumnElement[bool]:
    """Cases a local cadre sees without anybody giving them to her; without an area of her own there are none."""
    return _case.area_id.in_(scope.areas) if scope.areas else false()


def _apart(scope: Sight, contact: ColumnElement[str]) -> ColumnElement[bool]:
    return not_(contact.in_(scope.kept_from)) if scope.kept_from else true()
