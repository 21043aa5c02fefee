"""What has expired: emptied, or reduced to what is counted; one rule a kind of record (config section `retention`).

Nothing of a woman with an open case or open danger is touched. A conversation that led to a case is kept as long as
the case. The audit log is kept whole. Every rule can be run again: it finds only what still holds something.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, or_, select, update
from sqlmodel import SQLModel

from storage.database import Transaction
from storage.models import (
    ActivitySession,
    Alarm,
    ArticleFeedback,
    Attachment,
    Campaign,
    Case,
    CaseDraft,
    ChatPass,
    ChatRoom,
    Contact,
    ContactAllowance,
    ContactCall,
    Conversation,
    DangerAssessment,
    Delivery,
    DeliveryBatch,
    Draft,
    ErasureRequest,
    Identity,
    InboundMessage,
    Note,
    Notice,
    Outbox,
    ReferralLink,
    SafetyPlan,
    SignInFailure,
    SignUp,
    Staff,
    StaffSession,
    UnansweredQuestion,
    metadata,
    table,
)

_alarm = table(Alarm).c
_note = table(Note).c
_unsent = table(Draft).c
_allowance = table(ContactAllowance).c
_call = table(ContactCall).c
_assessment = table(DangerAssessment).c
_attachment = table(Attachment).c
_batch = table(DeliveryBatch).c
_campaign = table(Campaign).c
_case = table(Case).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_delivery = table(Delivery).c
_draft = table(CaseDraft).c
_failure = table(SignInFailure).c
_feedback = table(ArticleFeedback).c
_identity = table(Identity).c
_inbound = table(InboundMessage).c
_notice = table(Notice).c
_outbox = table(Outbox).c
_plan = table(SafetyPlan).c
_question = table(UnansweredQuestion).c
_room = table(ChatRoom).c
_request = table(ErasureRequest).c
_link = table(ReferralLink).c
_session = table(StaffSession).c
_sign_up = table(SignUp).c

_Act = Callable[[Transaction, Sequence[Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of record: what is expired at `cut`, and what is done to rows with these keys."""

    name: str
    key: Any
    expired: Callable[[datetime], ColumnElement[bool]]
    act: _Act


async def count(tx: Transaction, rule: Rule, cut: datetime) -> int:
    """How many records have expired."""
    row = await tx.first(select(func.count()).select_from(rule.key.table).where(rule.expired(cut)))
    return int(row[0]) if row else 0


async def expire(tx: Transaction, rule: Rule, cut: datetime, after: Any, limit: int) -> tuple[int, Any]:
    """Deal with the next `limit` expired records after the key `after`; how many, and the last key."""
    query = select(rule.key).where(rule.expired(cut))
    if after is not None:
        query = query.where(rule.key > after)
    keys = [row[0] for row in await tx.rows(query.order_by(rule.key).limit(limit))]
    if keys:
        await rule.act(tx, keys)
    return len(keys), keys[-1] if keys else after


async def silent_contacts(tx: Transaction, cut: datetime, after: str, limit: int) -> list[str]:
    """Women who have not been in touch since `cut`, with nothing open or to come and no case kept."""
    rows = await tx.rows(
        select(_contact.id).where(_contact.id > after, *_silent(cut)).order_by(_contact.id).limit(limit)
    )
    return [row.id for row in rows]


async def is_silent(tx: Transaction, contact_id: str, cut: datetime) -> bool:
    """Whether one woman still is one of them."""
    return await tx.first(select(_contact.id).where(_contact.id == contact_id, *_silent(cut))) is not None


def _silent(cut: datetime) -> tuple[ColumnElement[bool], ...]:
    heard = exists().where(
        _identity.contact_id == _contact.id, func.coalesce(_identity.last_inbound_at, _identity.created_at) >= cut
    )
    coming = exists().where(
        _sign_up.contact_id == _contact.id,
        _sign_up.session_id == table(ActivitySession).c.id,
        table(ActivitySession).c.ends_at >= cut,
    )
    return (
        _contact.wrapped_key.is_not(None),
        _contact.created_at < cut,
        ~heard,
        ~coming,
        ~exists().where(_case.contact_id == _contact.id, _case.fields_sealed.is_not(None)),
        ~exists().where(table(Staff).c.preview_contact_id == _contact.id),
        _is_settled(_contact.id),
    )


