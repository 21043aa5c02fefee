"""What a handler reads and writes while it answers: one object a turn, bound to her and to the open transaction."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from storage import lock_words
from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import Contact, Identity, ServicePoint, table
from storage.repositories import activities, assessments, cases, erasure, knowledge, links, questions, rights, talk
from storage.repositories.activities import Promotion, SessionView, SignUpView
from storage.repositories.assessments import AssessmentView, PlanView
from storage.repositories.cases import CaseView
from storage.repositories.erasure import ErasureView
from storage.repositories.rights import Holding

_EARTH_KILOMETRES = 6371.0


@dataclass(frozen=True, slots=True)
class PointView:
    """A place she can go to; `kilometres` as the crow flies, None when unknown."""

    name: str
    kind: str
    address: str
    hours: str
    phone: str
    kilometres: float | None = None


class Records:
    """The records of one woman during one turn."""

    def __init__(
        self,
        tx: Transaction,
        key: DataKey,
        *,
        contact_id: str,
        identity_id: str,
        conversation_id: str,
        now: datetime,
        zone: str,
    ) -> None:
        self._tx = tx
        self._key = key
        self._contact_id = contact_id
        self._identity_id = identity_id
        self._conversation_id = conversation_id
        self._now = now
        self._zone = zone

    async def open_sessions(self) -> list[SessionView]:
        """Sessions one can still sign up for, the next first."""
        return await activities.open_sessions(self._tx, self._now)

    async def find_session(self, session_id: str) -> SessionView | None:
        """One session, None when it is gone."""
        return await activities.find_session(self._tx, session_id)

    async def sign_up(self, session_id: str, seats: int, name: str = "") -> SignUpView:
        """Sign her up. Raises NotFound when the session is gone or sign-up has closed."""
        return await activities.sign_up(
            self._tx,
            session_id,
            contact_id=self._contact_id,
            identity_id=self._identity_id,
            seats=seats,
            now=self._now,
            key=self._key,
            name=name,
        )

    async def my_sign_ups(self) -> list[SignUpView]:
        """What she has signed up for."""
        return await activities.sign_ups_of(self._tx, self._contact_id, self._now)

    async def cancel_sign_up(self, sign_up_id: str) -> tuple[SignUpView, list[Promotion]]:
        """Cancel her sign-up; who moves up. Raises NotFound."""
        return await activities.cancel_sign_up(self._tx, sign_up_id, self._contact_id, self._now)

    async def tell_promoted(self, promotion: Promotion, text: str) -> None:
        """Tell another woman that she has seats now: a reminder, through the gate like all others."""
        await activities.tell_promoted(self._tx, promotion, text, self._now)

    async def open_case(self, *, category: str, risk: int, fields: dict[str, Any], consent_version: str) -> CaseView:
        """Open her case, or add to the one open in this conversation."""
        return await cases.open_case(
            self._tx,
            self._key,
            contact_id=self._contact_id,
            conversation_id=self._conversation_id,
            category=category,
            risk=risk,
            now=self._now,
            zone=self._zone,
            fields=fields,
            consent_version=consent_version,
            origin=await self._channel(),
        )

    async def _channel(self) -> str:
        identity = table(Identity).c
        row = await self._tx.first(select(identity.channel).where(identity.id == self._identity_id))
        return str(row.channel) if row else ""

    async def my_cases(self) -> list[CaseView]:
        """Her cases, the newest first: number and standing only."""
        return await cases.cases_of(self._tx, self._contact_id, None)

    async def assessment(self) -> AssessmentView | None:
        """Her last danger assessment, finished or not."""
        return await assessments.newest(self._tx, self._key, self._contact_id)

    async def keep_assessment(
        self, content: dict[str, Any], *, finished: bool, open_id: str = "", case_id: str = ""
    ) -> str:
        """Write down what she answered so far, into the unfinished one `open_id` if there is one; its id."""
        return await assessments.keep(
            self._tx, self._key, self._place(case_id), content, now=self._now, finished=finished, open_id=open_id
        )

    async def safety_plan(self) -> PlanView | None:
        """The version of her safety plan in use."""
        found = await assessments.plans(self._tx, self._key, self._contact_id, 1)
        return found[0] if found else None

    async def keep_plan(self, content: dict[str, str], *, open_id: str = "", case_id: str = "") -> str:
        """Keep her plan, going on with the version `open_id` if there is one; its id."""
        return await assessments.keep_plan(
            self._tx, self._key, self._place(case_id), content, now=self._now, open_id=open_id
        )

    def _place(self, case_id: str) -> assessments.Place:
        return assessments.Place(self._contact_id, self._conversation_id, case_id or None)

    def lock_word_digest(self, word: str) -> str:
        """What may be remembered of a 安全词 between two questions, in hex."""
        return lock_words.digest(self._tx, self._contact_id, word).hex()

    async def own_word_state(self) -> str:
        """Whether her own word can be asked for: none, open, shut."""
        return await rights.own_word_state(self._tx, self._contact_id)

    async def set_own_word(self, word: str) -> None:
        """Keep her own word as a keyed digest."""
        await rights.set_own_word(self._tx, self._contact_id, word)

    async def try_own_word(self, word: str) -> str:
        """fits, wrong, or shut after three wrong tries."""
        return await rights.try_own_word(self._tx, self._contact_id, word)

    async def make_link_code(self) -> str:
        """A code of ten digits that makes another channel hers too, good for a quarter of an hour."""
        return await links.make_code(self._tx, self._contact_id, self._now)

    async def say_link_code(self, code: str) -> str:
        """What a code she brought from another channel comes to: joined, unknown, same, other_way, busy."""
        return await links.say_code(self._tx, self._contact_id, self._identity_id, code, self._now)

    async def part_link(self) -> bool:
        """Take this channel out of her file; False when it is the only one."""
        return await links.ask_part(self._tx, self._identity_id, self._now)

    async def holdings(self) -> list[Holding]:
        """What we hold about her, by kind and date."""
        return await rights.holdings(self._tx, self._contact_id)

    async def erasure(self) -> ErasureView | None:
        """Her wish to be forgotten, if one stands."""
        return await erasure.find_open(self._tx, self._contact_id)

    async def ask_erasure(self, *, sure: bool, source: str = "asked") -> ErasureView:
        """Note her wish to be forgotten; `sure` starts the days of grace."""
        return await erasure.ask(self._tx, self._contact_id, self._now, sure=sure, source=source)

    async def revoke_erasure(self) -> bool:
        """She takes it back; False when nothing stood."""
        return await erasure.revoke(self._tx, self._contact_id, self._now)

    async def note_question(
        self,
        question: str,
        *,
        reason: str = "unknown",
        article_id: str | None = None,
        intent: str = "",
        category: str = "",
    ) -> None:
        """Keep a question for staff: one nobody could answer yet, or one whose answer was of no use to her."""
        await questions.note(
            self._tx,
            self._key,
            question,
            contact_id=self._contact_id,
            conversation_id=self._conversation_id,
            asked_at=self._now,
            reason=reason,
            article_id=article_id,
            intent=intent,
            category=category,
        )

    async def note_feedback(self, article_id: str, useful: bool) -> None:
        """Keep whether an answer was of use to her."""
        await knowledge.note_feedback(self._tx, article_id, self._contact_id, useful, self._now)

    async def keep_contact_wishes(self, wishes: dict[str, Any]) -> None:
        """Keep how she may be contacted: {channels, days, not_before, not_after, do_not_initiate, cover_story}."""
        row = await self._tx.first(
            select(table(Contact).c.wishes_sealed).where(table(Contact).c.id == self._contact_id)
        )
        known = self._key.open_json("contact.wishes", row.wishes_sealed if row else None, {})
        sealed = self._key.seal_json("contact.wishes", known | wishes)
        await talk.update_contact(self._tx, self._contact_id, wishes_sealed=sealed)

    async def nearest_points(self, latitude: float, longitude: float, count: int = 3) -> list[PointView]:
        """The places nearest to a point in degrees."""
        points = [_point(row, latitude, longitude) for row in await self._points()]
        return sorted(points, key=lambda point: point.kilometres if point.kilometres is not None else 1e9)[:count]

    async def all_points(self, count: int = 5) -> list[PointView]:
        """Places in the order they were entered."""
        return [_point(row, None, None) for row in (await self._points())[:count]]

    async def _points(self) -> list[Any]:
        place = table(ServicePoint)
        return list(await self._tx.rows(select(place).where(place.c.active).order_by(place.c.id)))


def _point(row: Any, latitude: float | None, longitude: float | None) -> PointView:
    kilometres = None
    if None not in (latitude, longitude, row.latitude, row.longitude):
        assert latitude is not None
        assert longitude is not None
        kilometres = _distance(latitude, longitude, row.latitude, row.longitude)
    return PointView(row.name, row.kind, row.address, row.hours, row.phone, kilometres)


def _distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Kilometres along the great circle (haversine)."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    half = (
        math.sin((other_phi - phi) / 2) ** 2
        + math.cos(phi) * math.cos(other_phi) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    )
    return 2 * _EARTH_KILOMETRES * math.asin(math.sqrt(half))
