"""Filled blocks as a .docx: A4, margins and sizes after GB/T 9704-2012, East Asian fonts, page numbers.

Fonts are named, not embedded: 仿宋 and 黑体 are on every Chinese Windows; Word, WPS and LibreOffice put the nearest
there is in their place.
"""

import io
import re
from collections.abc import Sequence
from datetime import datetime

from docx import Document
from docx.document import Document as Paper
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_COLOR_INDEX, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.styles.style import ParagraphStyle
from docx.table import _Cell
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from bot.papers.filling import GAP, Filled, Piece
from bot.papers.forms import Form

_LATIN, _BODY, _HEAD, _TITLE = "Times New Roman", "仿宋", "黑体", "宋体"
#: GB/T 9704-2012, 5.2: the type area of A4 is 156 mm × 225 mm; text in size 三号 (16 pt), 22 lines a page.
_TOP, _BOTTOM, _LEFT, _RIGHT = Mm(37), Mm(35), Mm(28), Mm(26)
_SIZE, _TITLE_SIZE, _TABLE_SIZE, _SMALL_SIZE, _NUMBER_SIZE = Pt(16), Pt(22), Pt(12), Pt(14), Pt(14)
_LINE = Pt(28)
_SMALLER_SIZE, _SMALLER_LINE = Pt(14), Pt(23)
#: Rows that are written into by hand.
_ROW = Mm(9)
_SIGNED = "_" * 16
#: What XML 1.0 cannot hold (section 2.2): control characters, lone surrogates, non-characters.
_UNWRITABLE = re.compile("[^\\t\\n\\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMERALS = "一二三四五六七八九十"


def write(form: Form, blocks: Sequence[Filled], now: datetime) -> bytes:
    """The document; `now` stands in its properties, and nothing else does."""
    paper = Document()
    _prepare(paper, form, now)
    for block in blocks:
        _write(paper, block)
    content = io.BytesIO()
    paper.save(content)
    return content.getvalue()


def _prepare(paper: Paper, form: Form, now: datetime) -> None:
    section = paper.sections[0]
    width, height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = _TOP, _BOTTOM
    section.left_margin, section.right_margin = _LEFT, _RIGHT
    section.page_width, section.page_height = width, height
    if form.landscape:
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = height, width
        section.top_margin, section.bottom_margin = Mm(26), Mm(28)
        section.left_margin, section.right_margin = Mm(25), Mm(25)
    if form.smaller:
        section.top_margin, section.bottom_margin = Mm(25), Mm(20)
    style = paper.styles["Normal"]
    assert isinstance(style, ParagraphStyle)
    style.font.name, style.font.size = _LATIN, _SMALLER_SIZE if form.smaller else _SIZE
    style.paragraph_format.line_spacing_rule = WD_LINE_SPACING.EXACTLY
    style.paragraph_format.line_spacing = _SMALLER_LINE if form.smaller else _LINE
    properties = style.element.get_or_add_rPr()
    _fonts(properties, _BODY)
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "en-US")
    language.set(qn("w:eastAsia"), "zh-CN")
    properties.append(language)
    style.paragraph_format.space_after = Pt(0)
    _number(section.footer.paragraphs[0])
    about = paper.core_properties
    about.author = about.last_modified_by = about.title = about.subject = about.comments = about.keywords = ""
    about.category = ""
    about.revision = 1
    about.created = about.modified = now.replace(tzinfo=None, microsecond=0)


def _write(paper: Paper, block: Filled) -> None:
    match block.manner:
        case "title":
            line = _line(paper, block.lines[0], font=_TITLE, size=_TITLE_SIZE, bold=True, indent=False)
            line.alignment = WD_ALIGN_PARAGRAPH.CENTER
            line.paragraph_format.line_spacing = Pt(34)
            line.paragraph_format.space_after = Pt(12)
        case "heading":
            line = _line(paper, block.lines[0], font=_HEAD, indent=False)
            line.paragraph_format.space_before = Pt(6)
            line.paragraph_format.keep_with_next = True
        case "numbered":
            for place, pieces in enumerate(block.lines):
                _line(paper, [f"{_numeral(place + 1)}、", *pieces])
        case "listed":
            for place, pieces in enumerate(block.lines):
                _line(paper, [f"{place + 1}. ", *pieces])
        case "flush":
            _line(paper, block.lines[0], indent=False).paragraph_format.keep_with_next = True
        case "small":
            line = _line(paper, block.lines[0], size=_SMALL_SIZE)
            line.paragraph_format.line_spacing = Pt(22)
            line.paragraph_format.space_before = Pt(8)
        case "sign":
            line = _line(paper, [*block.lines[0], _SIGNED], indent=False)
            line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            line.paragraph_format.space_before = Pt(8)
            line.paragraph_format.keep_with_next = True
        case "right" | "date":
            _line(paper, block.lines[0], indent=False).alignment = WD_ALIGN_PARAGRAPH.RIGHT
        case "table" | "pairs":
            _table(paper, block)
        case "rule":
            _rule(paper.add_paragraph())
        case _:
            for pieces in block.lines:
                _line(paper, pieces)