def _is_settled(contact_id: Any) -> ColumnElement[bool]:
    """Nothing of hers is open: no case, no danger, nobody she waits for."""
    case_open = exists().where(_case.contact_id == contact_id, _case.status != "closed")
    talk = table(Conversation).alias("open_talk").c
    in_danger = exists().where(
        talk.contact_id == contact_id,
        talk.state != "closed",
        or_(talk.risk >= 2, talk.state.in_(("waiting", "held"))),
    )
    return and_(~case_open, ~in_danger)


def _of_no_kept_case(conversation_id: Any) -> ColumnElement[bool]:
    """Not part of a conversation whose case is still kept."""
    talk = table(Conversation).alias("case_talk").c
    return ~exists().where(
        talk.id == conversation_id,
        or_(_case.id == talk.case_id, _case.conversation_id == talk.id),
        _case.fields_sealed.is_not(None),
    )


def _blank(model: type[SQLModel], **values: Any) -> _Act:
    async def act(tx: Transaction, keys: Sequence[Any]) -> None:
        await tx.execute(update(table(model)).where(table(model).c.id.in_(keys)).values(**values))

    return act


def _remove(key: Any) -> _Act:
    async def act(tx: Transaction, keys: Sequence[Any]) -> None:
        await tx.execute(delete(key.table).where(key.in_(keys)))

    return act


async def _empty_cases(tx: Transaction, keys: Sequence[Any]) -> None:
    """The form, the timeline, and whatever else refers to a case; number, category, outcome and dates stay."""
    await tx.execute(update(table(Case)).where(_case.id.in_(keys)).values(**_emptied(table(Case))))
    for one in metadata.sorted_tables:
        if "case_id" not in one.c or one.name == "conversation":
            continue
        values = _emptied(one)
        if values:
            await tx.execute(update(one).where(one.c.case_id.in_(keys)).values(**values))


def _emptied(one: Table) -> dict[str, Any]:
    """What a table's sealed and hashed columns hold afterwards."""
    return {
        column.name: None if column.nullable else b""
        for column in one.c
        if column.name.endswith(("_sealed", "_digest"))
    }


async def _fold_recipients(tx: Transaction, keys: Sequence[Any]) -> None:
    """Who got a notice becomes how many got it."""
    rows = await tx.rows(
        select(_delivery.campaign_id, _delivery.state, func.count())
        .where(_delivery.id.in_(keys))
        .group_by(_delivery.campaign_id, _delivery.state)
    )
    folded: dict[str, Counter[str]] = {}
    for campaign_id, state, number in rows:
        folded.setdefault(campaign_id, Counter())[state] += number
    for campaign_id, counts in folded.items():
        row = await tx.first(select(_campaign.result).where(_campaign.id == campaign_id).with_for_update())
        total = Counter(json.loads(row.result) if row and row.result else {}) + counts
        await tx.execute(
            update(table(Campaign)).where(_campaign.id == campaign_id).values(result=json.dumps(dict(total)))
        )
    await tx.execute(delete(table(Delivery)).where(_delivery.id.in_(keys)))
    await tx.execute(
        delete(table(DeliveryBatch)).where(
            _batch.campaign_id.in_(folded), ~exists().where(_delivery.batch_id == _batch.id)
        )
    )


