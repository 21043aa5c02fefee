"""QQ's bot from push to answer: groups get the public answer, people theirs, staff answer her newest message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from bot import clock
from bot.channels.qq_official import QQOfficial
from bot.channels.tokens import InMemoryTokens
from bot.messages import PRIORITY, OutboundClass
from bot.simulator.qq_push import group_change, group_message, person_event, private_message, push
from storage.models import Outbox, new_id
from tests.support.drills import Provider, provider, qq_official
from tests.support.drills.qq_official import APP_ID, SECRET, WOMAN
from tests.support.house import House
from workers.house import WorkerHouse
from workers.outbox import deliver


@dataclass(slots=True)
class Phone:
    """The channel and its platform, as she sees them."""

    house: House
    channel: QQOfficial
    playing: Provider
    worker: WorkerHouse

    async def push(self, event: dict[str, Any]) -> None:
        """The platform pushes an event; what has to be said is said."""
        request = qq_official.as_request(push(SECRET, APP_ID, event, at=clock.timestamp()))
        for message in self.channel.receive(request).messages:
            await self.house.pipeline.handle(message, may_hand=False)
        await deliver(self.worker)

    @property
    def sends(self) -> list[tuple[str, Any]]:
        """Where each text went, and the call."""
        return [(path, body) for path, _, body in self.playing.asked if path.endswith("/messages")]


@asynccontextmanager
async def open_phone(house: House) -> AsyncIterator[Phone]:
    async with provider(qq_official.DRILL) as playing, ClientSession() as session:
        channel = QQOfficial.from_settings(qq_official.settings(playing.base), InMemoryTokens(), session)
        await house.replace_line(speech={"wechat_oa": house.channel, "qq_official": channel})
        channels = {"wechat_oa": house.channel, "qq_official": channel}
        worker = WorkerHouse(
            settings=house.settings,
            database=house.database,
            channels=channels,
            pipeline=house.pipeline,
            name="test-host:0:0",
        )
        yield Phone(house, channel, playing, worker)


async def test_danger_in_a_group_is_answered_there_as_if_it_were_any_question(house: House) -> None:
    async with open_phone(house) as phone:
        await phone.push(group_change("GROUP_ADD_ROBOT", "G1", "M1", at=clock.timestamp()))
        await phone.push(group_message("G1", "M1", "他昨晚又打我了，救命", "ROBOT1.0_1", at=clock.timestamp()))
        ((path, body),) = phone.sends
        assert path == "/v2/groups/G1/messages"
        assert (body["msg_id"], body["msg_seq"]) == ("ROBOT1.0_1", 1)
        assert "又打" not in body["content"]
        assert "110" in body["content"]
        assert len(await house.rows("alarm")) == 1


async def test_staff_answer_names_her_newest_message_even_after_she_muted_us(house: House) -> None:
    async with open_phone(house) as phone:
        await phone.push(private_message(WOMAN, "你好", "ROBOT1.0_1", at=clock.timestamp()))
        await phone.push(private_message(WOMAN, "菜单", "ROBOT1.0_2", at=clock.timestamp()))
        await phone.push(person_event("C2C_MSG_REJECT", WOMAN, at=clock.timestamp()))
        (identity,) = await house.rows("identity")
        (contact,) = await house.rows("contact")
        key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
        staff = {
            "id": new_id(),
            "idempotency_key": f"staff:{new_id()}",
            "outbound_class": OutboundClass.STAFF.value,
            "priority": PRIORITY[OutboundClass.STAFF],
            "contact_id": contact.id,
            "identity_id": identity.id,
            "text_sealed": key.seal("outbox.text", "我是值班员。"),
            "said_at": clock.now(),
            "created_at": clock.now(),
            "not_before": clock.now(),
        }
        async with house.database.transaction() as tx:
            await tx.insert(Outbox, staff)
        await deliver(phone.worker)
        body = phone.sends[-1][1]
        assert (body["content"], body["msg_id"]) == ("我是值班员。", "ROBOT1.0_2")
        assert body["msg_seq"] > 5
