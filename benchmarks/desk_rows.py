"""Made-up rows for `make bench-desk`: a county's desk after two years, sealed as the service seals them.

Everything is drawn from one seed, so that two runs measure the same: 100,000 conversations of 60,000 women, most of
them short, a few with thousands of messages; more in the mornings and on working days, more in the busy townships.
"""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from benchmarks.bench import TEXTS
from bot import clock
from storage.encryption import DataKey, Keyring
from storage.models import (
    Alarm,
    Area,
    Case,
    Contact,
    Conversation,
    Identity,
    InboundMessage,
    Outbox,
    Staff,
    table,
)

CHANNELS = {"wechat_oa": 60, "wecom_kf": 12, "webchat": 12, "sms": 8, "qq_official": 5, "wecom": 3}
CATEGORIES = {
    "dv": 18, "divorce": 22, "custody": 9, "property": 8, "inheritance": 5, "labour": 9, "harassment": 4, "land": 5,
    "psych": 6, "minors": 3, "marriage_other": 5, "elder": 3, "benefit": 12, "service": 9, "": 12,
}  # fmt: skip
OUTCOMES = {
    "answered": 50,
    "silent": 28,
    "referred": 9,
    "mediated": 5,
    "protected": 3,
    "withdrawn": 3,
    "unreachable": 2,
}
#: How many conversations begin in each hour of the day.
HOURS = (2, 1, 1, 1, 1, 2, 4, 8, 16, 22, 20, 14, 9, 10, 16, 18, 16, 12, 10, 11, 12, 10, 7, 4)
ANSWERS = (
    "您先别急，我是智能助手。离婚可以去民政局协议办理，也可以向法院起诉；孩子的抚养由双方商量，商量不成由法院按最有利于孩子的原则判。",
    "工资应当按月足额支付。可以先向劳动保障监察投诉，电话 12333；也可以申请劳动仲裁，不收费。",
    "人身安全保护令不收费，向住处所在地的基层法院申请，情况紧急的二十四小时内作出。需要的话回复「转人工」。",
    "您说的我都记下了。现在方便说话吗？旁边有没有人？",
)
OWN = (
    "我和他结婚八年了，去年开始他经常不回家，钱也不给，孩子上学都是我一个人管，我想问问离婚的话房子怎么分",
    "上个月我去派出所报过一次，他们说是家务事，让我们回去好好说，我现在住在我妈家",
    "村里说我嫁出去了就没有我的份，可是我户口一直在这里，土地确权的时候也有我的名字",
    "好的，我明白了，那我明天上午带着结婚证和孩子的出生证过去可以吗",
)
#: Contents are kept so long (config.yaml, retention.messages_days); older rows are what was left of them.
KEPT = timedelta(days=365)


@dataclass(slots=True)
class Plan:
    """How much there is to be."""

    conversations: int = 100_000
    messages: int = 2_000_000
    contacts: int = 60_000
    staff: int = 50
    waiting: int = 500
    held: int = 200
    talking: int = 1_300
    days: int = 760


@dataclass(slots=True)
class Woman:
    """One contact and her address."""

    id: str
    identity_id: str
    channel: str
    area_id: str | None
    key: DataKey


