"""The whole service inside a test: real database, real channel, real handlers, a pretended WeChat."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from aiohttp import ClientSession
from sqlalchemy import select

from bot import app, clock
from bot.batch import Answer
from bot.channels.wechat_oa import WeChatOA
from bot.config import Settings
from bot.messages import InboundMessage, Kind
from bot.pipeline import Pipeline
from bot.turns import Line
from nlp.retrieval import Library
from storage.database import AnyRow, Database
from storage.models import Contact, Conversation, Identity, Outbox, Staff, metadata, new_id, table
from storage.repositories import activities, talk
from tests.support.wechat import SECRETS, FakeWeChat
from workers.house import WorkerHouse

LINA = "olina-0000000000000000000001"
MEI = "omei-00000000000000000000002"

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back for one message: every text in order, and the one in the response."""

    texts: tuple[str, ...]
    passive: str
    handler: str

    @property
    def all(self) -> str:
        """All texts in one."""
        return "\n".join(self.texts)


@dataclass(slots=True)
class House:
    """Everything of one installation, and the short words tests speak with it."""

    settings: Settings
    database: Database
    wechat: FakeWeChat
    channel: WeChatOA
    line: Line
    pipeline: Pipeline
    session: ClientSession
    pipelines: list[Pipeline] = field(default_factory=list)

    @property
    def worker(self) -> WorkerHouse:
        """What jobs work with."""
        return self.worker_named("test-host:0:0")

    def worker_named(self, name: str, database: Database | None = None) -> WorkerHouse:
        """Another worker, on its own connection if `database` is given."""
        return WorkerHouse(
            settings=self.settings,
            database=database or self.database,
            channels={"wechat_oa": self.channel},
            pipeline=self.pipeline,
            name=name,
        )

    def message(self, text: str = "", sender: str = LINA, kind: Kind = Kind.TEXT, **fields: Any) -> InboundMessage:
        """A message as the channel would hand it over."""
        number = fields.pop("order", None) or next(_numbers)
        values: dict[str, Any] = {
            "channel": "wechat_oa",
            "account": SECRETS.app_id,
            "sender": sender,
            "dedupe_key": f"m:{number}",
            "kind": kind,
            "sent_at": clock.now().replace(microsecond=0),
            "text": text,
            "order": number,
        }
        return InboundMessage(**(values | fields))

    async def say(self, text: str = "", sender: str = LINA, kind: Kind = Kind.TEXT, **fields: Any) -> Heard:
        """She says something (or does); what she hears."""
        return await self.send(self.message(text, sender, kind, **fields))

    async def send(self, message: InboundMessage) -> Heard:
        """The same for a message at hand; the platform counts its window from it."""
        platform = self.wechat.platform
        match message.kind:
            case Kind.UNFOLLOW:
                platform.unfollow(message.sender)
            case Kind.FOLLOW:
                platform.follow(message.sender)
            case Kind.MENU | Kind.SCAN:
                platform.tapped(message.sender)
            case _:
                platform.wrote(message.sender)
        answer: Answer = await self.pipeline.handle(message)
        async with self.database.reading() as tx:
            inbound = await self.inbound(message)
            rows = await tx.rows(
                select(table(Outbox), table(Contact).c.wrapped_key)
                .join(table(Contact), table(Contact).c.id == table(Outbox).c.contact_id)
                .where(table(Outbox).c.in_reply_to == inbound.id)
                .order_by(table(Outbox).c.said_rank)
            )
        texts = tuple(self.open_text(row) for row in rows)
        return Heard(texts, answer.text, inbound.handler)

    def open_text(self, row: AnyRow) -> str:
        """The text of an outbox row joined with its contact's wrapped key."""
        key = self.database.keys.contact_key(row.contact_id, row.wrapped_key)
        return key.open("outbox.text", row.text_sealed)

    async def inbound(self, message: InboundMessage) -> AnyRow:
        """The row of a message."""
        digest = self.database.keys.digest("message", f"{message.channel}\0{message.account}\0{message.dedupe_key}")
        near = message.order.to_bytes(8, "big")[:5]
        async with self.database.reading() as tx:
            known, _ = await talk.find_known(tx, [near + digest], [])
            found = known[near + digest]
            rows = await self.rows("inbound_message")
        return next(row for row in rows if row.id == found.id)

    async def rows(self, name: str, **equal: Any) -> list[AnyRow]:
        """All rows of a table whose columns equal these values, in the order of their ids."""
        of = metadata.tables[name]
        query = select(of).where(*(of.c[column] == value for column, value in equal.items()))
        async with self.database.reading() as tx:
            return list(await tx.rows(query.order_by(*of.primary_key.columns)))

    async def identity(self, sender: str = LINA, group: str = "") -> AnyRow:
        """Her address with all columns; in a group she is another one."""
        place = f"wechat_oa\0{SECRETS.app_id}\0{sender}" + (f"\0{group}" if group else "")
        digest = self.database.keys.digest("address", place)
        async with self.database.reading() as tx:
            row = await tx.first(select(table(Identity)).where(table(Identity).c.address_digest == digest))
        assert row is not None, f"{sender} never wrote"
        return row

    async def contact(self, sender: str = LINA, group: str = "") -> AnyRow:
        """Her contact."""
        return (await self.rows("contact", id=(await self.identity(sender, group)).contact_id))[0]

    async def conversation(self, sender: str = LINA, group: str = "") -> AnyRow:
        """Her newest conversation."""
        identity = await self.identity(sender, group)
        async with self.database.reading() as tx:
            row = await tx.first(
                select(table(Conversation))
                .where(table(Conversation).c.identity_id == identity.id)
                .order_by(table(Conversation).c.id.desc())
            )
        assert row is not None
        return row

    async def change(self, name: str, row_id: str, **values: Any) -> None:
        """Set columns of one row, as staff or time would have done."""
        of = metadata.tables[name]
        async with self.database.transaction() as tx:
            await tx.execute(of.update().where(of.c.id == row_id).values(**values))

    async def alarms(self) -> list[str]:
        """The reasons of all alarms, in order."""
        return [row.reason for row in await self.rows("alarm")]

    async def add_staff(self, login: str = "wang", role: str = "worker") -> str:
        """A member of staff; her id."""
        async with self.database.transaction() as tx:
            staff_id = new_id()
            await tx.insert(
                Staff,
                {
                    "id": staff_id,
                    "login": login,
                    "role": role,
                    "password_hash": "x",
                    "created_at": clock.now(),
                },
            )
        return staff_id

    async def add_activity(self, title: str = "剪纸课", *, capacity: int = 20, **values: Any) -> str:
        """An activity in three days; its session's id."""
        start = values.pop("starts_at", clock.now() + timedelta(days=3))
        async with self.database.transaction() as tx:
            activity_id = await activities.create_activity(
                tx,
                **{
                    "title": title,
                    "description": "从零学起",
                    "place": "文化站二楼",
                    "starts_at": start,
                    "ends_at": start + timedelta(hours=2),
                    "signup_closes_at": start - timedelta(hours=1),
                    "capacity": capacity,
                    "now": clock.now(),
                }
                | values,
            )
        return (await self.rows("activity_session", activity_id=activity_id))[0].id

    async def another_pipeline(self, database: Database, **changes: Any) -> Pipeline:
        """A second process, as far as the database can tell."""
        pipeline = Pipeline(database, replace(self.line, **changes))
        pipeline.start()
        self.pipelines.append(pipeline)
        return pipeline

    async def replace_line(self, **changes: Any) -> None:
        """Go on with a changed line (another `understand`, other rules)."""
        await self.pipeline.stop()
        self.line = replace(self.line, **changes)
        self.pipeline = Pipeline(self.database, self.line)
        self.pipeline.start()


@asynccontextmanager
async def open_house(
    database: Database, wechat: FakeWeChat, library: Library, **settings: Any
) -> AsyncIterator[House]:
    """The service over a database and a pretended WeChat; `settings` are sections of the settings."""
    values: dict[str, Any] = {"channels": {"wechat_oa": wechat.settings()}} | settings
    read = Settings.model_validate(values)
    async with ClientSession() as session:
        channel = wechat.channel(session)
        line = app.make_line(read, library, {"wechat_oa": channel})
        pipeline = Pipeline(database, line)
        pipeline.start()
        house = House(read, database, wechat, channel, line, pipeline, session)
        try:
            yield house
        finally:
            await house.pipeline.stop()
            for other in house.pipelines:
                await other.stop()
