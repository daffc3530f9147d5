"""Names on the first line of what describes them, as ``man`` prints short ones: ``TMPDIR Where files are``.

All lines of the description begin at one column, and so do those of the names beside it. A short paragraph is
one unit, label and value; a longer one, or several, belong to the name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .blocks import Block

# A name of up to four words, a gap, and words that describe it.
_WIDE = re.compile(r" *(\S{1,24}(?: \S{1,24}){0,3}?) {2,}(?=\S+ \S)")
# A name is no mark of an item, no row of a table, and does not end as a sentence does.
_NO_NAME = re.compile(r"[-*+•·o]|[-=]+>|\(?\w{1,3}[.)]|[|>#:~](?!\d).*|.*[.:;,!?|]|(?:\S+ ){4,}.*")
# A word of a sentence, unless a gap stands behind it.
_TITLED = re.compile(r"[A-Z][a-z]*(?![\w-])")
# As far as ``man`` indents, and a little further; a longer paragraph would take a whole budget.
_NARROWEST, _WIDEST, _LONGEST, _BLANKS = 3, 28, 600, 3
Place = tuple[int, int]
"""The columns of a name and of its description."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A name with the first paragraph behind it; ``goes_on``: what is below begins at its column, too."""

    start: int
    end: int
    place: Place
    is_wide: bool
    goes_on: bool
    more: bool


def columns(region: str) -> Iterator[Block]:
    """Such names, where a line below begins at the column of the first, or where there are several alike."""
    if "  " not in region or "\n" not in region:
        return
    lines = region.split("\n")
    wide: dict[int, set[int]] = {}
    for place in filter(None, map(_by_gap, lines)):
        wide.setdefault(place[0], set()).add(place[1])
    rows = list(_rows(lines, wide)) if wide else []
    alike, sure = Counter(row.place for row in rows), {row.place for row in rows if row.is_wide}
    for row in rows:
        if (row.place in sure and alike[row.place] > 1) or (row.is_wide and row.goes_on):
            is_short = row.end - row.start < _LONGEST and not row.more
            end = row.end if is_short else row.start + row.place[1]
            yield row.start, end, "list item" if is_short else "term"


def _rows(lines: Sequence[str], wide: Mapping[int, Collection[int]]) -> Iterator[_Row]:
    """Lines behind a blank one, below one that is indented less, or behind another name's description."""
    column = start = k = 0
    while k < len(lines):
        line, last = lines[k], k + 1
        above = lines[k - 1] if k else ""
        is_free = _indent(above) < _indent(line) or not above.strip() or (column and _indent(above) >= column)
        place = _place(line, lines[last : last + 1], wide) if is_free else None
        end = start + len(line)
        if place:
            column = place[1]
            while last < len(lines) and lines[last].strip() and _indent(lines[last]) >= column:
                end += 1 + len(lines[last])
                last += 1
            below = next((other for other in lines[last : last + _BLANKS] if other.strip()), "")
            more = not "".join(lines[last : last + 1]).strip() and _indent(below) == column
            name = line[: column - 1]
            yield _Row(start, end, place, name != name.rstrip(), last > k + 1 or more, more)
        elif line.strip() and _indent(line) < column:
            column = 0
        start, k = end + 1, last


def _place(line: str, below: Sequence[str], wide: Mapping[int, Collection[int]]) -> Place | None:
    """Where a name and its description begin: by the line below, by a gap, or as beside it."""
    indent = _indent(line)
    if not line.strip() or "\t" in line:
        return None
    hanging = (indent, _indent(below[0])) if below and below[0].strip() else None
    beside = ((indent, column) for column in sorted(wide.get(indent, ())))
    return next((p for p in (hanging, _by_gap(line), *beside) if p and _fits(line, p)), None)


def _by_gap(line: str) -> Place | None:
    found = _WIDE.match(line)
    place = (_indent(line), found.end()) if found else None
    return place if place and _fits(line, place) else None


def _fits(line: str, place: Place) -> bool:
    """Whether a name stands before a column, and something begins there."""
    indent, column = place
    if not _NARROWEST <= column - indent <= _WIDEST or len(line) <= column:
        return False
    name = line[indent:column].rstrip()
    if line[column - 1] != " " or line[column] == " " or _NO_NAME.fullmatch(name):
        return False
    return len(name) + 1 < column - indent or (line[column].isupper() and not _TITLED.match(name))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
