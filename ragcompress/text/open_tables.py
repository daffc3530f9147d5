"""Tables that would take most of a budget: their rows are kept one by one, each with the header."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

from ..data import Kind, Segmentation, Sentence
from ._ruled_tables import ruled_tables
from .blocks import LINE_END, same_line_ends
from .tokenizing import Counter

_DELIMITER = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_FEWEST_ROWS = 2


def open_tables(parts: Segmentation, is_large: Callable[[str], bool]) -> Segmentation:
    """The units, but in place of a large table its header and its rows.

    A table with no header that is told from its rows stays whole.

    Args:
        is_large: of the text of a table, whether it would take too much of a budget.
    """
    units: list[Sentence] = []
    for unit in parts.sentences:
        rows = list(_rows(unit.text)) if unit.kind == "table" and is_large(unit.text) else []
        units += [_part(unit, *row) for row in rows] if len(rows) > _FEWEST_ROWS else [unit]
    return parts if len(units) == len(parts.sentences) else replace(parts, sentences=tuple(units))


def opened_as_before(parts: Segmentation, number: int, count: Counter) -> Segmentation:
    """The units with so many of the largest tables opened that there is a given number of units.

    Scores of an earlier call fit the same documents under another budget.

    Returns:
        The units as they are if that number is not met.
    """
    if len(parts.sentences) == number:
        return parts
    sizes = {s.text: count(s.text) for s in parts.sentences if s.kind == "table"}
    for size in sorted(set(sizes.values()), reverse=True):
        opened = open_tables(parts, lambda table, least=size: sizes[table] >= least)  # type: ignore[misc]
        if len(opened.sentences) == number:
            return opened
    return parts


def _rows(table: str) -> Iterator[tuple[int, int, Kind]]:
    """Header and rows of a table with pipes or rules; nothing of any other."""
    ends = [0, *(m.end() for m in LINE_END.finditer(table)), len(table)]
    lines = [(a, b) for a, b in pairwise(ends) if table[a:b].strip()]
    if len(lines) > 1 and _DELIMITER.fullmatch(table[slice(*lines[1])].rstrip("\r\n")):
        yield lines[0][0], lines[1][1], "table header"
        yield from ((a, b, "table row") for a, b in lines[2:])
        return
    yield from ruled_tables(same_line_ends(table), 0)


def _part(table: Sentence, start: int, end: int, kind: Kind) -> Sentence:
    text = table.text[start:end]
    start += len(text) - len(text.lstrip())
    text, at = text.strip(), table.start_char + start
    return replace(table, start_char=at, end_char=at + len(text), text=text, kind=kind)
