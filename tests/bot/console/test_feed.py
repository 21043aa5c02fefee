"""Her duties in her own calendar program: by a secret link, content-free, gone when she or we end it."""

from datetime import timedelta

from bot import clock
from bot.console.feed import _AHEAD
from storage.repositories import cases, roster
from storage.repositories.roster import ShiftView
from tests.bot.console.conftest import Desk

FORM = cases.CaseForm(
    fields={"summary": "想离婚"},
    category="divorce",
    risk=0,
    area_id=None,
    origin="phone",
    consent_way="spoken",
    consent_version="2026-11-k",
)


async def read(desk: Desk, link: str) -> tuple[int, str]:
    client = await desk.client()
    path = "/calendar/" + link.rpartition("/")[2]
    async with client.session.get(desk.url + path) as response:
        return response.status, (await response.read()).decode().replace("\r\n ", "")


async def test_it_says_when_and_never_who_or_what(desk: Desk) -> None:
    li = await desk.signed_in("li", "caseworker")
    await desk.hire("zhao", "caseworker")
    house, now = desk.house, clock.now()
    await house.add_activity("反家暴讲座", starts_at=now + timedelta(days=2))
    await house.add_activity("剪纸课", starts_at=now + timedelta(days=3))
    await house.add_activity("太极课", starts_at=now + _AHEAD + timedelta(days=3))
    async with house.database.transaction() as tx:
        for login in ("li", "zhao"):
            opened = await cases.take_down(tx, FORM, desk.ids[login], now, zone="Asia/Shanghai")
            case = await cases.find(tx, opened.id, None)
            day = now + timedelta(days=1)
            await cases.plan_visits(tx, case, desk.ids[login], now, days=[day, day], way="phone")
        await roster.add(tx, [ShiftView(desk.ids["li"], 1, 8 * 60 + 30, 17 * 60 + 30, weekday=1)], now)
    status, made = await li.post("/console/my-calendar")
    assert status == 200
    status, written = await read(desk, made["link"])
    assert status == 200
    assert "SUMMARY:有 2 件事到期" in written, "her own two, not her colleague's"
    assert written.count("SUMMARY:值班") in (10, 11)
    assert "T003000Z" in written, "half past eight of the county"
    assert "SUMMARY:剪纸课" in written
    assert "SUMMARY:活动" in written
    for word in ("家暴", "离婚", "回访", "个案", "太极", "li的名字", opened.number):
        assert word not in written


async def test_a_link_ends_with_a_new_one_with_revoking_and_with_the_account(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    first = (await li.post("/console/my-calendar"))[1]["link"]
    second = (await li.post("/console/my-calendar"))[1]["link"]
    assert [(await read(desk, link))[0] for link in (first, second)] == [404, 200]
    (row,) = await desk.house.rows("staff_feed")
    assert second.rpartition("/")[2].removesuffix(".ics").encode() not in bytes(row.token_digest)
    await desk.house.change("staff", desk.ids["li"], active=False)
    assert (await read(desk, second))[0] == 404
    await desk.house.change("staff", desk.ids["li"], active=True)
    assert (await li.post("/console/my-calendar/revoke"))[0] == 200
    assert (await li.get("/console/my-calendar")) == (200, {"since": None})
    assert (await read(desk, second))[0] == 404
    assert (await read(desk, "x"))[0] == 404


async def test_the_link_is_shown_once(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    async with li.session.post(f"{desk.url}/console/my-calendar", data={"csrf": li.csrf}) as page:
        assert "/calendar/" in await page.text()
    async with li.session.get(f"{desk.url}/console/my-calendar") as page:
        assert "/calendar/" not in await page.text()
