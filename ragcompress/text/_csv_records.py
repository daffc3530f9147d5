"""Separated values: what separates them, which lines make a record, and which records name the columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, pairwise

# A record that spans more lines comes of a quotation mark that was never closed.
_LONGEST_RECORD = 100
_DELIMITERS = ",;\t|"
_SEP = re.compile(r"\ufeff?\"?sep=(.)\"?\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[-+(]?[^\w\s]?[\d.,' ]*\d[\d.,' ]*[^\w\s]?\)?")
_YEAR = re.compile(r"(?:19|20)\d\d")
_UNIT = re.compile(r"\(.{1,20}\)|\[.{1,20}\]")
# What stands where a value is not known.
_NOTHING = re.compile(r"[-–—.?x]+|n/?a|none|null|nan", re.IGNORECASE)
_MOST_NAMED = 4
# So far down a header may begin.
_HEAD = 20


def records(
    lines: Sequence[str], check: Callable[[], None]
) -> tuple[list[tuple[int, int]], set[int], list[tuple[int, int]]]:
    """Find the records of a text.

    Args:
        lines: with their ends.
        check: called for each record; it ends the work by an exception.

    Returns:
        three things: of each table the first record of its header and the one behind its last. The records
        that are titles or facts above a table. For each record the lines from and to.
    """
    declared = _SEP.fullmatch(lines[0]) if lines else None
    delimiter = declared[1] if declared else _delimiter(lines)
    spans: list[tuple[int, int]] = []
    head: list[list[str]] = []
    opening: list[int] = []
    reader = csv.reader(lines, delimiter=delimiter)
    begin, was_empty = 0, False
    try:
        for values in reader:
            check()
            if was_empty and any(values):
                opening.append(len(spans))
            was_empty = not any(values)
            spans.append((begin, reader.line_num))
            if len(head) < _HEAD:
                head.append([value.strip() for value in values])
            begin = reader.line_num
    except csv.Error:  # a field of more than 131,072 characters
        spans = []
    if not spans or any(b - a > _LONGEST_RECORD for a, b in spans):
        spans, opening = list(pairwise(range(len(lines) + 1))), []
        head = [[part.strip() for part in line.split(delimiter)] for line in lines[:_HEAD]]
    first = _header(head, 1 if declared else 0)
    headers, above = [(first, first + _count_headers(head[first:]))], set(range(first))
    for number in opening:
        if number > headers[-1][1] and (table := _further(lines, spans, number, delimiter)):
            above.update(range(number, table[0]))
            headers.append(table)
    return headers, above, spans


def _further(
    lines: Sequence[str], spans: Sequence[tuple[int, int]], number: int, delimiter: str
) -> tuple[int, int] | None:
    """The header of another table that begins with a record, behind an empty one; None: the table goes on."""
    before = next(_values(lines, spans[number - 2 : number - 1], delimiter), [])
    rows = list(_values(lines, spans[number : number + _MOST_NAMED + 2], delimiter))
    n_titles = sum(map(bool, rows[0])) < 2
    names, values = ([*rows[n_titles:], [], []])[:2]
    is_like = len(before) == len(values) and any(map(_NUMBER.fullmatch, before))
    if (
        sum(map(bool, names)) < 2
        or any(_NUMBER.fullmatch(name) or _NOTHING.fullmatch(name) for name in names if name)
        or not any(map(_NUMBER.fullmatch, filter(None, values)))
        or not (is_like or n_titles or len(before) != len(values))
    ):
        return None
    first = number + n_titles
    return first, first + _count_headers(rows[n_titles:])


def _values(lines: Sequence[str], spans: Sequence[tuple[int, int]], delimiter: str) -> Iterator[list[str]]:
    for begin, end in spans:
        values = next(csv.reader(lines[begin:end], delimiter=delimiter), [])
        yield [value.strip() for value in values]


def _delimiter(lines: Sequence[str]) -> str:
    """The sign that most of the first lines have equally often; of two, that of which there is most."""
    head = [line for line in islice(filter(str.strip, lines), _HEAD) if any(d in line for d in _DELIMITERS)]

    def weight(delimiter: str) -> tuple[int, int, int]:
        counts = sorted(_outside_quotes(line).count(delimiter) for line in head)
        usual = max((counts.count(n) for n in set(counts) if n), default=0)
        return (usual, counts[len(counts) // 2], sum(counts)) if counts else (0, 0, 0)

    best = max(_DELIMITERS, key=weight)
    named = next(filter(str.strip, lines), "")
    if best == "," and best not in named and all(map(_ONE_DECIMAL.fullmatch, head)):
        return ";"  # one column of prices
    return best


# A number with a decimal comma, and nothing that parts values.
_ONE_DECIMAL = re.compile(r"[^,;\t|]*\d,\d{1,2}(?!\d)[^,;\t|]*\s*")


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _header(head: Sequence[Sequence[str]], start: int) -> int:
    """The first record that names several columns; titles above it have one value."""
    several = [n for n in range(start, len(head)) if sum(map(bool, head[n])) > 1]
    several = _behind_facts(head, several)
    wide = max((len(head[n]) for n in several), default=0)
    for n in several:
        # Facts above a table ("Date;3 May") are narrower than it, and their second value is no name.
        if len(head[n]) * 2 > wide or not any(len(head[m]) * 2 > wide for m in several):
            return n
    return next((n for n in range(start, len(head)) if any(head[n])), min(start, max(0, len(head) - 1)))


def _behind_facts(head: Sequence[Sequence[str]], several: list[int]) -> list[int]:
    """Without facts of two values ("Date;3 May") that an empty record parts from a table that is wider."""
    for n, number in enumerate(several):
        if len(head[number]) > 2:
            facts = [head[m] for m in several[:n]]
            # Two columns with a name over their numbers are a table of their own.
            is_table = len(facts) > 1 and all(map(_NUMBER.fullmatch, (values[1] for values in facts[1:])))
            return several[n:] if facts and not is_table and not any(head[number - 1]) else several
    return several


def _count_headers(head: Sequence[Sequence[str]]) -> int:
    """Records that name the columns: several where joined cells have left gaps over further names.

    Units in brackets below the names belong to them.
    """
    n = next((n for n in range(_MOST_NAMED, 1, -1) if _are_names(head[: n + 1], n)), 1)
    units = [*filter(None, head[n])] if n < len(head) else []
    return n + (bool(units) and all(map(_UNIT.fullmatch, units)))


def _are_names(records: Sequence[Sequence[str]], n: int) -> bool:
    """Whether the first records are the rows of a header: gaps over names, over values."""
    if len(records) <= n or not records[0] or len({len(record) for record in records}) > 1:
        return False
    *upper, lower, values = records
    gaps = [
        i
        for i in range(1, len(lower))
        if not upper[0][i] or (upper[0][i] == upper[0][i - 1] and not lower[0])
    ]
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