#: Cases first: what belongs to them expires with them.
RULES: tuple[Rule, ...] = (
    Rule(
        "cases",
        _case.id,
        lambda cut: and_(_case.status == "closed", _case.closed_at < cut, _case.fields_sealed.is_not(None)),
        _empty_cases,
    ),
    Rule(
        "messages",
        _inbound.id,
        lambda cut: and_(
            _inbound.received_at < cut,
            _inbound.content_sealed.is_not(None),
            _inbound.handled_at.is_not(None),
            _is_settled(_inbound.contact_id),
            _of_no_kept_case(_inbound.conversation_id),
        ),
        _blank(InboundMessage, content_sealed=None, nonce_digest=None, body_digest=None),
    ),
    Rule(
        "replies",
        _outbox.id,
        lambda cut: and_(
            _outbox.created_at < cut,
            _outbox.text_sealed.is_not(None),
            _outbox.state.not_in(("queued", "sending")),
            _is_settled(_outbox.contact_id),
            _of_no_kept_case(_outbox.conversation_id),
        ),
        _blank(Outbox, text_sealed=None, platform_id=""),
    ),
    Rule(
        "recipients",
        _delivery.id,
        lambda cut: and_(
            _delivery.campaign_id.in_(
                select(_campaign.id).where(_campaign.status.in_(("done", "stopped")), _campaign.finished_at < cut)
            ),
            _delivery.state.not_in(("queued", "sending")),
        ),
        _fold_recipients,
    ),
    Rule(
        "attachments",
        _attachment.id,
        lambda cut: and_(
            _attachment.created_at < cut,
            _attachment.content_sealed.is_not(None),
            _is_settled(_attachment.contact_id),
            ~exists().where(_inbound.id == _attachment.inbound_id, ~_of_no_kept_case(_inbound.conversation_id)),
        ),
        _blank(Attachment, content_sealed=None, source_sealed=b"", state="expired"),
    ),
    Rule(
        "learned",
        _conversation.id,
        lambda cut: and_(
            _conversation.state == "closed",
            _conversation.closed_at < cut,
            or_(
                _conversation.learned_sealed.is_not(None),
                _conversation.flow_sealed.is_not(None),
                _conversation.outcome_sealed.is_not(None),
            ),
            _is_settled(_conversation.contact_id),
            _of_no_kept_case(_conversation.id),
        ),
        _blank(Conversation, learned_sealed=None, flow_sealed=None, outcome_sealed=None, flow="", step=""),
    ),
    *(
        Rule(
            name,
            one.id,
            lambda cut, one=one: and_(  # type: ignore[misc]
                one.changed_at < cut,
                one.content_sealed.is_not(None),
                _is_settled(one.contact_id),
                _of_no_kept_case(one.conversation_id),
            ),
            _blank(model, content_sealed=None),
        )
        for name, one, model in (("assessments", _assessment, DangerAssessment), ("plans", _plan, SafetyPlan))
    ),
    Rule(
        "notes",
        _note.id,
        lambda cut: and_(
            _note.said_at < cut,
            _note.text_sealed.is_not(None),
            _is_settled(_note.contact_id),
            _of_no_kept_case(_note.conversation_id),
        ),
        _blank(Note, text_sealed=None),
    ),
    Rule("unsent", _unsent.id, lambda cut: _unsent.saved_at < cut, _remove(_unsent.id)),
    Rule(
        "allowances",
        _allowance.id,
        lambda cut: and_(_allowance.given_at < cut, _allowance.reason_sealed.is_not(None)),
        _blank(ContactAllowance, reason_sealed=None),
    ),
    Rule("calls", _call.id, lambda cut: and_(_call.begun_at < cut, _is_settled(_call.contact_id)), _remove(_call.id)),
    Rule(
        "sign_ups",
        _sign_up.id,
        lambda cut: and_(
            _sign_up.session_id.in_(
                select(table(ActivitySession).c.id).where(table(ActivitySession).c.ends_at < cut)
            ),
            or_(_sign_up.name_sealed.is_not(None), _sign_up.phone_sealed.is_not(None)),
        ),
        _blank(SignUp, name_sealed=None, phone_sealed=None),
    ),
    Rule(
        "questions",
        _question.id,
        lambda cut: and_(_question.asked_at < cut, _is_settled(_question.contact_id)),
        _remove(_question.id),
    ),
    Rule("feedback", _feedback.id, lambda cut: _feedback.given_at < cut, _remove(_feedback.id)),
    Rule(
        "alarms",
        _alarm.id,
        lambda cut: and_(_alarm.raised_at < cut, _alarm.seen_at.is_not(None), _alarm.detail != ""),
        _blank(Alarm, detail=""),
    ),
    Rule(
        "staff_notices",
        _notice.id,
        lambda cut: and_(_notice.created_at < cut, _notice.state.not_in(("queued", "sending"))),
        _remove(_notice.id),
    ),
    Rule("referral_links", _link.id, lambda cut: _link.expires_at < cut, _remove(_link.id)),
    Rule("drafts", _draft.id, lambda cut: _draft.saved_at < cut, _remove(_draft.id)),
    Rule("staff_sessions", _session.id, lambda cut: _session.expires_at < cut, _remove(_session.id)),
    Rule(
        "sign_in_failures",
        _failure.key_digest,
        lambda cut: _failure.first_at < cut,
        _remove(_failure.key_digest),
    ),
    Rule(
        "chat_rooms",
        _room.id,
        lambda cut: and_(_room.created_at < cut, ~exists().where(table(ChatPass).c.room_id == _room.id)),
        _remove(_room.id),
    ),
    Rule(
        "erasure_requests",
        _request.id,
        lambda cut: or_(_request.done_at < cut, _request.revoked_at < cut),
        _remove(_request.id),
    ),
)
