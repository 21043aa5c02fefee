"""The form of a case, as posted: the fields of domain facts JL-10, read into what storage keeps."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot import clock
from bot.console import words
from handlers.words import safe_hours
from storage.repositories import cases
from storage.repositories.cases import CaseFile, CaseForm, PersonView

_LINE, _TEXT = 60, 4000
#: Fields of one line or one choice, by the group of words the choice is from.
_CHOICES = {"hurt": "hurt", "contact": "contact", "sms_ok": "yes_no", "voicemail_ok": "yes_no"}
_LINES = ("name", "phone", "hours", "cover_story", "place", "birth_year")
_TEXTS = ("summary", "wish", "evidence_note")
_TICKS = ("circumstances", "done", "evidence")
#: Typed in by staff; a conversation's channel stays what it is.
TYPED_ORIGINS = ("phone", "walk_in")


def read(
    form: Mapping[str, str], areas: Mapping[str, str], zone: str, case: CaseFile | None = None
) -> tuple[CaseForm, dict[str, str]]:
    """The posted form, and what is wrong with it by field. `case`: the one that is changed, if there is one."""
    problems: dict[str, str] = {}
    fields: dict[str, Any] = {name: _choice(form, name, group, problems) for name, group in _CHOICES.items()}
    fields |= {name: _text(form, name, _LINE, problems) for name in _LINES}
    fields |= {name: _text(form, name, _TEXT, problems) for name in _TEXTS}
    fields |= {name: [one for one in words.group(name) if form.get(f"{name}_{one}")] for name in _TICKS}
    category = _choice(form, "category", "categories", problems, required=True)
    risk = _choice(form, "risk", "risk", problems) or "0"
    area_id = form.get("area", "") or None
    if area_id is not None and area_id not in areas:
        problems["area"] = _problem("choose")
    fields["violence"] = bool(form.get("violence"))
    fields |= {"area": areas.get(area_id or "", ""), "area_id": area_id or ""}
    _check_year(fields["birth_year"], problems)
    if not fields["summary"]:
        problems.setdefault("summary", _problem("required"))
    origin = case.origin if case is not None else _origin(form, problems)
    read_form = CaseForm(
        fields=fields,
        category=category,
        risk=int(risk),
        area_id=area_id,
        origin=origin,
        consent_way=_consent(form, problems, case),
        consent_version=spoken_notice()["version"],
        rights_group=_choice(form, "rights_group", "rights_groups", problems),
        promised_at=read_day(
            form.get("promised", ""), zone, problems, "promised", case.promised_at if case else None
        ),
        people=_people(form, problems) if case is None else (),
        wishes=_wishes(fields),
    )
    return read_form, problems


def shown(case: CaseFile, zone: str) -> dict[str, str]:
    """A case as its form shows it."""
    fields = case.fields
    values = {name: str(fields.get(name) or "") for name in (*_CHOICES, *_LINES, *_TEXTS)}
    for name in _TICKS:
        ticked = fields.get(name) or []
        values |= {f"{name}_{one}": "1" for one in ticked if isinstance(ticked, list)}
    if case.promised_at is not None:
        values["promised"] = f"{clock.local(case.promised_at, zone):%Y-%m-%d}"
    if case.violence_at is not None:
        values["violence"] = "1"
    return values | {
        "category": case.category,
        "rights_group": case.rights_group,
        "risk": str(case.risk),
        "area": case.area_id or "",
        "origin": case.origin,
        "consent_way": case.consent_way,
        "version": str(case.version),
    }


def spoken_notice() -> Mapping[str, str]:
    """What is read out before a case is taken down: `version` and `text`."""
    return words.group("spoken_notice")


def read_day(
    text: str, zone: str, problems: dict[str, str], name: str, known: datetime | None = None
) -> datetime | None:
    """The end of the named day in `zone`, as an aware moment; None for nothing typed.

    A day that is over is a problem, unless it is the one that was `known` before.
    """
    if not text.strip():
        return None
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").replace(hour=23, minute=59, tzinfo=ZoneInfo(zone))
    except ValueError:
        problems[name] = _problem("bad_date")
        return None
    if day < clock.now() and day != known:
        problems[name] = _problem("past")
    return day


def _problem(name: str, **values: object) -> str:
    return words.name("case_problems", name).format(**values)


def _text(form: Mapping[str, str], name: str, most: int, problems: dict[str, str]) -> str:
    value = form.get(name, "").strip()
    if len(value) > most:
        problems[name] = _problem("too_long", most=most)
    return value[:most]


def _choice(
    form: Mapping[str, str], name: str, group: str, problems: dict[str, str], *, required: bool = False
) -> str:
    value = form.get(name, "")
    if (value and value not in words.group(group)) or (required and not value):
        problems[name] = _problem("choose")
        return ""
    return value


def _check_year(year: str, problems: dict[str, str]) -> None:
    if year and not (year.isdigit() and len(year) == 4):
        problems["birth_year"] = _problem("year")


def _origin(form: Mapping[str, str], problems: dict[str, str]) -> str:
    origin = form.get("origin", "")
    if origin not in TYPED_ORIGINS:
        problems["origin"] = _problem("choose")
    return origin


def _consent(form: Mapping[str, str], problems: dict[str, str], case: CaseFile | None) -> str:
    """How she agreed; what a conversation recorded stays."""
    way = form.get("consent_way", "")
    known = case.consent_way if case is not None else ""
    if way not in words.group("consent_ways") or (way == "chat" and known != "chat"):
        if case is None or way:
            problems["consent_way"] = _problem("consent")
        return ""
    return way


def _people(form: Mapping[str, str], problems: dict[str, str]) -> tuple[PersonView, ...]:
    """Those named beside her: the survivor she speaks for, the other side."""
    found = []
    for role, prefix in (("survivor", "survivor"), ("other_side", "other")):
        name = _text(form, f"{prefix}_name", _LINE, problems)
        relation = _choice(form, f"{prefix}_relation", "relations", problems)
        if role == "survivor" and form.get("hurt") != "other":
            continue
        if name or relation:
            found.append(PersonView("", role, False, relation, name, ""))
    return tuple(found)


def _wishes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """How she may be contacted, as the safe-contact gate reads it."""
    wishes: dict[str, Any] = safe_hours(str(fields["hours"]))
    wishes["do_not_initiate"] = fields["contact"] == "none"
    if fields["cover_story"]:
        wishes["cover_story"] = fields["cover_story"]
    return wishes


def read_person(form: Mapping[str, str], person_id: str = "") -> tuple[PersonView, dict[str, str]]:
    """Somebody in a case as posted: role, relation, name, phone, birth_year, address, note."""
    problems: dict[str, str] = {}
    role = form.get("role", "")
    if role not in cases.ROLES:
        problems["role"] = _problem("choose")
    fields = {name: _text(form, name, _LINE, problems) for name in ("birth_year", "id_number", "address")}
    fields["note"] = _text(form, "note", 400, problems)
    _check_year(fields["birth_year"], problems)
    person = PersonView(
        person_id,
        role,
        False,
        _choice(form, "relation", "relations", problems),
        _text(form, "name", _LINE, problems),
        _text(form, "phone", _LINE, problems),
        {name: value for name, value in fields.items() if value},
    )
    return person, problems
