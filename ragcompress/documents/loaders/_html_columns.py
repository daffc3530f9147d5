"""Columns of tables in HTML that are not shown: their cells are taken out, and spans grow shorter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

# Of the HTML standard.
_MOST_COLUMNS = 1_000
# Places that spans cover in all; a table that has more is left as it is.
_MOST_PLACES = 1_000_000


def take_out_columns(columns: Iterable[Any], empty: Callable[[Any], bool]) -> int:
    """Take the cells of hidden columns out of their tables; of how many cells with text.

    Args:
        columns: ``col`` and ``colgroup`` elements.
        empty: takes out a cell; whether it had text.
    """
    by_table: dict[Any, set[int]] = {}
    for element in columns:
        table = next(element.iterancestors("table"), None)
        if table is not None:
            by_table.setdefault(table, set()).update(_numbers(element, table))
    return sum(_take_out(table, hidden, empty) for table, hidden in by_table.items())


def _numbers(element: Any, table: Any) -> range:
    """The columns that a ``col`` or ``colgroup`` is about, from 0."""
    start = 0
    for group in table:
        if group.tag not in ("col", "colgroup"):
            continue
        parts = [part for part in group if part.tag == "col"]
        for part in parts or [group]:
            width = _number(part, "span")
            if part is element:
                return range(start, start + width)
            start += width
        if group is element:
            return range(start - sum(_number(part, "span") for part in parts), start)
    return range(0)


def _take_out(table: Any, hidden: set[int], empty: Callable[[Any], bool]) -> int:
    n_empty = 0
    left = _MOST_PLACES
    for section in (table, *(e for e in table if e.tag in ("thead", "tbody", "tfoot"))):
        rows = [e for e in section if e.tag == "tr"]
        covered: list[set[int]] = [set() for _ in rows]
        for number, row in enumerate(rows):
            column = 0
            for cell in [e for e in row if e.tag in ("td", "th")]:
                while column in covered[number]:
                    column += 1
                places = range(column, column + _number(cell, "colspan"))
                column = places.stop
                # A row span of 0 goes to the end.
                below = covered[number + 1 :][: _number(cell, "rowspan", len(rows)) - 1]
                left -= len(places) * (1 + len(below))
                if left < 0:
                    return n_empty
                for others in below:
                    others.update(places)
                shown = sum(place not in hidden for place in places)
                if not shown:
                    n_empty += empty(cell)
                elif shown < len(places):
                    cell.set("colspan", str(shown))
    return n_empty


def _number(element: Any, name: str, if_zero: int = 1) -> int:
    try:
        value = int(element.get(name, 1))
    except ValueError:
        return 1
    return min(max(1, value or if_zero), _MOST_COLUMNS)
