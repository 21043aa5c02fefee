"""Referrals as staff make them through the console: a unit, a case, what is picked, her consent, a link."""

from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, CookieJar

from tests.support.console import StaffClient

PHONE = "13812345678"
SUMMARY = "丈夫上周打了她三次，手臂青肿"
CASE = {
    "origin": "phone",
    "consent_way": "spoken",
    "name": "秀英",
    "hurt": "self",
    "phone": PHONE,
    "contact": "phone",
    "sms_ok": "no",
    "hours": "工作日上午",
    "cover_story": "就说打错了",
    "category": "dv",
    "risk": "1",
    "summary": SUMMARY,
    "wish": "想申请保护令",
    "done_police": "1",
    "evidence_injuries": "1",
    "other_name": "王某",
    "other_relation": "husband",
}
#: What the tests pass on unless they say otherwise; the other fields of the case stay at home.
PICKED = {
    "purpose": "受理人身安全保护令申请",
    "share_name": "1",
    "text_name": CASE["name"],
    "share_summary": "1",
    "text_summary": SUMMARY,
}
AGREED = {"way": "phone", "giver": "survivor", "at": "2026-03-03T09:30", "agreed": "1"}


async def add_unit(client: StaffClient, name: str = "清河县人民法院", kind: str = "court", **values: str) -> str:
    """A unit in the register, by a supervisor; its id."""
    status, answer = await client.post(
        "/console/units", {"name": name, "kind": kind, "phone": "0319-1234567", "answer_days": "3"} | values
    )
    assert status == 201, answer
    return str(answer["id"])


async def take_down(client: StaffClient, **values: str) -> dict[str, Any]:
    """A case typed in: id and number."""
    status, answer = await client.post("/console/cases", CASE | values)
    assert status == 201, answer
    return dict(answer)


async def draft(client: StaffClient, case_id: str, unit_id: str, **values: str) -> str:
    """A draft; its id."""
    status, answer = await client.post(f"/console/cases/{case_id}/referrals", PICKED | {"unit": unit_id} | values)
    assert status == 201, answer
    return str(answer["id"])


async def passed_on(client: StaffClient, case_id: str, unit_id: str, **values: str) -> str:
    """A referral she agreed to, open; its id."""
    referral_id = await draft(client, case_id, unit_id, **values)
    status, answer = await client.post(f"/console/referrals/{referral_id}/consent", AGREED)
    assert status == 200, answer
    return referral_id


async def link_of(client: StaffClient, referral_id: str) -> tuple[str, str]:
    """A new link: its path and code."""
    status, answer = await client.post(f"/console/referrals/{referral_id}/link")
    assert status == 201, answer
    return "/referral/" + answer["link"].rpartition("/")[2], answer["code"]


@dataclass
class Seen:
    """What a browser got."""

    status: int
    text: str
    headers: Any


class UnitBrowser:
    """A browser at a partner unit: `async with UnitBrowser(url) as unit:`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = ClientSession(cookie_jar=CookieJar(unsafe=True))

    async def __aenter__(self) -> "UnitBrowser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def get(self, path: str) -> Seen:
        async with self.session.get(self.url + path) as got:
            return Seen(got.status, await got.text(), got.headers)

    async def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> Seen:
        async with self.session.post(self.url + path, data=form, headers=headers) as got:
            return Seen(got.status, await got.text(), got.headers)

    async def open(self, link: tuple[str, str]) -> Seen:
        """Give the code of a link; the page that follows."""
        return await self.post(link[0], code=link[1])
