"""Activities: what is on, a new one, who signed up, the list as a spreadsheet."""

import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.visit import BadForm, Visit
from handlers.wording import texts
from storage.repositories import activities
from storage.repositories.activities import SignUpLine

_MOST_SEATS = 5000
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def show_all(visit: Visit) -> web.StreamResponse:
    """All activities with their seats."""
    async with visit.house.database.reading() as tx:
        lines = await activities.list_activities(tx)
    if visit.wants_json:
        return visit.json([_json(line) for line in lines])
    return visit.page("activities.html", lines=lines)


async def ask_new(visit: Visit) -> web.StreamResponse:
    """The form for a new one."""
    return visit.page("activity_new.html", form={}, problems={})


async def create(visit: Visit) -> web.StreamResponse:
    """Check and keep it; from now on one can sign up by chat."""
    try:
        values = _read(visit.form, visit.zone)
    except BadForm as error:
        if visit.wants_json:
            raise
        return visit.page("activity_new.html", status=400, form=visit.form, problems=error.problems)
    async with visit.house.database.transaction() as tx:
        activity_id = await activities.create_activity(tx, now=clock.now(), created_by=visit.me.id, **values)
        await visit.record(tx, "activity.created", f"activity:{activity_id}")
    if visit.wants_json:
        return visit.json({"id": activity_id}, 201)
    return visit.go("/console/activities")


async def show_sign_ups(visit: Visit) -> web.StreamResponse:
    """Who comes; opening the list is written into the audit log."""
    session_id = visit.part("session")
    async with visit.house.database.transaction() as tx:
        session = await activities.find_line(tx, session_id)
        lines = await activities.list_sign_ups(tx, session_id)
        await visit.record(tx, "sign_ups.viewed", f"activity_session:{session_id}")
    if visit.wants_json:
        return visit.json([_line_json(line) for line in lines])
    return visit.page("sign_ups.html", session=session, lines=lines)


async def export_sign_ups(visit: Visit) -> web.StreamResponse:
    """The same as a spreadsheet to print and tick off."""
    session_id = visit.part("session")
    async with visit.house.database.transaction() as tx:
        session = await activities.find_line(tx, session_id)
        lines = await activities.list_sign_ups(tx, session_id)
        await visit.record(tx, "sign_ups.exported", f"activity_session:{session_id}")
    heading = f"{session.title}　{words.day(session.starts_at, visit.zone)}　{session.place}"
    return web.Response(
        body=_sheet(heading, lines, visit.zone),
        content_type=_XLSX,
        headers={"Content-Disposition": 'attachment; filename="sign-ups.xlsx"'},
    )


async def cancel(visit: Visit) -> web.StreamResponse:
    """Cancel an activity and tell everybody who signed up, through the gate like all we start."""
    activity_id = visit.part("activity")

    def say(starts_at: datetime) -> str:
        return texts("reminders.activity_cancelled", when=words.day(starts_at, visit.zone))

    async with visit.house.database.transaction() as tx:
        told = await activities.cancel_activity(tx, activity_id, say, clock.now())
        await visit.record(tx, "activity.cancelled", f"activity:{activity_id}")
    return visit.json({"told": told}) if visit.wants_json else visit.go("/console/activities")


def _read(form: dict[str, str], zone: str) -> dict[str, Any]:
    """The form as values of create_activity; times are local. Raises BadForm with a sentence per field."""
    problems: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, label, longest, needed in (
        ("title", "名称", 64, True),
        ("place", "地点", 128, True),
        ("description", "说明", 500, False),
        ("audience", "对象", 128, False),
        ("fee", "费用", 64, False),
        ("phone", "联系电话", 64, False),
    ):
        text = form.get(name, "").strip()
        if needed and not text:
            problems[name] = f"请填写{label}"
        elif len(text) > longest:
            problems[name] = f"{label}最多 {longest} 字"
        values[name] = text
    values["fee"] = values["fee"] or "免费"
    for name, label, default in (
        ("starts_at", "开始时间", ""),
        ("ends_at", "结束时间", ""),
        ("signup_closes_at", "报名截止", form.get("starts_at", "")),
    ):
        try:
            values[name] = read_moment(form.get(name, "").strip() or default, zone)
        except ValueError:
            problems[name] = f"请填写{label}，例如 2026-12-01T14:30"
    for name, label, default, most in (
        ("capacity", "名额", "", _MOST_SEATS),
        ("most_per_person", "每人最多", "5", 50),
    ):
        text = form.get(name, "").strip() or default
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            problems[name] = f"{label}请填 1 到 {most} 的数字"
        else:
            values[name] = int(text)
    if not problems:
        if values["ends_at"] <= values["starts_at"]:
            problems["ends_at"] = "结束时间要在开始之后"
        if values["signup_closes_at"] > values["ends_at"]:
            problems["signup_closes_at"] = "报名截止要在活动结束之前"
        if values["signup_closes_at"] <= clock.now():
            problems["signup_closes_at"] = "报名截止已经过了，请改晚一些"
    if problems:
        raise BadForm(problems)
    return values


def read_moment(text: str, zone: str) -> datetime:
    """What a field for day and time holds, local unless it names a zone. Raises ValueError."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=ZoneInfo(zone)) if value.tzinfo is None else value


def _sheet(heading: str, lines: list[SignUpLine], zone: str) -> bytes:
    """The list as .xlsx. Names are texts, never formulas, whatever they begin with."""
    output = io.BytesIO()
    book = xlsxwriter.Workbook(output, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("报名名单")
    bold = book.add_format({"bold": True, "border": 1, "bg_color": "#F3E9EC"})
    cell = book.add_format({"border": 1})
    sheet.merge_range(0, 0, 0, 5, heading, book.add_format({"bold": True, "font_size": 14}))
    for column, (title, width) in enumerate(
        (("序号", 6), ("称呼", 18), ("人数", 8), ("状态", 10), ("报名时间", 18), ("签到", 12))
    ):
        sheet.set_column(column, column, width)
        sheet.write_string(1, column, title, bold)
    for number, line in enumerate(lines, 1):
        sheet.write_number(number + 1, 0, number, cell)
        sheet.write_string(number + 1, 1, line.name, cell)
        sheet.write_number(number + 1, 2, line.seats, cell)
        sheet.write_string(number + 1, 3, words.name("sign_up_states", line.state), cell)
        sheet.write_string(number + 1, 4, words.moment(line.created_at, zone), cell)
        sheet.write_blank(number + 1, 5, None, cell)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(1)
    book.close()
    return output.getvalue()


def _json(line: activities.ActivityLine) -> dict[str, Any]:
    return {
        "id": line.activity_id,
        "session": line.session_id,
        "title": line.title,
        "status": line.status,
        "starts_at": line.starts_at.isoformat(),
        "capacity": line.capacity,
        "taken": line.taken,
        "waiting": line.waiting,
    }


def _line_json(line: SignUpLine) -> dict[str, Any]:
    return {"position": line.position, "state": line.state, "seats": line.seats, "name": line.name}
