"""Cells of tables of Word, put where the page has them: mammoth knows of spans only."""

from __future__ import annotations

import copy
from typing import Any

from ._office import attribute, find, local, property_of, sibling, whole, within

_MOST_SKIPPED = 63


def align_cells(root: Any) -> None:
    """Cells as they lie on the page: rows that begin further right, and joined cells of old files."""
    for row in list(within(root, "tr")):
        _join_cells(row)
        for name, at in (("gridBefore", 0), ("gridAfter", len(row))):
            skipped = property_of(row, "trPr", name)
            number = 0 if skipped is None else whole(attribute(skipped, "val"))
            if 0 < number <= _MOST_SKIPPED:
                start = next((row.index(c) for c in row if local(c) == "tc"), at) if not at else at
                cell = sibling(row, "tc", None)
                cell.append(sibling(row, "p", None))
                row[start:start] = [cell, *(copy.deepcopy(cell) for _ in range(number - 1))]


def _join_cells(row: Any) -> None:
    """A cell that goes on in the next ones (``hMerge``) becomes one of several columns."""
    first = None
    for cell in [c for c in row if local(c) == "tc"]:
        merged = property_of(cell, "tcPr", "hMerge")
        if merged is None:
            first = None
        elif attribute(merged, "val") == "restart" or first is None:
            first = cell
        else:
            properties = find(first, "tcPr")
            span = find(properties, "gridSpan")
            if span is None:
                properties.append(span := sibling(row, "gridSpan", "1"))
            value = next(iter(span.attrib), span.tag.replace("gridSpan", "val"))
            span.set(value, str(whole(span.get(value), 1) + 1))
            row.remove(cell)
