"""Separated values: what separates them, which lines make a record, and which records name the columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from itertools import chain, islice, pairwise

# A record that spans more lines comes of a quotation mark that was never closed.
_LONGEST_RECORD = 100
_DELIMITERS = ",;\t|"
_SEP = re.compile(r"\ufeff?\"?sep=(.)\"?\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[-+(]?[^\w\s]?[\d.,' ]*\d[\d.,' ]*[^\w\s]?\)?")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MOST_NAMED = 4
# So far down a header may begin.
_HEAD = 20


def records(lines: Sequence[str]) -> tuple[int, int, list[tuple[int, int]]]:
    """Find the records of a text.

    Args:
        lines: with their ends.

    Returns:
        the first record of the header and the one behind its last, and for each record the lines from and to.
    """
    declared = _SEP.fullmatch(lines[0]) if lines else None
    delimiter = declared[1] if declared else _delimiter(lines)
    found: list[tuple[int, int]] = []
    head: list[list[str]] = []
    reader = csv.reader(lines, delimiter=delimiter)
    begin = 0
    try:
        for values in reader:
            found.append((begin, reader.line_num))
            if len(head) < _HEAD:
                head.append([value.strip() for value in values])
            begin = reader.line_num
    except csv.Error:  # a field of more than 131,072 characters
        found = []
    if not found or any(b - a > _LONGEST_RECORD for a, b in found):
        found = list(pairwise(range(len(lines) + 1)))
        head = [[part.strip() for part in line.split(delimiter)] for line in lines[:_HEAD]]
    first = _header(head, 1 if declared else 0)
    return first, first + _count_headers(head[first:]), found


def _delimiter(lines: Sequence[str]) -> str:
    """The sign that most of the first lines have most of; of two, the one of the first line with any."""
    head = [line for line in islice(filter(str.strip, lines), _HEAD) if any(d in line for d in _DELIMITERS)]

    def weight(delimiter: str) -> tuple[int, int]:
        counts = sorted(_outside_quotes(line).count(delimiter) for line in head)
        return (counts[len(counts) // 2], sum(counts)) if counts else (0, 0)

    return max(_DELIMITERS, key=weight)


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _header(head: Sequence[Sequence[str]], start: int) -> int:
    """The first record that names several columns; titles above it have one value."""
    several = [n for n in range(start, len(head)) if sum(map(bool, head[n])) > 1]
    wide = max((len(head[n]) for n in several), default=0)
    for n in several:
        # Facts above a table ("Date;3 May") are narrower than it, and their second value is no name.
        if len(head[n]) * 2 > wide or not any(len(head[m]) * 2 > wide for m in several):
            return n
    return next((n for n in range(start, len(head)) if any(head[n])), min(start, max(0, len(head) - 1)))


def _count_headers(head: Sequence[Sequence[str]]) -> int:
    """Records that name the columns: several where joined cells have left gaps over further names."""
    return next((n for n in range(_MOST_NAMED, 1, -1) if _are_names(head[: n + 1], n)), 1)


def _are_names(records: Sequence[Sequence[str]], n: int) -> bool:
    """Whether the first records are the rows of a header: gaps over names, over values."""
    if len(records) <= n or len({len(record) for record in records}) > 1:
        return False
    *upper, lower, values = records
    gaps = [i for i in range(1, len(lower)) if not upper[0][i]]
    # Years name columns, but only where nothing names the row.
    words = [*upper[0][:1], *chain.from_iterable(map(_names, (*upper[1:], lower)))]
    return (
        bool(gaps)
        and sum(map(bool, upper[0])) > 1
        and all(lower[i] for i in gaps)
        and all(any(row) and not row[0] and not all(row[1:]) for row in upper[1:])
        and not any(map(_NUMBER.fullmatch, filter(None, words)))
        and any(map(_NUMBER.fullmatch, filter(None, values)))
    )


def _names(record: Sequence[str]) -> Sequence[str]:
    return record if record[0] else ["" if _YEAR.fullmatch(word) else word for word in record]
