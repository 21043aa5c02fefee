"""How dangerous a message sounds: rules that give their reason, and a learned voice beside them.

Reading goes in four passes. Sayings and homonyms are taken out of the text first (笑死我了, 打电话). Then
every rule that can match is tried. What frames a match decides what it is worth: a denial, a film, the
news or a joke takes it away, a question about the law without a person in it or a thing long past lowers
it to concern. Rules marked `weak`, whose words may also mean nothing, need the voice's assent to count as
danger (nlp/voice.py); the voice speaks up alone when it is very sure. Last, what several findings say
together. Rules are data (data/risk/*.yaml); without the voice they all count, and reading never raises.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from nlp.meaning import Risk
from nlp.patterns import Rule, Rules, compile_rules, fill, read_yaml
from nlp.text import DATA, normalise
from nlp.voice import Voice, voice

_FOLDER = DATA / "risk"
_RULE_FILES = ("cries.yaml", "plain.yaml", "violence.yaml", "self_harm.yaml", "harm.yaml", "latin.yaml")
#: A denial or a question about the law frames the whole of a short message, but not of a long account.
_SHORT = 30
#: One syllable of pinyin after another: a word of English seldom is (「start」, 「would」 are none).
_PINYIN = re.compile(
    r"(?:(?:[zcs]h|[bpmfdtnlgkhjqxrzcsyw])?"
    r"(?:i?ang|iong|uang|eng|ing|ong|ian|iao|uai|uan|ai|an|ao|ei|en|er|ia|ie|in|iu|ou|ua|ue|ui|un|uo|ve|[aeiouv]))++"
)
_NO_LETTER = re.compile(r"[^a-z]+")
#: What parts one clause from the next.
_CLAUSE_END = re.compile(r"[,。?!;]")
_SELF = frozenset({"suicide", "self_harm"})
#: How many characters on each side of a match the voice hears.
_AROUND = 40
#: The voice hears a text up to this long as a whole.
_WHOLE = 90
#: A weak rule counts as danger from this chance on, and as concern from the next (calibrated by `make eval`).
_ASSENT = 0.7
_HALF_ASSENT = 0.25
#: The voice alone calls it danger, or concern, from these on.
_ALONE_DANGER = 0.9
_ALONE_CONCERN = 0.85
#: The same for danger where no grave character stands in the text: 「豆腐买好了」 is near 「药买好了」.
_ALONE_UNSAID = 0.97
#: Nothing shorter is enough for the voice alone.
_SHORTEST = 5


@dataclass(frozen=True, slots=True)
class _Frame:
    """An expression around a match, and characters of which one must be there for it to match."""

    pattern: re.Pattern[str]
    key: frozenset[str]

    def found(self, text: str, characters: set[str]) -> bool:
        return not self.key.isdisjoint(characters) and self.pattern.search(text) is not None


@dataclass(frozen=True, slots=True)
class _Rulebook:
    rules: Rules
    #: For texts in pinyin, matched without spaces.
    pinyin: Rules
    idioms: Rules
    joke: _Frame
    fiction: _Frame
    law: _Frame
    supposed: re.Pattern[str]
    past: _Frame
    fine: _Frame
    mine: re.Pattern[str]
    negation: re.Pattern[str]
    negation_self: re.Pattern[str]
    now: _Frame
    again: _Frame
    recent: _Frame
    #: Characters without one of which the voice must be surer to speak up alone.
    grave: frozenset[str]
    #: The kind and the reason for each name the voice may give.
    voice: Mapping[str, tuple[str, str]]


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
    latin = _FOLDER / "latin.yaml"
    pinyin = compile_rules(latin, read_yaml(latin)["pinyin"], words)
    return _Rulebook(
        rules=Rules(rules),
        pinyin=Rules(pinyin),
        idioms=Rules(compile_rules(_FOLDER / "excuses.yaml", excuses["idioms"], words)),
        joke=_frame(excuses["joke"]),
        fiction=_frame(excuses["fiction"]),
        law=_frame(excuses["law"]),
        supposed=re.compile(excuses["supposed"]),
        past=_frame(excuses["past"]),
        fine=_frame(excuses["fine"]),
        mine=re.compile(words["mine"]),
        negation=re.compile(f"(?:{excuses['negation']})[^,。?!]{{0,2}}$"),
        negation_self=re.compile(f"(?:{excuses['negation_self']})(?:去|再|要)?$"),
        now=_frame(words["now"]),
        again=_frame(words["again"]),
        recent=_frame(excuses["recent"]),
        grave=frozenset(words["grave"]),
        voice={name: (entry["kind"], entry["reason"]) for name, entry in read_yaml(_FOLDER / "voice.yaml").items()},
    )


@dataclass(slots=True)
class _Finding:
    kind: str
    level: int
    urgent: bool
    reason: str
    weak: bool = False
    #: She speaks of herself in the very match.
    own: bool = False
    place: int = 0


def prepare() -> None:
    """Load rules and voice, so that the first message is read as fast as the next. ConfigError for broken rules."""
    _book()
    voice()


def read(text: str) -> Risk:
    """The risk in one message. Never raises; the same text always gives the same answer."""
    return read_normalised(normalise(text))


def read_normalised(text: str) -> Risk:
    """The same for a text that `normalise` has already been over."""
    return _read(text, voice())


def read_by_rules(text: str) -> Risk:
    """What the rules say without the voice: what is left when its model cannot be read."""
    return _read(normalise(text), None)


def _read(text: str, heard: Voice | None) -> Risk:
    book = _book()
    characters = set(text)
    bare = text
    for idiom in book.idioms.candidates(characters):
        bare = idiom.pattern.sub("、", bare)
    findings = [*_findings(book, book.rules, bare), *_in_pinyin(book, bare)]
    if findings:
        findings = _framed(book, bare, characters, findings)
        if heard is not None:
            findings = [one for one in (_assented(heard, bare, one) for one in findings) if one.level]
    if heard is not None and not any(one.level == 2 for one in findings):
        findings = [*findings, *_alone(book, heard, (text, bare), characters)]
    return _together(book, text, characters, findings)


def _assented(heard: Voice, text: str, finding: _Finding) -> _Finding:
    """A weak finding after the voice has heard what stands around it; others as they are."""
    if not finding.weak or not finding.level:
        return finding
    around = text if len(text) <= _WHOLE else text[max(0, finding.place - _AROUND) : finding.place + _AROUND]
    opinion = heard.hear(around)
    if opinion.danger >= _ASSENT:
        return finding
    sure = opinion.either >= _HALF_ASSENT or (finding.level == 2 and finding.kind in _SELF)
    level = min(finding.level, 1) if sure else 0
    return _Finding(finding.kind, level, False, finding.reason)


def _alone(book: _Rulebook, heard: Voice, texts: tuple[str, str], characters: set[str]) -> list[_Finding]:
    """What the voice alone makes of a text in which no rule found danger: as it is, and without its sayings."""
    text, bare = texts
    if len(text) < _SHORTEST:
        return []
    opinion = heard.hear(text)
    if bare != text:
        if len(bare) < _SHORTEST:
            return []
        opinion = min(opinion, heard.hear(bare), key=lambda one: one.either)
    if opinion.either < _ALONE_CONCERN:
        return []
    if any(frame.found(text, characters) for frame in (book.fiction, book.joke, book.fine)):
        return []
    enough = _ALONE_UNSAID if book.grave.isdisjoint(characters) else _ALONE_DANGER
    level = 2 if opinion.danger >= enough and not _only_supposes(book, text, characters) else 1
    if opinion.danger > opinion.concern and level < 2 and book.grave.isdisjoint(characters):
        return []
    kind, reason = book.voice[heard.name(opinion)]
    return [_Finding(kind, level, level == 2 and kind == "child", reason)]


def _only_supposes(book: _Rulebook, text: str, characters: set[str]) -> bool:
    """Whether all of a short message is a question about the law of what might be (如果他打我，算不算家暴)."""
    if len(text) > _SHORT or not (book.law.found(text, characters) and book.supposed.search(text)):
        return False
    return not any(frame.found(text, characters) for frame in (book.now, book.again, book.recent))


def _in_pinyin(book: _Rulebook, text: str) -> list[_Finding]:
    """What a text says that is pinyin from beginning to end, however it is spaced."""
    if not text.isascii():
        return []
    together = _NO_LETTER.sub("", text)
    return _findings(book, book.pinyin, together) if _PINYIN.fullmatch(together) else []


def _findings(book: _Rulebook, rules: Rules, text: str) -> list[_Finding]:
    """The first match of every rule. A rule with `instead` keeps later rules of that kind off its own words."""
    found = []
    taken: list[tuple[str, int, int]] = []
    for rule in rules.candidates(set(text)):
        fields = rule.fields
        match = _free(rule, text, [span for span in taken if span[0] == fields["kind"]])
        if match is None:
            continue
        if "instead" in fields:
            taken.append((fields["instead"], match.start(), match.end()))
        denied = book.negation_self if fields["kind"] in _SELF else book.negation
        before = text[max(0, match.start() - 6) : match.start()]
        own = "我" in match.group()
        if denied.search(before) or ("你" in before and not own and fields["kind"] in _SELF):
            continue
        found.append(
            _Finding(
                fields["kind"],
                fields["level"],
                fields.get("urgent", False),
                fields["reason"],
                weak=fields.get("weak", False),
                own=own,
                place=match.start(),
            )
        )
    return found


def _free(rule: Rule, text: str, taken: list[tuple[str, int, int]]) -> re.Match[str] | None:
    """The first match that touches no span already spoken for."""
    match = rule.pattern.search(text)
    while match is not None:
        busy = next((end for _, start, end in taken if match.start() < end and start < match.end()), None)
        if busy is None:
            return match
        match = rule.pattern.search(text, busy)
    return None


def _framed(book: _Rulebook, text: str, characters: set[str], findings: list[_Finding]) -> list[_Finding]:
    """The findings after what surrounds them has been weighed."""
    short = len(text) <= _SHORT
    if short and (book.fine.found(text, characters) or book.joke.found(text, characters)):
        return [_Finding(one.kind, int(one.kind in _SELF), False, one.reason) for one in findings]
    if book.fiction.found(text, characters):
        return [
            one if one.own and not one.weak else _Finding(one.kind, 1, False, one.reason)
            for one in findings
            if (one.own and not one.weak) or (one.kind in _SELF and not short)
        ]
    personal = book.mine.search(text) is not None
    ongoing = book.now.found(text, characters) or book.again.found(text, characters)
    if book.law.found(text, characters) and not (personal and (ongoing or not short)):
        return [
            one if one.own and not _asks(book, text, one) else _lowered(one, personal)
            for one in findings
            if personal or not (short and one.weak)
        ]
    if book.past.found(text, characters) and not book.recent.found(text, characters):
        return [_lowered(one, not one.weak) if _can_be_past(one) else one for one in findings]
    return findings


def _asks(book: _Rulebook, text: str, finding: _Finding) -> bool:
    """Whether the clause of the finding is itself the question about the law, or its condition (如果他打我)."""
    ends = [match.start() for match in _CLAUSE_END.finditer(text)]
    begin = max((end for end in ends if end < finding.place), default=0)
    end = min((end for end in ends if end >= finding.place), default=len(text))
    return any(pattern.search(text, begin, end) for pattern in (book.law.pattern, book.supposed))


def _can_be_past(finding: _Finding) -> bool:
    return (
        finding.kind in {"violence_pattern", "stalking", "drugs", "sexual_violence"}
        or (finding.kind == "violence_now" and not finding.urgent)
        or (finding.kind in {"child", "captivity"} and finding.weak)
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
