"""Demo data for development, and the first administrator of a real installation."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from bot import clock
from bot.cli.common import open_database
from bot.config import Settings
from bot.console.passwords import hash_password
from storage.database import Transaction
from storage.models import Area, ServicePoint, new_id
from storage.repositories import activities, staff, units
from storage.repositories.units import UnitView

_FILE = Path(__file__).parent / "demo.yaml"


async def seed(settings: Settings) -> dict[str, str]:
    """Staff, activities and places, once: nothing when there is any staff; passwords by login."""
    book: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    async with open_database(settings) as database, database.transaction() as tx:
        if await staff.list_all(tx):
            return {}
        now = clock.now()
        areas = await _add_areas(tx, book["areas"])
        for place in book["points"]:
            values = {**place, "area_id": areas.get(place.pop("area", ""))}
            await tx.insert(ServicePoint, {"id": new_id(), **values})
        for activity in book["activities"]:
            await _add_activity(tx, activity, now, settings.service.timezone)
        for one in book["units"]:
            unit = UnitView(
                **(
                    {"id": "", "area_id": None, "note": "", "active": True}
                    | one
                    | {"categories": tuple(one["categories"])}
                )
            )
            await units.add(tx, unit, now)
        passwords = {}
        for login, person in book["staff"].items():
            passwords[login] = secrets.token_urlsafe(9)
            await staff.add(
                tx,
                login=login,
                name=person["name"],
                role=person["role"],
                area_id=areas.get(person.get("area", "")),
                password_hash=hash_password(passwords[login]),
                now=now,
            )
        return passwords


async def first_admin(settings: Settings) -> dict[str, str]:
    """An administrator for an installation without any staff; her password by login."""
    async with open_database(settings) as database, database.transaction() as tx:
        if await staff.list_all(tx):
            return {}
        password = secrets.token_urlsafe(12)
        await staff.add(
            tx,
            login="admin",
            name="管理员",
            role="admin",
            password_hash=hash_password(password),
            now=clock.now(),
        )
        return {"admin": password}


async def seed_activities(tx: Transaction, zone: str) -> None:
    """The demo's activities alone (terminal chat)."""
    book: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    for activity in book["activities"]:
        await _add_activity(tx, activity, clock.now(), zone)


async def _add_areas(tx: Transaction, tree: list[dict[str, Any]], parent: str | None = None) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree:
        area_id = new_id()
        await tx.insert(
            Area,
            {
                "id": area_id,
                "parent_id": parent,
                "code": node["code"],
                "name": node["name"],
                "level": node["level"],
            },
        )
        found[node["code"]] = area_id
        found |= await _add_areas(tx, node.get("areas", []), area_id)
    return found


async def _add_activity(tx: Transaction, activity: dict[str, Any], now: datetime, zone: str) -> None:
    hour, minute = map(int, str(activity["time"]).split(":"))
    day = clock.local(now, zone).date() + timedelta(days=int(activity["in_days"]))
    start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
    await activities.create_activity(
        tx,
        title=activity["title"],
        description=activity["description"],
        place=activity["place"],
        starts_at=start,
        ends_at=start + timedelta(hours=2),
        signup_closes_at=start - timedelta(hours=3),
        capacity=int(activity["capacity"]),
        now=now,
        audience=activity.get("audience", ""),
        phone=activity.get("phone", ""),
    )