@dataclass(slots=True)
class Rows:
    """Makes the rows of every table, one table after another."""

    keys: Keyring
    plan: Plan
    password_hash: str
    now: datetime
    chance: random.Random = field(default_factory=lambda: random.Random(20261125))
    counter: int = 0
    towns: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    staff: list[str] = field(default_factory=list)
    women: list[Woman] = field(default_factory=list)
    talks: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def id_at(self, moment: datetime) -> str:
        """An id as one made at `moment`: ids grow with time, as in a real house."""
        self.counter += 1
        tail = self.chance.getrandbits(40)
        return f"{int(moment.timestamp() * 1000):012x}{self.counter & 0xFFFF:04x}{tail:010x}"

    def areas(self) -> Iterator[dict[str, Any]]:
        """A county, 20 townships, 10 villages in each."""
        county = self.id_at(self.now)
        yield {"id": county, "parent_id": None, "code": "01", "name": "示范县", "level": "county"}
        for number in range(20):
            town = self.id_at(self.now)
            self.towns.append(town)
            name = f"第{number + 1}镇"
            yield {"id": town, "parent_id": county, "code": f"01{number:02}", "name": name, "level": "township"}
            for village in range(10):
                place = self.id_at(self.now)
                self.places.append(place)
                code, name = f"01{number:02}{village:02}", f"第{number + 1}镇{village + 1}村"
                yield {"id": place, "parent_id": town, "code": code, "name": name, "level": "village"}

    def members(self) -> Iterator[dict[str, Any]]:
        """Staff: one in ten a supervisor, one in four of a township, the others of the whole county."""
        for number in range(self.plan.staff):
            staff_id = self.id_at(self.now)
            self.staff.append(staff_id)
            is_lead = number % 10 == 0
            yield {
                "id": staff_id,
                "login": f"bench{number:02}",
                "name_sealed": self.keys.house.seal("staff.name", f"值班员{number}"),
                "role": "supervisor" if is_lead else "worker",
                "area_id": self.towns[number % 20] if is_of_a_township(number) else None,
                "password_hash": self.password_hash,
                "created_at": self.now - timedelta(days=self.plan.days),
            }

    def contacts(self) -> Iterator[dict[str, Any]]:
        """Women; two in three have left a telephone number, three in four a place."""
        channels = self.chance.choices(list(CHANNELS), list(CHANNELS.values()), k=self.plan.contacts)
        first = self.now - timedelta(days=self.plan.days)
        for number, channel in enumerate(channels):
            moment = first + timedelta(days=self.plan.days) * (number / self.plan.contacts)
            contact_id = self.id_at(moment)
            key, wrapped = self.keys.new_contact_key(contact_id)
            # The first townships are the busy ones.
            place = self.places[int(len(self.places) * self.chance.random() ** 2)] if number % 4 else None
            self.women.append(Woman(contact_id, self.id_at(moment), channel, place, key))
            phone = phone_of(number) if number % 3 else ""
            yield {
                "id": contact_id,
                "wrapped_key": wrapped,
                "area_id": place,
                "phone_sealed": key.seal("contact.phone", phone) if phone else None,
                "phone_digest": self.keys.digest("phone", phone) if phone else None,
                "created_at": moment,
            }

    def identities(self) -> Iterator[dict[str, Any]]:
        """One address each; whoever is talking now has her conversation named."""
        open_now = {row["identity_id"]: row["id"] for row in self.talks if row["state"] != "closed"}
        for number, woman in enumerate(self.women):
            address = f"oDesk{number:023d}"
            yield {
                "id": woman.identity_id,
                "contact_id": woman.id,
                "channel": woman.channel,
                "account": "desk",
                "address_digest": self.keys.digest("address", f"{woman.channel}\0desk\0{address}"),
                "address_sealed": woman.key.seal("identity.address", address),
                "conversation_id": open_now.get(woman.identity_id),
                "last_inbound_at": self.now,
                "window_trigger": "message",
                "window_opened_at": self.now,
                "created_at": self.now,
            }

    def conversations(self) -> Iterator[dict[str, Any]]:
        """Two years of talks in order of time; the last ones are open."""
        plan = self.plan
        still_open = ["waiting"] * plan.waiting + ["held"] * plan.held + ["bot"] * plan.talking
        self.chance.shuffle(still_open)
        moments = sorted(self._moment() for _ in range(plan.conversations - len(still_open)))
        self.lengths = self._spread()
        # No woman talks twice at once.
        talking = self.chance.sample(self.women, len(still_open))
        women = [self.women[int(len(self.women) * self.chance.random() ** 1.5)] for _ in moments]
        for moment, woman in zip(moments, women, strict=True):
            yield self._talk(woman, moment, "closed")
        for woman, state in zip(talking, still_open, strict=True):
            yield self._talk(woman, self.now - timedelta(minutes=self.chance.randint(2, 36 * 60)), state)

    def case_rows(self) -> Iterable[dict[str, Any]]:
        """The cases the conversations led to."""
        return self.cases

    def alarms(self) -> Iterator[dict[str, Any]]:
        """One for each dangerous conversation; half a dozen nobody has seen."""
        risky = [row for row in self.talks if row["risk"] == 2]
        for place, row in enumerate(reversed(risky)):
            seen = place >= 6
            yield {
                "id": self.id_at(row["opened_at"]),
                "conversation_id": row["id"],
                "reason": "danger",
                "raised_at": row["opened_at"],
                "seen_at": row["opened_at"] + timedelta(minutes=3) if seen else None,
                "seen_by": self.chance.choice(self.staff) if seen else None,
            }

    def inbound(self) -> Iterator[dict[str, Any]]:
        """What she wrote: every other message of a conversation."""
        for talk, length in zip(self.talks, self.lengths, strict=True):
            key, kept = talk["_key"], talk["_kept"]
            for number in range((length + 1) // 2):
                moment = _said(talk, number)
                text = OWN[number % len(OWN)] if number % 3 else TEXTS[number % len(TEXTS)]
                yield {
                    "id": self.id_at(moment),
                    "dedupe_digest": self.chance.randbytes(21),
                    "contact_id": talk["contact_id"],
                    "identity_id": talk["identity_id"],
                    "conversation_id": talk["id"],
                    "kind": "text",
                    "content_sealed": key.seal("inbound.content", json.dumps({"text": text})) if kept else None,
                    "said_at": moment,
                    "said_order": number,
                    "received_at": moment,
                    "handled_at": moment,
                    "intent": "rights" if talk["category"] else "greeting",
                    "category": talk["category"],
                    "risk": talk["risk"] if number == 0 else 0,
                    "handler": "consultation",
                }

    def outbox(self) -> Iterator[dict[str, Any]]:
        """What was answered; from the middle of a conversation on by staff, if somebody took it."""
        for talk, length in zip(self.talks, self.lengths, strict=True):
            key, kept = talk["_key"], talk["_kept"]
            for number in range(length // 2):
                moment = _said(talk, number) + timedelta(seconds=2)
                outbox_id = self.id_at(moment)
                staff_id = talk["_answered_by"] if number >= length // 4 else None
                text = ANSWERS[number % len(ANSWERS)]
                yield {
                    "id": outbox_id,
                    "idempotency_key": f"answer:{outbox_id}:0",
                    "outbound_class": "staff" if staff_id else "answer",
                    "priority": 1,
                    "state": "sent" if staff_id else "handed",
                    "contact_id": talk["contact_id"],
                    "identity_id": talk["identity_id"],
                    "conversation_id": talk["id"],
                    "staff_id": staff_id,
                    "text_sealed": key.seal("outbox.text", text) if kept else None,
                    "said_at": moment,
                    "said_order": number,
                    "created_at": moment,
                    "not_before": moment,
                    "finished_at": moment,
                }

    def _talk(self, woman: Woman, moment: datetime, state: str) -> dict[str, Any]:
        chance = self.chance
        risk = chance.choices((0, 1, 2), (85, 11, 4))[0]
        taken = state == "held" or chance.random() < 0.3
        closed_at = moment + timedelta(hours=chance.randint(1, 60)) if state == "closed" else None
        row: dict[str, Any] = {
            "id": self.id_at(moment),
            "contact_id": woman.id,
            "identity_id": woman.identity_id,
            "channel": woman.channel,
            "area_id": woman.area_id,
            "state": state,
            "holder_id": chance.choice(self.staff) if state == "held" else None,
            "held_at": moment + timedelta(minutes=chance.randint(1, 90)) if state == "held" else None,
            "waiting_since": moment if state == "waiting" else None,
            "waiting_reason": chance.choice(("asked", "intake", "unanswered")) if state == "waiting" else "",
            # Half an hour for everybody; nine in ten are answered in time.
            "due_at": moment + timedelta(minutes=30) if taken or state == "waiting" else None,
            "answered_at": moment + timedelta(minutes=chance.randint(1, 33))
            if taken and state != "waiting"
            else None,
            "risk": risk,
            "urgent": risk == 2 and chance.random() < 0.3,
            "category": chance.choices(list(CATEGORIES), list(CATEGORIES.values()))[0],
            "learned_sealed": woman.key.seal_json("conversation.learned", {"hurt": "self"})
            if not closed_at
            else None,
            "opened_at": moment,
            "last_inbound_at": min(closed_at or self.now, self.now),
            "closed_at": closed_at,
            "outcome": chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0] if closed_at else "",
            "version": 4,
        }
        if taken and row["category"]:
            self._case(row, woman)
        row |= {
            "_key": woman.key,
            "_kept": self.now - moment < KEPT,
            "_answered_by": chance.choice(self.staff) if taken else None,
        }
        self.talks.append(row)
        return row

    def _case(self, talk: dict[str, Any], woman: Woman) -> None:
        case_id = self.id_at(talk["opened_at"])
        self.cases.append(
            {
                "id": case_id,
                "number": f"{talk['opened_at']:%Y%m%d}-{len(self.cases) + 1:05}",
                "contact_id": woman.id,
                "conversation_id": talk["id"],
                "area_id": woman.area_id,
                "category": talk["category"],
                "risk": talk["risk"],
                "status": "open" if talk["state"] != "closed" else "closed",
                "fields_sealed": woman.key.seal_json("case.fields", {"hurt": "self", "summary": OWN[0]}),
                "opened_at": talk["opened_at"],
                "closed_at": talk["closed_at"],
                "outcome": talk["outcome"],
            }
        )
        talk["case_id"] = case_id

    def _moment(self) -> datetime:
        day = self.now - timedelta(days=3 + int((self.plan.days - 3) * self.chance.random() ** 1.3))
        hour = self.chance.choices(range(24), HOURS)[0]
        local = clock.local(day, "Asia/Shanghai").replace(hour=hour, minute=self.chance.randrange(60))
        return local.astimezone(self.now.tzinfo)

    def _spread(self) -> list[int]:
        """How many messages each conversation has: most a dozen, ten of the open ones some thousands."""
        plan = self.plan
        weights = [self.chance.lognormvariate(0, 0.9) for _ in range(plan.conversations)]
        for place in range(1, 11):
            weights[-place * 7] = 0.0
        big = [4_000 if place % 2 else 2_000 for place in range(1, 11)]
        scale = (plan.messages - sum(big)) / sum(weights)
        lengths = [max(2, round(weight * scale)) for weight in weights]
        for place, length in enumerate(big, 1):
            lengths[-place * 7] = length
        lengths[0] += plan.messages - sum(lengths)
        return lengths


def phone_of(number: int) -> str:
    """The telephone number of the contact with this number."""
    return f"139{number:08d}"


def is_of_a_township(number: int) -> bool:
    """Whether the member of staff with this number sees one township only."""
    return number % 4 == 1


def _said(talk: dict[str, Any], number: int) -> datetime:
    """When the message with this number was said: twenty seconds apart."""
    moment: datetime = talk["opened_at"] + timedelta(seconds=20 * number)
    return moment


#: In the order they refer to each other (foreign keys are not looked at meanwhile); with the method that makes them.
TABLES = (
    (table(Area), Rows.areas),
    (table(Staff), Rows.members),
    (table(Contact), Rows.contacts),
    (table(Conversation), Rows.conversations),
    (table(Case), Rows.case_rows),
    (table(Identity), Rows.identities),
    (table(Alarm), Rows.alarms),
    (table(InboundMessage), Rows.inbound),
    (table(Outbox), Rows.outbox),
)
