"""Rows as files that spreadsheet programs open: CSV and XLSX. No cell can become a formula."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

Cell = str | int | float | dt.datetime | None

BOM = "\ufeff"  # Excel takes UTF-8 for it by this mark
MOST_ROWS = 100_000
LONGEST_CELL = 32_767  # of Excel
SHOWN_WIDTH = 60
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # what XML cannot hold
_TIME = {"datetime": "dd/mm/yyyy hh:mm"}


class Format(StrEnum):
    """A kind of file; its value is the ending of its name."""

    CSV = "csv"
    XLSX = "xlsx"

    @property
    def media_type(self) -> str:
        """For the HTTP header."""
        if self is Format.CSV:
            return "text/csv; charset=utf-8"
        return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def defuse(value: str) -> str:
    """A cell that a spreadsheet program will not run: what would begin a formula gets an apostrophe in front."""
    return f"'{value}" if value.lstrip(" \u00a0").startswith(_BEGINS_FORMULA) else value


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Lines of CSV. Times are written as ``2026-11-22 10:05:00``, so that they sort."""
    out = io.StringIO()
    csv.writer(out).writerows([_csv_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _csv_cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return defuse(cell) if isinstance(cell, str) else str(cell)


class Sheet:
    """An XLSX file being written row by row; the rows are on disk, not in memory."""

    def __init__(self, title: str, header: Sequence[str]) -> None:
        self._is_open = True
        self._book = Workbook(write_only=True)
        self._sheet: Any = self._book.create_sheet(title[:31])
        self._sheet.freeze_panes = "A2"
        for number, name in enumerate(header, start=1):
            self._sheet.column_dimensions[get_column_letter(number)].width = min(SHOWN_WIDTH, max(12, len(name) + 4))
        self._sheet.append([self._text(name, bold=True) for name in header])

    def append(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows. Times must be on the reader's clock: a sheet knows no zones."""
        for row in rows:
            self._sheet.append([self._cell(cell) for cell in row])

    def save(self, file: IO[bytes]) -> None:
        """Finish the file; nothing can be added afterwards."""
        self._book.save(file)
        self._is_open = False

    def discard(self) -> None:
        """Give an unfinished file up: the library would keep its rows on disk until the process ends."""
        if self._is_open:
            self._is_open = False
            self._sheet.close()
            self._sheet._writer.cleanup()  # noqa: SLF001 - saving is the library's only other way to it

    def _cell(self, cell: Cell) -> Any:
        if isinstance(cell, dt.datetime):
            made = WriteOnlyCell(self._sheet, cell.replace(tzinfo=None, microsecond=0))
            made.number_format = _TIME["datetime"]
            return made
        return self._text(cell) if isinstance(cell, str) else cell

    def _text(self, value: str, *, bold: bool = False) -> Any:
        cell = WriteOnlyCell(self._sheet)
        # the type is set by hand: openpyxl would take what begins with = for a formula
        cell.value = _UNREADABLE.sub(" ", defuse(value))[:LONGEST_CELL]
        cell.data_type = "s"
        if bold:
            cell.font = Font(bold=True)
        return cell
