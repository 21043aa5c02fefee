"""A form filled: every block as pieces of text and gaps, ready to be written; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.papers.forms import Field, Form

_PLACE = re.compile(r"<([a-z_]+(?:\.[a-z_]+)?)>")
#: What stands where something is missing; the document marks it.
GAP = "______（待填写）"


class Gap:
    """Something nobody has told us."""

    def __repr__(self) -> str:
        return "GAP"


#: Text, or the one gap there is.
Piece = str | Gap
_GAP = Gap()


@dataclass(slots=True)
class Filled:
    """One block to write: its manner (title, line, heading, numbered, table …) and its pieces.

    `lines` for what has one or more lines, `rows` for tables (the first is the heading).
    """

    manner: str
    lines: list[list[Piece]] = field(default_factory=list)
    rows: list[list[list[Piece]]] = field(default_factory=list)
    widths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Values:
    """What is put into a form: texts by field, chosen keys by field, rows of the table, pairs (label, text)."""

    texts: Mapping[str, str]
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rows: Sequence[Mapping[str, str]] = ()
    pairs: Sequence[tuple[str, str]] = ()


def fill(form: Form, values: Values) -> list[Filled]:
    """All blocks of a form, in order; blocks whose condition is not met are left out."""
    filler = _Filler(form, values)
    return [filled for block in form.body if (filled := filler.block(block)) is not None]


def problems(form: Form, chosen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Choices that do not go together, by field: the label of the choice that may not be taken."""
    found = {}
    for one in form.fields:
        for key in chosen.get(one.name, ()):
            choice = one.choices.get(key)
            if choice is None:
                found[one.name] = key
                continue
            missing = any(not set(chosen.get(name, ())) & set(keys) for name, keys in choice.needs.items())
            against = any(set(chosen.get(name, ())) & set(keys) for name, keys in choice.unless.items())
            if missing or against:
                found[one.name] = choice.label
    return found


class _Filler:
    """Puts the values into the blocks of one form."""

    def __init__(self, form: Form, values: Values) -> None:
        self._form = form
        self._values = values
        self._fields = {one.name: one for one in form.fields}

    def block(self, block: Mapping[str, Any]) -> Filled | None:
        condition = block.get("when", "")
        if condition and not self._is_there(condition):
            return None
        manner, content = next(iter(block.items()))
        match manner:
            case "numbered":
                return self._numbered(content)
            case "paragraphs" | "listed":
                lines: list[list[Piece]] = [[one] for one in self._text(content).splitlines() if one.strip()]
                lines = lines or [[_GAP]]
                lines[0] = _joined([block.get("lead", ""), *lines[0]])
                return Filled(manner, lines)
            case "table":
                return self._table()
            case "pairs":
                rows: list[list[list[Piece]]] = [[[label], [text]] for label, text in self._values.pairs]
                return Filled("pairs", rows=rows, widths=(28, 72))
            case "rule":
                return Filled(manner)
            case "blank":
                return Filled(manner, [[""]] * int(content))
            case _:
                return Filled(manner, [self._pieces(str(content))])

    def _numbered(self, name: str) -> Filled:
        one, chosen = self._fields[name], self._values.chosen.get(name, ())
        lines = [self._pieces(one.choices[key].line) for key in one.choices if key in chosen]
        if lines and isinstance(lines[-1][-1], str):
            lines[-1][-1] = lines[-1][-1].removesuffix("；") + "。"
        return Filled("numbered", lines or [[_GAP]])

    def _table(self) -> Filled:
        columns = self._form.columns
        rows: list[list[list[Piece]]] = [[[one.label] for one in columns]]
        rows += [[[given.get(one.name, "").strip() or _GAP] for one in columns] for given in self._values.rows]
        if len(rows) == 1:
            rows += [[[""] for _ in columns] for _ in range(self._form.spare_rows)]
        return Filled("table", rows=rows, widths=tuple(one.width for one in columns))

    def _pieces(self, text: str) -> list[Piece]:
        """`text` with its places filled; neighbours joined."""
        pieces: list[Piece] = []
        at = 0
        for match in _PLACE.finditer(text):
            pieces.append(text[at : match.start()])
            pieces += self._place(match[1])
            at = match.end()
        pieces.append(text[at:])
        return _joined(pieces)

    def _place(self, name: str) -> list[Piece]:
        head, _, tail = name.partition(".")
        if head == "cite":
            return [self._form.cited[tail]]
        one = self._fields.get(head)
        if one is not None and one.choices:
            return self._choice(one, label=tail == "label")
        text = self._text(name)
        return [text] if text else [_GAP]

    def _choice(self, one: Field, *, label: bool) -> list[Piece]:
        chosen = [one.choices[key] for key in one.choices if key in self._values.chosen.get(one.name, ())]
        if not chosen:
            return [_GAP]
        return self._pieces(chosen[0].label if label or not chosen[0].line else chosen[0].line)

    def _text(self, name: str) -> str:
        return self._values.texts.get(name, "").strip()

    def _is_there(self, name: str) -> bool:
        return bool(self._values.chosen.get(name)) or bool(self._text(name))


def _joined(pieces: list[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != "":
            joined.append(piece)
    return joined
