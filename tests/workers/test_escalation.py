"""Danger nobody takes: who is told when, once each, by which way, and that the sentence gives nobody away."""

from datetime import date, datetime, timedelta

import pytest

from bot import clock
from bot.clock import Frozen
from bot.config import Service
from bot.roster import gaps, is_staffed, on_duty
from storage.repositories import desks, inbox, notices, roster, staff
from storage.repositories.desks import Profile
from storage.repositories.roster import ShiftView
from tests.support.house import House
from workers.escalation import escalate
from workers.house import WorkerHouse

DANGER = "老公正在打我，救命"
TUESDAY = date(2026, 3, 3)  # what the frozen clock says
SERVICE = Service()


async def hire(house: House, login: str, role: str = "worker", phone: str = "", wecom: str = "") -> str:
    staff_id = await house.add_staff(login, role)
    async with house.database.transaction() as tx:
        if phone:
            await desks.change_profile(tx, Profile(staff_id, phone=phone))
        if wecom:
            await staff.set_wecom(tx, staff_id, wecom)
    return staff_id


async def put_on_duty(house: House, *rows: ShiftView) -> None:
    async with house.database.transaction() as tx:
        await roster.add(tx, rows, clock.now())


def reachable(house: House) -> WorkerHouse:
    """A worker that believes in both ways to staff; what is queued is looked at, nothing is sent."""
    one = house.worker
    return WorkerHouse(
        one.settings, one.database, {"wecom": house.channel, "sms": house.channel}, one.pipeline, one.name
    )


async def told(house: House) -> list[tuple[int, str]]:
    names = {row.id: row.login for row in await house.rows("staff")}
    return sorted((row.step, names[row.staff_id]) for row in await house.rows("escalation"))


async def test_levels_are_told_one_after_the_other_each_once(house: House, frozen: Frozen) -> None:
    desk, second, lead = [
        await hire(house, one, role)
        for one, role in (("desk", "worker"), ("second", "worker"), ("lead", "supervisor"))
    ]
    await hire(house, "free", "worker")
    await put_on_duty(
        house,
        ShiftView(desk, 1, 0, 1440, weekday=2),
        ShiftView(second, 2, 0, 1440, weekday=2),
        ShiftView(lead, 3, 0, 1440, weekday=2),
    )
    await house.say(DANGER)
    frozen.advance(timedelta(minutes=4, seconds=59))
    await escalate(house.worker)
    assert await told(house) == []
    expected: list[tuple[int, str]] = []
    for level, login in ((1, "desk"), (2, "second"), (3, "lead")):
        frozen.advance(timedelta(seconds=1) if level == 1 else timedelta(minutes=5))
        await escalate(house.worker)
        await escalate(house.worker_named("another:0:0"))
        expected.append((level, login))
        assert await told(house) == expected
    assert (await house.alarms()).count("unclaimed") == 3


async def test_taken_danger_is_told_to_nobody_more(house: House, frozen: Frozen) -> None:
    desk = await hire(house, "desk")
    await house.say(DANGER)
    frozen.advance(timedelta(minutes=6))
    await escalate(house.worker)
    assert await told(house) == [(1, "desk")]
    async with house.database.transaction() as tx:
        await inbox.claim(tx, (await house.conversation()).id, desk, clock.now(), None)
    frozen.advance(timedelta(hours=1))
    await escalate(house.worker)
    assert await told(house) == [(1, "desk")]


async def test_who_waited_calmly_for_hours_is_in_danger_only_since_she_said_so(house: House, frozen: Frozen) -> None:
    await hire(house, "desk")
    await house.say("转人工")
    frozen.advance(timedelta(hours=2))
    await house.say(DANGER)
    frozen.advance(timedelta(minutes=4))
    await escalate(house.worker)
    assert await told(house) == []
    frozen.advance(timedelta(minutes=2))
    await escalate(house.worker)
    assert await told(house) == [(1, "desk")]


async def test_it_goes_to_her_own_wecom_and_phone_and_says_nothing_of_anybody(house: House, frozen: Frozen) -> None:
    await hire(house, "desk", phone="13800000001", wecom="Desk01")
    await hire(house, "plain")
    await house.say(DANGER)
    frozen.advance(timedelta(minutes=5))
    worker = reachable(house)
    await escalate(worker)
    await escalate(worker)
    async with house.database.transaction() as tx:
        sent = [
            one
            for name in ("wecom", "sms")
            for one in await notices.claim(tx, name, now=clock.now(), worker="test", limit=10)
        ]
    assert [(one.channel, one.recipient) for one in sent] == [("wecom", "Desk01"), ("sms", "13800000001")]
    for one in sent:
        assert "等了 5 分钟" in one.text
        assert not any(word in one.text for word in ("暴", "打我", "危险", "救命", "妇联", "她"))


async def test_whoever_is_not_in_the_roster_is_asked_where_none_is_kept(house: House, frozen: Frozen) -> None:
    for login, role in (("a", "worker"), ("b", "caseworker"), ("lead", "supervisor"), ("chen", "cadre")):
        await hire(house, login, role)
    await house.say(DANGER)
    frozen.advance(timedelta(minutes=20))
    await escalate(house.worker)
    assert await told(house) == [(1, "a"), (1, "b"), (3, "lead")]


def shift(who: str, begin: int, end: int, **more: object) -> ShiftView:
    return ShiftView(who, 1, begin * 60, end * 60, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moment", "names"),
    [
        ("2026-03-03 09:00", ["li"]),
        ("2026-03-03 12:00", []),
        ("2026-03-03 23:00", ["wang"]),  # her watch goes over midnight …
        ("2026-03-04 05:59", ["wang"]),
        ("2026-03-04 06:00", []),
        ("2026-03-10 09:00", ["zhao"]),  # … and zhao stands in for li a week later
    ],
)
def test_weeks_recur_nights_go_on_and_single_dates_differ(moment: str, names: list[str]) -> None:
    rows = [
        shift("li", 8, 12, weekday=2),
        shift("wang", 22, 6, weekday=2),
        shift("li", 0, 24, day=date(2026, 3, 10), off=True),
        shift("zhao", 8, 12, day=date(2026, 3, 10)),
    ]
    assert [one.staff_id for one in on_duty(rows, datetime.fromisoformat(moment))] == names


def test_hours_nobody_stands_for_are_shown() -> None:
    rows = [shift("li", 9, 12, weekday=2), shift("wang", 14, 16, weekday=2)]
    found = [f"{begin:%H:%M}-{end:%H:%M}" for begin, end in gaps(rows, SERVICE, TUESDAY)]
    assert found == ["08:30-09:00", "16:00-17:30"]
    assert gaps(rows, SERVICE, date(2026, 10, 1)) == [], "a holiday has no hours to keep"


@pytest.mark.parametrize(
    ("rows", "staffed"),
    [([], True), ([shift("li", 8, 12, weekday=2)], True), ([shift("li", 8, 12, weekday=3)], False)],
)
def test_the_bot_promises_a_person_only_when_the_roster_names_one(
    rows: list[ShiftView], staffed: bool, frozen: Frozen
) -> None:
    assert is_staffed(SERVICE, rows, clock.now()) is staffed
    frozen.advance(timedelta(hours=10))
    assert not is_staffed(SERVICE, rows, clock.now()), "nobody outside the duty hours"