def _line(
    paper: Paper, pieces: Sequence[Piece], *, font: str = "", size: Pt | None = None, bold: bool = False,
    indent: bool = True,
) -> Paragraph:  # fmt: skip
    line = paper.add_paragraph()
    if indent:
        line.paragraph_format.first_line_indent = Pt((size or _SIZE).pt * 2)
    _put(line, pieces, font=font, size=size, bold=bold)
    return line


def _put(
    line: Paragraph, pieces: Sequence[Piece], *, font: str = "", size: Pt | None = None, bold: bool = False
) -> None:
    for piece in pieces:
        run = line.add_run(_UNWRITABLE.sub("", piece) if isinstance(piece, str) else GAP)
        if not isinstance(piece, str):
            run.font.highlight_color = WD_COLOR_INDEX.YELLOW
        if font:
            _fonts(run._element.get_or_add_rPr(), font)
        if size is not None:
            run.font.size = size
        if bold:
            run.font.bold = True


def _table(paper: Paper, block: Filled) -> None:
    section = paper.sections[0]
    assert section.page_width is not None
    assert section.left_margin is not None
    assert section.right_margin is not None
    width = section.page_width - section.left_margin - section.right_margin
    table = paper.add_table(len(block.rows), len(block.widths), style="Table Grid")
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    total = sum(block.widths)
    has_heading = block.manner == "table"
    for place, part in enumerate(block.widths):
        table.columns[place].width = int(width * part / total)
    for place, row in enumerate(block.rows):
        cells = table.rows[place].cells
        for number, pieces in enumerate(row):
            cells[number].width = int(width * block.widths[number] / total)
            _cell(cells[number], pieces, bold=(has_heading and place == 0) or (not has_heading and number == 0))
        if not any(piece for pieces in row for piece in pieces):
            table.rows[place].height = _ROW
        _row(table.rows[place]._tr, heading=has_heading and place == 0)
    paper.add_paragraph().paragraph_format.line_spacing = Pt(6)


def _cell(cell: _Cell, pieces: Sequence[Piece], *, bold: bool) -> None:
    cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
    line = cell.paragraphs[0]
    for piece in pieces:
        parts: list[Piece] = [*piece.split("\n")] if isinstance(piece, str) else [piece]
        for place, part in enumerate(parts):
            if place:
                line = cell.add_paragraph()
            line.paragraph_format.line_spacing = Pt(18)
            _put(line, [part], font=_HEAD if bold else "", size=_TABLE_SIZE)


def _row(row: "OxmlElement", *, heading: bool) -> None:  # type: ignore[valid-type]
    """A row stays on one page; the heading comes again on the next."""
    properties = row.get_or_add_trPr()  # type: ignore[attr-defined]
    for name in ("w:cantSplit", *(("w:tblHeader",) if heading else ())):
        properties.append(OxmlElement(name))


def _rule(line: Paragraph) -> None:
    borders = OxmlElement("w:pBdr")
    border = OxmlElement("w:bottom")
    for name, value in (("val", "dashed"), ("sz", "8"), ("space", "1"), ("color", "808080")):
        border.set(qn(f"w:{name}"), value)
    borders.append(border)
    line._p.get_or_add_pPr().append(borders)


def _number(line: Paragraph) -> None:
    """— 1 — in the middle of the foot (GB/T 9704-2012, 7.5)."""
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for part in ("— ", "PAGE", " —"):
        run = line.add_run("" if part == "PAGE" else part)
        run.font.size = _NUMBER_SIZE
        if part == "PAGE":
            _field(run, part)


def _field(run: Run, instruction: str) -> None:
    for kind in ("begin", "instruction", "separate", "shown", "end"):
        if kind == "instruction":
            element = OxmlElement("w:instrText")
            element.set(qn("xml:space"), "preserve")
            element.text = instruction
        elif kind == "shown":
            element = OxmlElement("w:t")
            element.text = "1"
        else:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        run._r.append(element)


def _fonts(properties: "OxmlElement", east_asian: str) -> None:  # type: ignore[valid-type]
    fonts = properties.get_or_add_rFonts()  # type: ignore[attr-defined]
    for name, value in (("ascii", _LATIN), ("hAnsi", _LATIN), ("cs", _LATIN), ("eastAsia", east_asian)):
        fonts.set(qn(f"w:{name}"), value)


def _numeral(number: int) -> str:
    """1 to 19 as they stand before a paragraph."""
    if number <= 10:
        return _NUMERALS[number - 1]
    return f"十{_NUMERALS[number - 11]}"
