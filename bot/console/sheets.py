"""Rows of a file staff chose: .xlsx, or .csv in the encodings people here save; limited before it is unpacked."""

import csv
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import openpyxl

from bot.errors import BotError

#: A spreadsheet is a zip archive: what it unpacks to is limited before anything is unpacked.
_MOST_UNPACKED = 20 * 1024 * 1024
_XLSX_BEGINS = b"PK\x03\x04"


class BadSheet(BotError):
    """The file cannot be used; `key` is too_big, too_many or unreadable."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def read_rows(content: bytes, *, most_rows: int, most_bytes: int) -> Sequence[Sequence[Any]]:
    """The rows of the first sheet of .xlsx, or of .csv (UTF-8 or GB18030). Raises BadSheet."""
    if len(content) > most_bytes:
        raise BadSheet("too_big")
    rows = _sheet(content, most_rows) if content.startswith(_XLSX_BEGINS) else _lines(content)
    if len(rows) > most_rows:
        raise BadSheet("too_many")
    return rows


def text_at(row: Sequence[Any], place: int) -> str:
    """A cell as people read it."""
    value = row[place] if place < len(row) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _sheet(content: bytes, most_rows: int) -> Sequence[Sequence[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > _MOST_UNPACKED:
                raise BadSheet("too_big")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        rows = list(book.worksheets[0].iter_rows(values_only=True, max_row=most_rows + 1, max_col=30))
        book.close()
    except BadSheet:
        raise
    except Exception:
        # A damaged archive fails in many ways inside the library; to whoever chose the file they are one.
        raise BadSheet("unreadable") from None
    return rows


def _lines(content: bytes) -> Sequence[Sequence[Any]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return list(csv.reader(io.StringIO(content.decode(encoding), newline="")))
        except (UnicodeDecodeError, csv.Error):
            continue
    raise BadSheet("unreadable")
