"""Whom a campaign is for, and all that decides who of them gets it, read a stretch of contacts at a time.

One stretch serves counting and planning, so that both say the same. What is sealed is opened only where it is there.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select

from storage.database import AnyRow, Transaction
from storage.models import (
    ActivitySession,
    Contact,
    Delivery,
    Identity,
    NoticeGrant,
    SignUp,
    Staff,
    TopicSubscription,
    table,
)

_contact = table(Contact).c
_identity = table(Identity).c
_delivery = table(Delivery).c
_grant = table(NoticeGrant).c
_topic = table(TopicSubscription).c
#: Deliveries that reached her, or may have.
REACHED = ("sending", "sent", "delivered", "unknown")


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a campaign is for; an empty part asks for nothing. Days are counted back from the moment of planning."""

    #: Areas by id, those below them already included by who fills it in.
    areas: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    #: Signed up for one of these activities, ever.
    activities: tuple[str, ...] = ()
    #: Codes of languages; `zh` is who wrote in no other.
    languages: tuple[str, ...] = ()
    heard_within_days: int = 0
    silent_for_days: int = 0

    def to_json(self) -> str:
        """As it is kept; empty when it asks for nothing."""
        return json.dumps(asdict(self)) if self != Audience() else ""


def read_audience(stored: str) -> Audience:
    """The audience as it was kept."""
    kept = json.loads(stored) if stored else {}
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in kept.items()}
    return Audience(**values)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of contact and address in the order of contacts, and how often each was written to lately.

    `recent` counts campaigns since the frequency cap's begin, `monthly` those of this calendar month by channel and
    way. `templates` are what an address allowed. `last` is the last contact looked at; empty: there was none.
    """

    rows: Sequence[AnyRow]
    last: str
    is_last: bool
    staff: frozenset[str]
    recent: Mapping[str, int]
    monthly: Mapping[tuple[str, str, str], int]
    templates: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Caps:
    """From when on notices count against a woman's cap, and when this calendar month began."""

    since: datetime
    month: datetime


async def read_stretch(
    tx: Transaction, audience: Audience, after: str, *, limit: int, now: datetime, caps: Caps
) -> Stretch:
    """The next `limit` contacts of an audience after the id `after`, with their addresses."""
    page = (
        select(_contact.id)
        .where(_contact.id > after, *_wanted(audience, now))
        .order_by(_contact.id)
        .limit(limit)
        .subquery()
    )
    rows = await tx.rows(
        select(
            _contact.id,
            case((_contact.wishes_sealed.is_not(None), _contact.wrapped_key)).label("wrapped_key"),
            _contact.wishes_sealed,
            _contact.consented_at.is_not(None).label("consented"),
            _contact.opted_out_at.is_not(None).label("opted_out"),
            _contact.stopped_all_at.is_not(None).label("stopped_all"),
            _contact.locked_at.is_not(None).label("locked"),
            _contact.violence_case_at.is_not(None).label("violence_case"),
            or_(_contact.erased_at.is_not(None), _contact.wrapped_key.is_(None)).label("erased"),
            _identity.id.label("identity_id"),
            _identity.channel,
            _identity.unfollowed_at.is_not(None).label("unfollowed"),
            _identity.group_id.is_not(None).label("in_group"),
            _identity.held_elsewhere,
            _identity.window_trigger,
            _identity.window_opened_at,
            _identity.window_used,
        )
        .select_from(page)
        .join(table(Contact), _contact.id == page.c.id)
        .outerjoin(table(Identity), _identity.contact_id == _contact.id)
        .order_by(_contact.id, _identity.last_inbound_at.desc().nulls_last(), _identity.id)
    )
    found = list(dict.fromkeys(row.id for row in rows))
    if not found:
        return Stretch((), "", True, frozenset(), {}, {}, {})
    between = and_(_delivery.contact_id >= found[0], _delivery.contact_id <= found[-1])
    return Stretch(
        rows,
        found[-1],
        len(found) < limit,
        frozenset(await _staff_phones(tx)),
        await _recent(tx, between, caps.since),
        await _monthly(tx, between, caps.month),
        await _templates(tx, [row.identity_id for row in rows if row.channel == "wechat_oa"]),
    )


async def reached_since(
    tx: Transaction, contacts: Collection[str], caps: Caps, *, cap: bool, month: bool
) -> tuple[Mapping[str, int], Mapping[tuple[str, str, str], int]]:
    """How often these contacts were written to lately (`cap`), and this month by channel and way (`month`)."""
    theirs = _delivery.contact_id.in_(contacts)
    return (
        await _recent(tx, theirs, caps.since) if cap else {},
        await _monthly(tx, theirs, caps.month) if month else {},
    )


def _wanted(audience: Audience, now: datetime) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if audience.areas:
        wanted.append(_contact.area_id.in_(audience.areas))
    if audience.languages:
        codes = ["" if code == "zh" else code for code in audience.languages]
        wanted.append(_contact.language.in_(codes))
    if audience.channels:
        other = table(Identity).alias("on_channel").c
        wanted.append(exists().where(other.contact_id == _contact.id, other.channel.in_(audience.channels)))
    if audience.topics:
        wanted.append(exists().where(_topic.contact_id == _contact.id, _topic.topic.in_(audience.topics)))
    if audience.activities:
        session, sign_up = table(ActivitySession).c, table(SignUp).c
        wanted.append(
            exists().where(
                sign_up.contact_id == _contact.id,
                sign_up.session_id == session.id,
                session.activity_id.in_(audience.activities),
            )
        )
    if audience.heard_within_days:
        wanted.append(_heard_after(now - timedelta(days=audience.heard_within_days)))
    if audience.silent_for_days:
        wanted.append(~_heard_after(now - timedelta(days=audience.silent_for_days)))
    return wanted


def _heard_after(moment: datetime) -> ColumnElement[bool]:
    heard = table(Identity).alias("heard").c
    return exists().where(heard.contact_id == _contact.id, heard.last_inbound_at >= moment)


async def _staff_phones(tx: Transaction) -> list[str]:
    column = table(Staff).c.preview_contact_id
    return [row[0] for row in await tx.rows(select(column).where(column.is_not(None)))]


async def _recent(tx: Transaction, whose: ColumnElement[bool], since: datetime) -> dict[str, int]:
    rows = await tx.rows(
        select(_delivery.contact_id, func.count())
        .where(whose, _delivery.claimed_at > since, _delivery.state.in_(REACHED))
        .group_by(_delivery.contact_id)
    )
    return {row[0]: row[1] for row in rows}


async def _monthly(tx: Transaction, whose: ColumnElement[bool], month: datetime) -> dict[tuple[str, str, str], int]:
    rows = await tx.rows(
        select(_delivery.contact_id, _delivery.channel, _delivery.way, func.count())
        .where(whose, _delivery.claimed_at >= month, _delivery.state.in_(REACHED))
        .group_by(_delivery.contact_id, _delivery.channel, _delivery.way)
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


async def _templates(tx: Transaction, identities: Sequence[str]) -> dict[str, frozenset[str]]:
    """What followers allowed; read only where anybody allowed anything."""
    if not identities or await tx.first(select(_grant.identity_id).limit(1)) is None:
        return {}
    found: dict[str, set[str]] = {}
    for row in await tx.rows(
        select(_grant.identity_id, _grant.template_id).where(
            _grant.identity_id >= min(identities),
            _grant.identity_id <= max(identities),
            _grant.left != 0,
        )
    ):
        found.setdefault(row.identity_id, set()).add(row.template_id)
    return {name: frozenset(templates) for name, templates in found.items()}
