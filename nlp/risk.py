"""How dangerous a message sounds, from patterns alone: it works when everything else has failed.

Reading goes in three passes. Sayings and homonyms are taken out of the text first (笑死我了, 打电话). Then
every rule that can match is tried; what frames a match decides what it is worth: a denial, a film, the
news or a joke takes it away, a question about the law without a person in it or a thing long past lowers
it to concern. Last, what several matches say together: an ongoing danger with a weapon, a child or a
plan is urgent. Rules are data (data/risk/*.yaml), and recall comes before precision.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from nlp.meaning import Risk
from nlp.patterns import Rule, compile_rules, fill, read_yaml
from nlp.text import DATA, normalise

_FOLDER = DATA / "risk"
_RULE_FILES = ("violence.yaml", "self_harm.yaml", "harm.yaml")
#: A denial or a question about the law frames the whole of a short message, but not of a long account.
_SHORT = 30
_SELF = frozenset({"suicide", "self_harm"})


@dataclass(frozen=True, slots=True)
class _Frame:
    """An expression around a match, and characters of which one must be there for it to match."""

    pattern: re.Pattern[str]
    key: frozenset[str]

    def found(self, text: str, characters: set[str]) -> bool:
        return not self.key.isdisjoint(characters) and self.pattern.search(text) is not None


@dataclass(frozen=True, slots=True)
class _Rulebook:
    rules: tuple[Rule, ...]
    idioms: tuple[Rule, ...]
    characters: frozenset[str]
    fiction: _Frame
    law: _Frame
    past: _Frame
    fine: _Frame
    mine: re.Pattern[str]
    negation: re.Pattern[str]
    negation_self: re.Pattern[str]
    now: _Frame
    again: _Frame
    recent: _Frame


def _frame(words: str) -> _Frame:
    return _Frame(re.compile(words), frozenset(word[0] for word in words.split("|") if word))


@cache
def _book() -> _Rulebook:
    words: Mapping[str, str] = read_yaml(_FOLDER / "words.yaml")
    words = {name: fill(pattern, words) for name, pattern in words.items()}
    excuses = read_yaml(_FOLDER / "excuses.yaml")
    rules: list[Rule] = []
    for name in _RULE_FILES:
        path = _FOLDER / name
        rules += compile_rules(path, read_yaml(path)["rules"], words)
    return _Rulebook(
        rules=tuple(rules),
        idioms=tuple(compile_rules(_FOLDER / "excuses.yaml", excuses["idioms"], words)),
        characters=frozenset().union(*(rule.key for rule in rules)),
        fiction=_frame(excuses["fiction"]),
        law=_frame(excuses["law"]),
        past=_frame(excuses["past"]),
        fine=_frame(excuses["fine"]),
        mine=re.compile(words["mine"]),
        negation=re.compile(f"(?:{excuses['negation']})[^,。?!]{{0,2}}$"),
        negation_self=re.compile(f"(?:{excuses['negation_self']})(?:去|再|要)?$"),
        now=_frame(words["now"]),
        again=_frame(words["again"]),
        recent=_frame(excuses["recent"]),
    )


@dataclass(slots=True)
class _Finding:
    kind: str
    level: int
    urgent: bool
    reason: str


def read(text: str) -> Risk:
    """The risk in one message. Never raises; the same text always gives the same answer."""
    return read_normalised(normalise(text))


def read_normalised(text: str) -> Risk:
    """The same for a text that `normalise` has already been over."""
    book = _book()
    characters = set(text)
    if book.characters.isdisjoint(characters):
        return Risk()
    for idiom in book.idioms:
        if not idiom.key.isdisjoint(characters):
            text = idiom.pattern.sub("、", text)
    findings = _findings(book, text, characters)
    if not findings:
        return Risk()
    findings = _framed(book, text, characters, findings)
    return _together(book, text, characters, findings)


def _findings(book: _Rulebook, text: str, characters: set[str]) -> list[_Finding]:
    found = []
    for rule in book.rules:
        match = rule.search(text, characters)
        if match is None:
            continue
        fields = rule.fields
        denied = book.negation_self if fields["kind"] in _SELF else book.negation
        if denied.search(text[max(0, match.start() - 6) : match.start()]):
            continue
        found.append(_Finding(fields["kind"], fields["level"], fields.get("urgent", False), fields["reason"]))
    return found


def _framed(book: _Rulebook, text: str, characters: set[str], findings: list[_Finding]) -> list[_Finding]:
    """The findings after what surrounds them has been weighed."""
    short = len(text) <= _SHORT
    if short and book.fine.found(text, characters):
        return [_Finding(one.kind, int(one.kind in _SELF), False, one.reason) for one in findings]
    if book.fiction.found(text, characters):
        return [_Finding(one.kind, 1, False, one.reason) for one in findings if one.kind in _SELF and not short]
    personal = book.mine.search(text) is not None
    ongoing = book.now.found(text, characters) or book.again.found(text, characters)
    if book.law.found(text, characters) and not (personal and (ongoing or not short)):
        return [_lowered(one, personal) for one in findings]
    if book.past.found(text, characters) and not book.recent.found(text, characters):
        return [_lowered(one, True) if _can_be_past(one) else one for one in findings]
    return findings


def _can_be_past(finding: _Finding) -> bool:
    return finding.kind in {"violence_pattern", "stalking", "drugs", "sexual_violence"} or (
        finding.kind == "violence_now" and not finding.urgent
    )


def _lowered(finding: _Finding, personal: bool) -> _Finding:
    keep = finding.kind in _SELF or finding.kind == "threat_to_kill" or (personal and finding.urgent)
    return finding if keep else _Finding(finding.kind, min(finding.level, 1), False, finding.reason)


def _together(book: _Rulebook, text: str, characters: set[str], findings: list[_Finding]) -> Risk:
    findings = [one for one in findings if one.level > 0]
    if not findings:
        return Risk()
    findings.sort(key=lambda one: (-one.level, not one.urgent))
    level = findings[0].level
    kept = [one for one in findings if one.level == level]
    urgent = any(one.urgent for one in kept)
    if level == 2 and not urgent:
        violent = any(one.kind in {"violence_pattern", "sexual_violence"} for one in kept)
        urgent = violent and book.now.found(text, characters) and "正" in characters
    kinds = tuple(dict.fromkeys(one.kind for one in kept))
    reasons = tuple(dict.fromkeys(one.reason for one in kept))
    return Risk(level, urgent, kinds, reasons)
