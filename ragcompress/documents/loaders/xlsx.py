"""Excel: every sheet a heading and its tables, with the values last calculated, as Excel shows them.

Read here, with lxml: openpyxl pads every row to the last column in use, knows no format of numbers and, where
it reads row by row, nothing of what is hidden or joined.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from ...errors import MissingExtra, UnreadableFile
from ...places import Places
from . import Loaded
from ._clock import Clock
from ._grid import Cell, pipe_table
from ._markers import RESERVED, marker, unmark, without_markers
from ._office import Package, attribute, find, within
from ._sheets import Reader, Sheet, comments

# A table of which so little is filled is written cell by cell.
_SPARSE, _SMALL = 20, 20_000
_YEAR = re.compile(r"(?:19|20)\d\d")
# Spans are filled no further than this, in cells of one sheet.
_MOST_SPANNED = 200_000
# Headers are not looked for further down.
_MOST_NAMED = 6


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read a workbook; places are rows, counted from 1 within their sheet."""
    try:
        import lxml.etree  # noqa: F401
    except ImportError:
        raise MissingExtra("reading .xlsx files", "docs") from None

    package = Package(data)
    main = package.main or "xl/workbook.xml"
    book = package.xml(main)
    if book is None:
        raise ValueError("it has no workbook")
    left_out: Counter[str] = Counter()
    properties = find(book, "workbookPr")
    from_1904 = properties is not None and attribute(properties, "date1904") in ("1", "true")
    reader = Reader(package, left_out, clock, from_1904=from_1904)
    parts = package.targets(main)
    blocks: list[str] = []
    places: list[tuple[int, str | None]] = []
    for each in within(book, "sheet"):
        kind, part = parts.get(attribute(each, "id") or "", ("", ""))
        title = " ".join((each.get("name") or "").split())
        if each.get("state") in ("hidden", "veryHidden"):
            left_out["hidden sheet"] += 1
            continue
        if part not in package.names:
            left_out["broken sheet"] += 1
            continue
        sheet = reader.read(part) if kind == "worksheet" else Sheet()
        left_out["comment"] += sum(1 for _ in comments(package, part))
        tables = [*_tables(sheet, places, title, clock), *package.on_sheet(part)]
        if tables:
            start = f"## {marker(len(places))}{title}"
            places.append((min(sheet.rows, default=1), title))
            blocks += [start, *tables]
    if not blocks:
        raise UnreadableFile(name, "without text", "has no cell with a value")
    text, marks = unmark("\n\n".join(blocks))
    stretches = [(start, *places[number]) for start, number in marks]
    return Loaded(text, Places.of_stretches("row", stretches), notes=_notes(reader, name), left_out=left_out)


def _notes(reader: Reader, name: str) -> tuple[str, ...]:
    """One line about formulas without a value, where there are any."""
    n = reader.n_without_value
    if not n:
        return ()
    what = "cell holds a formula never calculated"
    if n > 1:
        what = "cells hold formulas that were never calculated"
    return (f"{name}: {n} {what}, given as formulas; open the file in Excel and save it once",)


def _tables(sheet: Sheet, places: list[tuple[int, str | None]], title: str, clock: Clock) -> Iterator[str]:
    """Tables of a sheet as Markdown, each row with a marker of its place."""
    _fill_spans(sheet)
    for part, numbers in ((part, n) for n in _apart(sheet) for part, n in _beside(sheet, n)):
        clock.check()
        rows = [(number, part.rows[number]) for number in numbers]
        columns = sorted({column for _, cells in rows for column in cells})
        n_cells = sum(len(cells) for _, cells in rows)
        marked = []
        for number, cells in rows:
            cleaned = {c: RESERVED.sub("", text) for c, text in cells.items()}
            first = min(cleaned)
            cleaned[first] = marker(len(places)) + cleaned[first]
            places.append((number, title))
            marked.append((number, cleaned))
        if len(rows) * len(columns) > max(_SMALL, _SPARSE * n_cells):
            yield "\n".join(
                "- "
                + "; ".join(f"{_letters(c)}{number}: {' '.join(text.split())}" for c, text in cells.items())
                for number, cells in marked
            )
            continue
        written = [_cells(cells, columns) for _, cells in marked]
        titles, table = pipe_table(written, _n_headers(part, numbers, written))
        yield from filter(None, (*titles, table))


