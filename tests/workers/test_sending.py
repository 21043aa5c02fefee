"""What goes out to many: once each, by the way that fits, never again where nobody knows, and true in the end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import clock
from bot.clock import Frozen
from bot.messages import DeliveryState, Receipt
from bot.reports import ReportBook
from storage.models import CampaignVariant, NoticeGrant, new_id
from storage.repositories import campaigns
from tests.conftest import MakeDatabase
from tests.support.house import LINA, House
from tests.support.rows import campaign, follow
from workers import sending
from workers.campaigns import plan_all
from workers.jobs import send_campaigns
from workers.sending import send

WOMEN = [f"o-{number:02d}" for number in range(12)]


async def announce(house: House, way: str = "custom", **values: Any) -> str:
    """A campaign by one way of the official account, being sent; its id."""
    made = await campaign(house, **values)
    extra = '{"template_id": "tpl", "fields": {"thing1": "活动"}}' if way == "subscribe" else ""
    async with house.database.transaction() as tx:
        await tx.insert(
            CampaignVariant,
            {
                "id": new_id(),
                "campaign_id": made,
                "channel": "wechat_oa",
                "way": way,
                "text": "三八活动",
                "extra": extra,
            },
        )
    return made


async def states(house: House, made: str) -> dict[str, int]:
    async with house.database.reading() as tx:
        found = await campaigns.counts(tx, made)
    return {name: number for name, number in found.items() if name != "planned"}


async def test_mass_message_goes_out_in_one_request_and_its_report_is_the_truth(house: House) -> None:
    await follow(house, *WOMEN)
    made = await announce(house, "mass")
    await send_campaigns(house.worker)
    assert house.wechat.count("/cgi-bin/message/mass/send") == 1
    assert sorted(openid for openid, _ in house.wechat.accepted) == WOMEN
    assert await states(house, made) == {"sent": 12}
    (number,) = house.wechat.platform.masses.values()
    await report(house, Receipt(DeliveryState.DELIVERED, platform_id=number, kind="mass", sent_count=11))
    assert await states(house, made) == {"sent": 12}, "to whom it did not go nobody knows"
    await report(house, Receipt(DeliveryState.DELIVERED, platform_id=number, kind="mass", sent_count=12))
    assert await states(house, made) == {"delivered": 12}


async def test_mass_message_the_platform_refuses_later_has_failed_and_can_be_sent_again(house: House) -> None:
    await follow(house, *WOMEN)
    made = await announce(house, "mass")
    await send_campaigns(house.worker)
    (number,) = house.wechat.platform.masses.values()
    await report(house, Receipt(DeliveryState.FAILED, platform_id=number, kind="mass", code="10001", sentence="广告"))
    assert await states(house, made) == {"failed": 12}
    async with house.database.transaction() as tx:
        assert await campaigns.send_again(tx, made, clock.now()) == 12
    await send_campaigns(house.worker)
    assert await states(house, made) == {"sent": 12}
    assert len(house.wechat.platform.masses) == 2


async def test_mass_message_whose_answer_was_lost_is_asked_for_again_under_the_same_key(
    house: House, frozen: Frozen
) -> None:
    await follow(house, *WOMEN)
    made = await announce(house, "mass")
    house.wechat.platform.mood.cut, house.wechat.platform.mood.times = True, 1
    await send_campaigns(house.worker)
    assert await states(house, made) == {"sending": 12}
    await house.say("退订", WOMEN[0])
    frozen.advance(61)
    await send_campaigns(house.worker)
    assert len(house.wechat.platform.masses) == 1
    assert sorted(openid for openid, _ in house.wechat.accepted) == WOMEN
    assert await states(house, made) == {"sent": 11, "unknown": 1}


async def test_killed_worker_leaves_unknown_and_they_are_sent_again_only_when_asked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await follow(house, *WOMEN)
    made = await announce(house)
    await plan_all(house.worker)
    monkeypatch.setattr(sending, "_deliver", killed)
    with pytest.raises(asyncio.CancelledError):
        await send(house.worker_named(f"{gone_host()}:1:1"))
    monkeypatch.undo()
    await send_campaigns(house.worker)
    await send_campaigns(house.worker)
    assert await states(house, made) == {"unknown": 12}
    assert house.wechat.accepted == []
    async with house.database.transaction() as tx:
        assert await campaigns.send_again(tx, made, clock.now()) == 0
    await send_campaigns(house.worker)
    assert house.wechat.accepted == []
    async with house.database.transaction() as tx:
        assert await campaigns.send_again(tx, made, clock.now(), include_unknown=True) == 12
    await send_campaigns(house.worker)
    assert await states(house, made) == {"sent": 12}


async def killed(*_: Any) -> Any:
    raise asyncio.CancelledError


def gone_host() -> str:
    import socket

    return socket.gethostname()[:30]


async def test_pause_holds_and_resume_goes_on(house: House) -> None:
    await follow(house, *WOMEN)
    made = await announce(house)
    await plan_all(house.worker)
    async with house.database.transaction() as tx:
        await campaigns.pause(tx, made)
    await send_campaigns(house.worker)
    assert house.wechat.accepted == []
    async with house.database.transaction() as tx:
        await campaigns.resume(tx, made)
    await send_campaigns(house.worker)
    assert len(house.wechat.accepted) == 12


async def test_subscription_notice_uses_up_what_she_allowed(house: House) -> None:
    await follow(house, LINA, WOMEN[0])
    identity = await house.identity()
    async with house.database.transaction() as tx:
        grant = {"identity_id": identity.id, "template_id": "tpl", "left": 1, "changed_at": clock.now()}
        await tx.insert(NoticeGrant, grant)
    for expected in (1, 0):
        made = await announce(house, "subscribe")
        await send_campaigns(house.worker)
        assert await states(house, made) == ({"sent": 1} if expected else {})
    assert house.wechat.platform.notices == [(LINA, "tpl")]


async def test_too_late_is_skipped(house: House, frozen: Frozen) -> None:
    await follow(house, *WOMEN)
    made = await announce(house, expires_at=clock.now() + timedelta(minutes=5))
    await plan_all(house.worker)
    frozen.advance(400)
    await send_campaigns(house.worker)
    await send_campaigns(house.worker)
    assert house.wechat.accepted == []
    assert await states(house, made) == {"skipped": 12}


async def test_several_workers_send_to_everybody_once(
    house: House, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.campaigns._BATCH", 3)
    await follow(house, *WOMEN)
    made = await announce(house)
    workers = [house.worker_named(f"test:{number}:0", await make_database()) for number in range(3)]
    await asyncio.gather(*(send_campaigns(worker) for worker in workers))
    await send_campaigns(house.worker)
    assert sorted(openid for openid, _ in house.wechat.accepted) == WOMEN
    assert await states(house, made) == {"sent": 12}


async def test_cap_holds_between_campaigns(house: House) -> None:
    await follow(house, LINA)
    for _ in range(8):
        await house.say("你好")
        await announce(house)
        await send_campaigns(house.worker)
    assert len([text for text in house.wechat.texts_to(LINA) if text == "三八活动"]) == 6


async def test_a_storm_of_reports_is_kept_together_and_known_again(house: House) -> None:
    await follow(house, *WOMEN)
    made = await announce(house)
    await send_campaigns(house.worker)
    rows = await house.rows("delivery", campaign_id=made)
    told = [Receipt(DeliveryState.DELIVERED, row_id=row.id) for row in rows]
    book = ReportBook(house.database)
    message = house.message()
    for _ in range(2):
        await asyncio.gather(
            *(book.keep([replaced(message, receipt=one, dedupe_key=f"r{number}")]) for number, one in enumerate(told))
        )
    assert len(await house.rows("platform_report")) == 12
    await sending.apply_reports(house.worker)
    assert await states(house, made) == {"delivered": 12}


async def report(house: House, receipt: Receipt) -> None:
    """The platform reports, and a worker works it off."""
    message = house.message("", "mphelper")
    await ReportBook(house.database).keep([replaced(message, receipt=receipt, dedupe_key=new_id())])
    await sending.apply_reports(house.worker)


def replaced(message: Any, **values: Any) -> Any:
    from dataclasses import replace

    return replace(message, **values)


_steps = st.lists(
    st.sampled_from(["send", "night", "morning", "pause", "resume", "optout", "cut", "refuse", "again"]),
    min_size=3,
    max_size=8,
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_steps)
async def test_no_schedule_retry_or_clock_makes_a_second_or_a_nightly_send(
    house: House, frozen: Frozen, steps: list[str]
) -> None:
    women = [f"o-{new_id()}" for _ in range(3)]
    await follow(house, *women)
    made, platform = await announce(house), house.wechat.platform
    left: set[str] = set()
    for step in steps:
        before = len(platform.accepted)
        await take(house, frozen, made, step)
        if step == "optout":
            await house.say("退订", women[0])
            left.add(women[0])
            before = len(platform.accepted)
        await send_campaigns(house.worker)
        now_sent = [openid for openid, text in platform.accepted[before:] if text == "三八活动"]
        hour = clock.local(clock.now(), "Asia/Shanghai").hour
        assert not now_sent or 8 <= hour < 21
        assert not left.intersection(now_sent)
    sent = [openid for openid, text in platform.accepted if text == "三八活动" and openid in women]
    assert len(sent) == len(set(sent))


async def take(house: House, frozen: Frozen, made: str, step: str) -> None:
    """One thing that may happen to a campaign."""
    mood = house.wechat.platform.mood
    mood.cut, mood.errcode, mood.times = step == "cut", 45011 if step == "refuse" else 0, 3
    hour = clock.local(clock.now(), "Asia/Shanghai").hour
    if step == "night":
        frozen.advance(((23 - hour) % 24) * 3600)
    elif step == "morning":
        frozen.advance(((10 - hour) % 24) * 3600)
    steps = {"pause": campaigns.pause, "resume": campaigns.resume}
    from contextlib import suppress

    from bot.errors import WrongState

    with suppress(WrongState):
        async with house.database.transaction() as tx:
            if step in steps:
                await steps[step](tx, made)
            elif step == "again":
                await campaigns.send_again(tx, made, clock.now())
