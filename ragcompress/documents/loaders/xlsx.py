"""Excel, with openpyxl: every sheet a heading and a table of its last calculated values."""

from __future__ import annotations

import io
from datetime import date, datetime, time
from typing import Any

from ...errors import MissingExtra, UnreadableFile
from ...places import Places
from . import Loaded
from ._markdown import delimiter, row

# Excel's own limit. The reader fills gaps between rows, however large a row's number claims to be.
_MAX_ROWS = 1_048_576


def load(data: bytes, name: str) -> Loaded:
    """Read a workbook; places are rows, counted from 1 within their sheet."""
    try:
        import openpyxl
    except ImportError:
        raise MissingExtra("reading .xlsx files", "docs") from None

    lines: list[str] = []
    found: list[tuple[int, int, str | None]] = []
    length = 0
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    for sheet in book.worksheets:
        for number, line in _sheet(sheet):
            found.append((length, number, sheet.title))
            lines.append(line)
            length += len(line) + 1
    if not lines:
        raise UnreadableFile(name, "without text", "has no cell with a value")
    return Loaded("\n".join(lines), Places.of_stretches("row", found))


def _sheet(sheet: Any) -> list[tuple[int, str]]:
    """Lines of Markdown, each with the row that it stands for."""
    # The size that a sheet declares is often wrong, and costs as much as a sheet that is full.
    sheet.reset_dimensions()
    rows = []
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
        if number > _MAX_ROWS:
            raise ValueError(f"a sheet has at most {_MAX_ROWS:,} rows")
        if any(cells := [_cell(value) for value in values]):
            rows.append((number, cells))
    if not rows:
        return []
    used = {i for _, cells in rows for i, cell in enumerate(cells) if cell}
    columns = range(min(used), max(used) + 1)
    table = [(number, row([cells[i] if i < len(cells) else "" for i in columns])) for number, cells in rows]
    first = rows[0][0]
    header = [
        (first, f"## {' '.join(sheet.title.split())}"),
        (first, ""),
        table[0],
        (first, delimiter(len(columns))),
    ]
    return [*header, *table[1:], (rows[-1][0], "")]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
