"""The year as cadres see it: every day with its state, a draft begun, put off and taken up, a file for phones."""

from datetime import timedelta

from bot import clock
from tests.bot.console.conftest import Desk

KEY = "2027-womens-week"


async def test_a_cadre_begins_puts_off_and_takes_up(desk: Desk) -> None:
    cadre = await desk.signed_in("wang", "cadre")
    status, made = await cadre.post(f"/console/calendar/{KEY}/draft")
    assert status == 200
    assert (await cadre.post(f"/console/calendar/{KEY}/draft"))[1] == made, "there is one a year"

    async def state() -> tuple[str, str | None]:
        _, lines = await cadre.get("/console/calendar?year=2027")
        line = next(one for one in lines if one["key"] == KEY)
        return line["status"], line["author"]

    assert await state() == ("draft", desk.ids["wang"])
    assert (await cadre.post(f"/console/calendar/{KEY}/decline"))[0] == 200
    assert (await state())[0] == "declined"
    assert (await cadre.post(f"/console/calendar/{KEY}/draft"))[0] == 409
    assert (await cadre.post(f"/console/calendar/{KEY}/restore"))[0] == 200
    assert (await state())[0] == "draft"
    assert (await cadre.post("/console/calendar/2027-no-such-day/draft"))[0] == 404
    assert (await cadre.get("/console/calendar?year=20270"))[0] == 400
    actions = [row.action for row in await desk.house.rows("audit_entry")]
    assert actions[-4:] == ["occasion.begun", "occasion.begun", "occasion.declined", "occasion.restored"]


async def test_a_township_looks_and_does_not_decide(desk: Desk) -> None:
    local = await desk.signed_in("xiang", "local")
    status, lines = await local.get("/console/calendar?year=2027")
    assert (status, len(lines) > 20) == (200, True)
    assert (await local.post(f"/console/calendar/{KEY}/draft"))[0] == 403
    async with local.session.get(f"{desk.url}/console/calendar?year=2026") as page:
        shown = await page.text()
    assert "三八维权周" in shown
    assert "建草稿" not in shown


async def test_the_file_holds_days_and_activities_and_of_notices_only_that_there_is_one(desk: Desk) -> None:
    cadre = await desk.signed_in("wang", "cadre")
    await desk.house.add_activity("剪纸，第一课; 免费")
    status, made = await cadre.post(f"/console/calendar/{clock.now().year}-womens-week/draft")
    assert status == 200
    at = clock.now() + timedelta(days=2)
    await desk.house.change("campaign", made["campaign"], title="反家暴宣传", status="scheduled", scheduled_at=at)
    async with cadre.session.get(f"{desk.url}/console/calendar.ics") as response:
        assert response.content_type == "text/calendar"
        written = (await response.read()).decode()
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    unfolded = written.replace("\r\n ", "")
    assert written.count("BEGIN:VEVENT") == written.count("END:VEVENT") > 20
    assert "SUMMARY:剪纸，第一课\\; 免费" in unfolded
    assert f"DTSTART:{at:%Y%m%dT%H%M%SZ}" in unfolded
    assert "SUMMARY:发通知" in unfolded
    assert "反家暴宣传" not in unfolded
    assert f"DTSTART;VALUE=DATE:{clock.now().year}0301\r\nDTEND;VALUE=DATE:{clock.now().year}0309" in unfolded


async def test_an_activity_is_moved_and_whoever_signed_up_is_told(desk: Desk) -> None:
    cadre, worker = await desk.signed_in("wang", "cadre"), await desk.signed_in("li", "worker")
    session = await desk.house.add_activity("剪纸课")
    for words in ("报名剪纸课", "1", "跳过"):
        await desk.house.say(words)
    path = f"/console/sessions/{session}/change"
    assert (await worker.post(path, {"place": "妇女之家"}))[0] == 403
    status, refused = await cadre.post(path, {"place": "", "starts_at": "soon"})
    assert (status, sorted(refused["fields"])) == (400, ["place", "starts_at"])
    assert await cadre.post(path, {"place": "妇女之家"}) == (200, {"told": 1})
    assert await cadre.post(path, {"place": "妇女之家"}) == (200, {"told": 0})
    (row,) = await desk.house.rows("activity_session", id=session)
    assert row.place == "妇女之家"
    async with cadre.session.get(desk.url + path) as page:
        assert "告诉报名的人" in await page.text()