def _cells(cells: dict[int, str], columns: Sequence[int]) -> list[Cell]:
    if len(cells) == 1 and len(columns) > 1 and next(iter(cells)) == columns[0]:
        return [Cell(next(iter(cells.values())), colspan=len(columns))]
    return [Cell(cells.get(column, "")) for column in columns]


def _n_headers(sheet: Sheet, numbers: Sequence[int], written: Sequence[list[Cell]]) -> int:
    """Rows of the header, titles above it included: more than one where cells of the first are joined."""
    n_titles = next((n for n, cells in enumerate(written) if len(cells) > 1), 0)
    if n_titles >= len(numbers):
        return 1
    top = last = numbers[n_titles]
    joined = defaultdict(list)
    for first, left, end, right in sheet.spans:
        joined[first].append((end, right > left))
    # What a joined cell covers has names of its own in the row below it.
    for n in range(n_titles, min(len(numbers), n_titles + _MOST_NAMED)):
        if numbers[n] > last:
            break
        for end, is_wide in joined[numbers[n]]:
            last = max(last, end, numbers[min(n + 1, len(numbers) - 1)] if is_wide else top)
    below = min(bisect_right(numbers, last), len(numbers) - 1, n_titles + _MOST_NAMED)
    while below > n_titles + 1 and not _are_names(sheet, numbers[n_titles:below]):
        below -= 1
    if below <= n_titles + 1 and _goes_on(sheet, numbers[n_titles : n_titles + 3]):
        _fill_gaps(written[n_titles], written[n_titles + 1])
        return n_titles + 2
    return max(below, n_titles + 1)


def _are_names(sheet: Sheet, numbers: Sequence[int]) -> bool:
    """Whether rows name columns: no numbers but years, and days where nothing names the row."""
    first = min(column for number in numbers for column in sheet.rows[number])
    for n, number in enumerate(numbers):
        cells = sheet.rows[number]
        is_named = n > 0 and cells.get(first, "") not in ("", sheet.rows[numbers[n - 1]].get(first))
        for column, text in cells.items():
            is_day = (number, column) in sheet.dates and not is_named
            if (number, column) in sheet.numbers and not (is_day or _YEAR.fullmatch(text)):
                return False
    return True


def _goes_on(sheet: Sheet, numbers: Sequence[int]) -> bool:
    """Whether the first of three rows has gaps over names, and the third values: a header of two rows."""
    if len(numbers) < 3 or numbers[1] != numbers[0] + 1:
        return False
    upper, lower, values = (sheet.rows[number] for number in numbers)
    columns = sorted({*upper, *lower, *values})
    gaps = [column for column in columns[1:] if column not in upper]
    return (
        bool(gaps)
        and len(upper) > 1
        and columns[0] not in lower
        and all(column in lower for column in gaps)
        and _are_names(sheet, numbers[:2])
        and any((numbers[2], column) in sheet.numbers for column in values)
    )


def _fill_gaps(upper: list[Cell], lower: Sequence[Cell]) -> None:
    """What stands above the first of several names is said of those beside it, too."""
    for n in range(2, len(upper)):
        if not upper[n].text and n < len(lower) and lower[n].text:
            upper[n] = Cell(without_markers(upper[n - 1].text))


def _beside(sheet: Sheet, numbers: list[int]) -> list[tuple[Sheet, list[int]]]:
    """Tables that stand beside each other, an empty column between them."""
    columns = sorted({column for number in numbers for column in sheet.rows[number]})
    groups = [[c for _, c in run] for _, run in groupby(enumerate(columns), lambda each: each[1] - each[0])]
    if len(groups) < 2 or len(numbers) < 3:
        return [(sheet, numbers)]
    titled = all(_is_titled(sheet, numbers, group) for group in groups)
    if not titled and not _are_tables(sheet, numbers, groups):
        return [(sheet, numbers)]
    charts = []
    for group in groups:
        part = replace(sheet, rows={})
        for number in numbers:
            if cells := {c: sheet.rows[number][c] for c in group if c in sheet.rows[number]}:
                part.rows[number] = cells
        if titled:
            part.rows[numbers[0]] = {group[0]: part.rows[numbers[0]][group[0]]}
        part.spans = [span for span in sheet.spans if group[0] <= span[1] <= group[-1]]
        charts.append((part, sorted(part.rows)))
    return charts


