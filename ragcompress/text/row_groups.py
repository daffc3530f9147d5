"""Rows of a table that name those below them: ``| North |  |  |`` over the towns of the north."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ..data import Sentence

_BAR = re.compile(r"(?<!\\)\|")
_DELIMITERS = ("\t", ";", ",")


def find_row_groups(units: Sequence[int], sentences: Sequence[Sentence]) -> dict[int, int]:
    """For each row of a table the row that names its group; nothing where there is none.

    Such a row fills its first cell alone. Tables with many gaps are left: there it is a row like others.

    Args:
        units: of one text, in order.
    """
    groups: dict[int, int] = {}
    table: list[int] = []
    for index in (*units, None):
        if index is not None and sentences[index].kind == "table row":
            table.append(index)
        elif table:
            groups |= _in_table(table, sentences)
            table = []
    return groups


def _in_table(rows: Sequence[int], sentences: Sequence[Sentence]) -> Mapping[int, int]:
    names = {index for index in rows if _names_others(sentences[index].text)}
    # The first of several in a row has no rows of its own.
    over = sum(a in names and b not in names for a, b in pairwise(rows))
    is_headless = len(names) < 2 and rows[0] not in names  # nothing is known of what stands in it
    if not names or is_headless or len(names) > over * 2 or len(names) * 2 > len(rows):
        return {}
    groups: dict[int, int] = {}
    name = before = None
    for index in rows:
        if index in names:
            if before in names and before is not None:
                groups[index] = before
            name = index
        elif name is not None:
            groups[index] = name
        before = index
    return groups


def _names_others(row: str) -> bool:
    """Whether only the first cell of a row is filled."""
    text = row.strip()
    if text.startswith("|"):
        cells = [cell.strip() for cell in _BAR.split(text)][1:]
        if cells and not cells[-1]:
            cells.pop()
        return len(cells) > 1 and bool(cells[0]) and not any(cells[1:])
    if text.startswith(('"', *_DELIMITERS)):
        return False
    name = text.rstrip("".join(_DELIMITERS) + " ")
    gaps = text[len(name) :].replace(" ", "")
    return bool(name) and len(gaps) > 0 and len({*gaps}) == 1 and gaps[0] not in name
