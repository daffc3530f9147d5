"""Sheets of a workbook → their cells, as shown. Only cells that are there are looked at: a note in the last
column costs no more than one in the first.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._clock import Clock
from ._html_inline import lowered, raised, struck
from ._number_formats import general, is_date, shown, text_shown
from ._office import Package, attribute, find, local, whole, within
from ._sheet_styles import Styles, is_on, is_white, place_of

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
"""Excel's own limits."""
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_EVERY = 1_024


@dataclass(slots=True)
class Sheet:
    """What a sheet shows.

    Attributes:
        rows: text by row and column, both from 1; no empty ones.
        numbers: places that hold a number or a date.
        dates: places that hold a date or a time.
        spans: (first row, first column, last row, last column) of joined cells.
        unseen: by place of letters of which some have the color of their ground, what is seen.
    """

    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    numbers: set[tuple[int, int]] = field(default_factory=set)
    dates: set[tuple[int, int]] = field(default_factory=set)
    spans: list[tuple[int, int, int, int]] = field(default_factory=list)
    unseen: dict[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """The text of a cell.

    Attributes:
        all: of every run.
        colored: what is seen on white where the cell's own letters are not white.
        by_itself: what is seen on white whatever the color of the cell's own letters.
    """

    all: str
    colored: str
    by_itself: str = ""

    def changed(self, change: Callable[[str], str]) -> Content:
        """The same with each text changed."""
        every = change(self.all)
        colored = every if self.colored == self.all else change(self.colored)
        return Content(every, colored, change(self.by_itself) if self.by_itself else "")


_NOTHING = Content("", "")


def shared_strings(package: Package) -> list[Content]:
    """Texts that cells refer to by number."""
    root = package.xml(package.part("sharedStrings", "xl/sharedStrings.xml"))
    return [] if root is None else [rich_text(item) for item in root if local(item) == "si"]


def rich_text(item: Any) -> Content:
    """Text of runs: raised and struck-out ones say so, the reading of Asian characters is left out."""
    every: list[str] = []
    colored: list[str] = []
    by_itself: list[str] = []
    for part in item:
        if local(part) == "t":
            every.append(part.text or "")
            colored.append(part.text or "")
        elif local(part) == "r":
            properties = find(part, "rPr")
            words = _words(part, properties, every)
            every.append(words)
            # A run without properties has the letters of its cell, one with some has none of them.
            if properties is None or not is_white(find(properties, "color")):
                colored.append(words)
                by_itself += [] if properties is None else [words]
    texts = ("".join(parts) for parts in (every, colored, by_itself))
    return Content(*(_ESCAPED.sub(_character, text) for text in texts))


def _words(run: Any, properties: Any, before: Sequence[str]) -> str:
    words = "".join(t.text or "" for t in run if local(t) == "t")
    if properties is None or not words.strip():
        return words
    align = find(properties, "vertAlign")
    moved = {"superscript": raised, "subscript": lowered}.get(
        (attribute(align, "val") or "") if align is not None else ""
    )
    if moved:
        words = moved(words.strip(), "".join(before)[-16:])
    return struck(words) if is_on(find(properties, "strike")) else words


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return " " if code < 32 or 0xD800 <= code < 0xE000 else chr(code)


class Reader:
    """Reads the sheets of one workbook.

    Args:
        left_out: counts what is hidden, and formulas without a value.
    """

    def __init__(self, package: Package, left_out: Counter[str], clock: Clock, *, from_1904: bool) -> None:
        self._package, self._left_out, self._clock = package, left_out, clock
        self._strings, self._styles = shared_strings(package), Styles(package)
        self._from_1904 = from_1904
        self._dates = [is_date(code) for code in self._styles.codes]
        # Of the sheet that is read.
        self._hidden_rows: dict[int, dict[int, str]] = {}
        self._shows_zeros = True
        self.n_without_value = 0

    def read(self, part: str) -> Sheet:
        """Read a sheet, row by row.

        Raises:
            ValueError: if a row or column lies where no sheet has one.
        """
        from lxml import etree

        sheet = Sheet()
        hidden: set[int] = set()
        self._hidden_rows, self._shows_zeros = {}, True
        is_plain = True
        events = etree.iterparse(
            io.BytesIO(self._package.read(part)), events=("end",), resolve_entities=False, no_network=True,
            huge_tree=True, remove_comments=True,
        )  # fmt: skip
        for count, (_, element) in enumerate(events):
            if not count % _EVERY:
                self._clock.check()
            match local(element):
                case "row":
                    self._row(element, sheet, hidden)
                    # With what stands before it: a tree of empty rows would grow all the same.
                    element.clear()
                    while element.getprevious() is not None:
                        del element.getparent()[0]
                case "col" if _is_true(element.get("hidden")) or _is_nothing(element.get("width")):
                    first, last = whole(element.get("min"), 1), whole(element.get("max"), 1)
                    hidden.update(range(max(1, first), min(last, MAX_COLUMNS) + 1))
                case "sheetView" if element.get("showZeros") in ("0", "false"):
                    self._shows_zeros = False
                case "mergeCell":
                    sheet.spans.append(_span(element.get("ref") or ""))
                case "tablePart" | "conditionalFormatting":
                    is_plain = False  # what colors the ground of cells
        if is_plain:
            self._take_out_unseen(sheet)
        self._move_joined(sheet, hidden)
        self._take_out(sheet, hidden)
        return sheet

    def _take_out_unseen(self, sheet: Sheet) -> None:
        """Leave out letters that nobody sees."""
        for (number, column), visible in sheet.unseen.items():
            is_shown = number in sheet.rows
            cells = sheet.rows[number] if is_shown else self._hidden_rows[number]
            if visible.strip():
                cells[column] = visible
            else:
                del cells[column]
            self._left_out["hidden run" if visible.strip() else "hidden cell"] += is_shown

    def _move_joined(self, sheet: Sheet, hidden: set[int]) -> None:
        """Joined cells that begin in a hidden row or column say the same in the first that is shown."""
        numbers = sorted(sheet.rows)
        for n, (top, first, bottom, last) in enumerate(sheet.spans):
            text = sheet.rows.get(top, self._hidden_rows.get(top, {})).get(first)
            if text is None or (top in sheet.rows and first not in hidden):
                continue
            row = next(iter(numbers[bisect_left(numbers, top) : bisect_right(numbers, bottom)]), None)
            column = next((c for c in range(first, last + 1) if c not in hidden), None)
            if row is not None and column is not None:
                sheet.rows[row].setdefault(column, text)
                sheet.spans[n] = (row, column, bottom, last)

    def _take_out(self, sheet: Sheet, hidden: set[int]) -> None:
        """Leave out hidden columns."""
        columns = {column for cells in sheet.rows.values() for column in cells} & hidden
        self._left_out["hidden column"] += len(columns)
        for cells in sheet.rows.values():
            for column in columns & cells.keys():
                del cells[column]
        sheet.rows = {number: cells for number, cells in sheet.rows.items() if cells}

    def _row(self, row: Any, sheet: Sheet, hidden: set[int]) -> None:
        number = whole(row.get("r"))
        number = number if number > 0 else max(sheet.rows, default=0) + 1
        if number > MAX_ROWS:
            raise ValueError(f"a sheet has at most {MAX_ROWS:,} rows")
        cells: dict[int, str] = {}
        column = 0
        for cell in row:
            place = _REFERENCE.fullmatch(cell.get("r") or "")
            column = _column(place[1]) if place else column + 1
            if column > MAX_COLUMNS:
                raise ValueError(f"a sheet has at most {MAX_COLUMNS:,} columns")
            content, is_number = self._cell(cell)
            if content.all.strip():
                cells[column] = content.all
                style = place_of(cell, "s")
                if is_number:
                    sheet.numbers.add((number, column))
                    if cell.get("t") == "d" or (style < len(self._dates) and self._dates[style]):
                        sheet.dates.add((number, column))
                if (visible := self._visible(content, style)) != content.all:
                    sheet.unseen[number, column] = visible
        if cells and (_is_true(row.get("hidden")) or _is_nothing(row.get("ht"))):
            self._left_out["hidden row"] += 1
            self._hidden_rows[number] = cells
        elif cells:
            sheet.rows.setdefault(number, {}).update(cells)

    def _visible(self, content: Content, style: int) -> str:
        """What of a text has another color than its ground, as far as the cell and the runs tell."""
        if not self._styles.is_filled(style):
            return content.by_itself if self._styles.is_white(style) else content.colored
        is_one = content.colored == content.all and not content.by_itself
        return "" if is_one and self._styles.is_on_own_color(style) else content.all

    def _cell(self, cell: Any) -> tuple[Content, bool]:
        """What a cell says, and whether it is a number."""
        value = formula = None
        style = place_of(cell, "s")
        for part in cell:
            name = local(part)
            if name == "v":
                value = part.text
            elif name == "f":
                formula = part
            elif name == "is":
                return self._text(rich_text(part), style), False
        kind = cell.get("t") or "n"
        if not value:
            if formula is None:
                return _NOTHING, False
            self.n_without_value += kind != "str"
            return _plain("" if kind == "str" else f"={formula.text or '…'}"), True
        if kind in ("s", "str"):
            return self._text(self._shared(value) if kind == "s" else _plain(value), style), False
        text, is_number = self._value(kind, value, style)
        return _plain(self._styles.marked(text, style)), is_number

    def _shared(self, number: str) -> Content:
        """A text by its number."""
        at = whole(number, -1)
        if 0 <= at < len(self._strings):
            return self._strings[at]
        self._left_out["broken cell"] += 1
        return _NOTHING

    def _code(self, style: int) -> str:
        return self._styles.codes[style] if style < len(self._styles.codes) else "General"

    def _text(self, content: Content, style: int) -> Content:
        code = self._code(style)
        marked = content.changed(lambda text: self._styles.marked(text_shown(text, code), style))
        self._left_out["hidden cell"] += bool(content.all.strip()) and not marked.all.strip()
        return marked

    def _value(self, kind: str, value: str, style: int) -> tuple[str, bool]:
        if kind == "b":
            return ("TRUE" if value == "1" else "FALSE"), False
        if kind != "n":  # an error such as #DIV/0!, a date in words
            return value, kind == "d"
        try:
            number = float(value)
        except ValueError:
            return value, False
        if not (number or self._shows_zeros):
            self._left_out["hidden cell"] += 1
            return "", True
        code = self._code(style)
        text = general(number) if code == "General" else shown(number, code, from_1904=self._from_1904)
        self._left_out["hidden cell"] += not text
        return text, True


def _plain(text: str) -> Content:
    return Content(text, text)


def _is_true(value: str | None) -> bool:
    return value in ("1", "true", "on")


def _is_nothing(size: str | None) -> bool:
    """Whether a width or height says that there is none."""
    try:
        return size is not None and float(size) == 0
    except ValueError:
        return False


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _span(reference: str) -> tuple[int, int, int, int]:
    first, _, last = reference.partition(":")
    ends = [_REFERENCE.fullmatch(part) for part in (first, last or first)]
    if ends[0] is None or ends[1] is None:
        return (1, 1, 1, 1)
    (a, b), (c, d) = ends[0].groups(), ends[1].groups()
    return (int(b), _column(a), int(d), _column(c))


def comments(package: Package, part: str) -> Iterator[str]:
    """Notes on the cells of a sheet."""
    for kind, path in package.targets(part).values():
        if kind in ("comments", "threadedComment") and (root := package.xml(path)) is not None:
            yield from (local(each) for each in within(root, "comment", "threadedComment"))