def _are_tables(sheet: Sheet, numbers: Sequence[int], groups: Sequence[Sequence[int]]) -> bool:
    """Whether columns are tables without titles, not parts of one: all named alike, or not equally long.

    Each has names above, words that name its rows, and numbers.
    """
    names, lengths = set(), set()
    for group in groups:
        rows = [[c for c in group if c in sheet.rows[number]] for number in numbers]
        n = max(k for k, row in enumerate(rows, 1) if row)
        in_numbers = [
            [c for c in row if (k, c) in sheet.numbers] for k, row in zip(numbers, rows, strict=True)
        ]
        if (
            len(group) < 2
            or n < 2
            or len(rows[0]) < len(group)
            or any(in_numbers[0])
            or any(group[0] not in row for row in rows[:n])
            or any(group[0] in row for row in in_numbers)
            or not any(in_numbers)
        ):
            return False
        names.add(tuple(sheet.rows[numbers[0]][c] for c in group))
        lengths.add(n)
    return len(names) == 1 or len(lengths) > 1


def _is_titled(sheet: Sheet, numbers: Sequence[int], group: Sequence[int]) -> bool:
    top, names, *body = numbers
    title = {c: sheet.rows[top][c] for c in group if c in sheet.rows[top]}
    return (
        len(group) > 1
        and group[0] in title
        and len(set(title.values())) == 1
        and sum(c in sheet.rows[names] for c in group) > 1
        and not any((number, c) in sheet.numbers for number in (top, names) for c in group)
        and not any((number, group[0]) in sheet.numbers for number in body)
    )


def _apart(sheet: Sheet) -> Iterator[list[int]]:
    """Row numbers of each table: a new one begins behind an empty row, with a title or a row of names."""
    numbers = sorted(sheet.rows)
    start = 0
    for n in range(1, len(numbers)):
        if numbers[n] > numbers[n - 1] + 1 and n - start > 1 and _begins_table(sheet, numbers, n, start):
            yield numbers[start:n]
            start = n
    if numbers:
        yield numbers[start:]


def _begins_table(sheet: Sheet, numbers: Sequence[int], n: int, start: int) -> bool:
    cells = sheet.rows[numbers[n]]
    if n + 1 >= len(numbers) or any((numbers[n], column) in sheet.numbers for column in cells):
        return False
    below = numbers[n + 1]
    if len(cells) == 1:
        return numbers[n + 1] == numbers[n] + 1 and len(sheet.rows[below]) > 1
    has_numbers = any(
        (number, c) in sheet.numbers for number in numbers[start + 1 : n] for c in sheet.rows[number]
    )
    return has_numbers and any((below, column) in sheet.numbers for column in sheet.rows[below])


def _fill_spans(sheet: Sheet) -> None:
    """Repeat the text of joined cells in every row and column that they cover and that is in use."""
    numbers = sorted(sheet.rows)
    used = sorted({column for cells in sheet.rows.values() for column in cells})
    left = _MOST_SPANNED
    for top, first, bottom, last in sheet.spans:
        text = sheet.rows.get(top, {}).get(first)
        rows = numbers[bisect_left(numbers, top) : bisect_right(numbers, bottom)]
        columns = used[bisect_left(used, first) : bisect_right(used, last)]
        left -= len(rows) * len(columns)
        if text is None or left < 0 or (len(sheet.rows[top]) == 1 and len(columns) > 1 and bottom == top):
            continue  # a title over its table is said once
        for row in rows:
            for column in columns:
                sheet.rows[row].setdefault(column, text)


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
