"""What a case holds, as texts people read: for documents and for what may be passed on to a unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.console import words
from storage.repositories.cases import CaseFile, PersonView, survivor_of

#: Relations of the other side that decide the law by themselves; an ex or a partner has to be asked about.
_RELATIONS: Mapping[str, str] = {
    "husband": "spouse",
    "wife": "spouse",
    "parent": "parent",
    "child": "child",
    "sibling": "relative",
    "relative": "relative",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Texts by name: `shared` for a unit, `sources` for documents, `choices` that follow from them."""

    shared: Mapping[str, str]
    sources: Mapping[str, str]
    choices: Mapping[str, str]


def facts_of(case: CaseFile, people: Sequence[PersonView], *, county: str = "", me: str = "") -> Facts:
    """Everything known of a case; what nobody has told is empty."""
    fields = case.fields
    survivor = survivor_of(list(people))
    other = next((one for one in people if one.role == "other_side"), None)
    relation = (other.relation if other else "") or _text(fields, "other_relation")
    done = _words(fields, "done", "done")
    evidence = _lines(_words(fields, "evidence", "evidence", "\n"), _text(fields, "evidence_note"))
    sources = {
        **_about("survivor", survivor),
        **_about("other_side", other),
        "case.number": case.number,
        "case.summary": _text(fields, "summary"),
        "case.done": done,
        "case.evidence": evidence,
        "case.matter": words.name("categories", case.category),
        "county.court": f"{county}{words.name('paper_words', 'court')}" if county else "",
        "me.name": me,
    }
    sources["survivor.name"] = sources["survivor.name"] or _text(fields, "survivor_name") or _own_name(fields)
    sources["survivor.phone"] = sources["survivor.phone"] or _text(fields, "phone")
    sources["survivor.address"] = sources["survivor.address"] or _text(fields, "place")
    sources["other_side.name"] = sources["other_side.name"] or _text(fields, "other_name")
    shared = {
        "name": sources["survivor.name"],
        "phone": sources["survivor.phone"],
        "contact": _words(fields, "contact", "contact"),
        "hours": _text(fields, "hours"),
        "cover_story": _text(fields, "cover_story") or str(case.wishes.get("cover_story") or ""),
        "area": _text(fields, "area"),
        "address": sources["survivor.address"],
        "reporter": _reporter(people, survivor),
        "circumstances": _words(fields, "circumstances", "circumstances"),
        "category": words.name("categories", case.category),
        "summary": sources["case.summary"],
        "danger": _danger(case),
        "done": done,
        "evidence": evidence,
        "wish": _text(fields, "wish"),
        "other_side": "，".join(filter(None, (sources["other_side.name"], words.name("relations", relation)))),
        "children": "、".join(one.name or words.name("case_roles", "child") for one in people if one.role == "child"),
    }
    return Facts(shared, sources, {"other_side.relation": _RELATIONS.get(relation, "")})


def age_at_most(people: Sequence[PersonView], year: int) -> int | None:
    """The oldest the survivor can be in `year`, as far as her year of birth is known."""
    survivor = survivor_of(list(people))
    born = str((survivor.fields if survivor else {}).get("birth_year") or "")
    return year - int(born) if born.isdecimal() else None


def _about(who: str, person: PersonView | None) -> dict[str, str]:
    fields: Mapping[str, Any] = person.fields if person else {}
    born = str(fields.get("birth_year") or "")
    return {
        f"{who}.name": person.name if person else "",
        f"{who}.phone": person.phone if person else "",
        f"{who}.birth": words.name("paper_words", "year").format(year=born) if born else "",
        f"{who}.id_number": str(fields.get("id_number") or ""),
        f"{who}.address": str(fields.get("address") or ""),
    }


def _reporter(people: Sequence[PersonView], survivor: PersonView | None) -> str:
    reporter = next((one for one in people if one.role == "reporter" and one is not survivor), None)
    if reporter is None:
        return ""
    return "，".join(filter(None, (reporter.name, words.name("relations", reporter.relation))))


def _danger(case: CaseFile) -> str:
    kinds = "、".join(words.name("risk_kinds", str(one)) for one in case.fields.get("risk_kinds") or ())
    return "；".join(filter(None, (words.name("risk", str(case.risk)) if case.risk else "", kinds)))


def _own_name(fields: Mapping[str, Any]) -> str:
    """How she who wrote is called, when it is she who is hurt."""
    return _text(fields, "name") if fields.get("hurt") != "other" else ""


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""


def _words(fields: Mapping[str, Any], name: str, group: str, between: str = "、") -> str:
    value = fields.get(name) or ()
    listed = [value] if isinstance(value, str) else list(value)
    return between.join(words.name(group, str(one)) for one in listed)


def _lines(*texts: str) -> str:
    return "\n".join(filter(None, texts))
