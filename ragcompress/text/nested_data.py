"""JSON that is too long to be kept whole: its members and records, each below the keys that lead to it.

A key that opens an object or a list (``"limits": {``) is a unit of its own; what is within needs it
(``companions``), and so does every key within it. No unit has values of two objects in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..data import Kind

# Strings, brackets and commas; what is between is numbers, words, colons and blanks.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(rf"{_STRING}|[{{}}\[\],]", re.DOTALL)
_OPENER = re.compile(rf"(?:{_STRING}\s*:\s*)?[{{\[]", re.DOTALL)
_BLANKS = re.compile(r"\s*")
# A part of so many characters, some hundred tokens, is kept or dropped whole; nothing deeper is cut.
_WHOLE, _DEEPEST = 400, 20
Part = tuple[int, int, Kind]


@dataclass(slots=True)
class _Value:
    """A member of an object, or an element of a list.

    Attributes:
        start, end: with its key; behind its last character.
        opened: behind its bracket; 0: it has none.
        within: what stands in its brackets.
    """

    start: int
    end: int = 0
    opened: int = 0
    within: list[_Value] = field(default_factory=list)


def json_parts(text: str, start: int, end: int) -> Iterator[Part]:
    """The parts of a stretch that is a JSON object or list, in order; together they hold all of it.

    Commas, and what closes an object, go along with what is before them.
    """
    parts = list(_parts(_root(text, start, end), 0))
    borders = [*(first for first, _, _ in parts[1:]), end]
    yield from ((first, border, kind) for (first, _, kind), border in zip(parts, borders, strict=True))


def opens_values(text: str) -> bool:
    """Whether a unit is a key, or nothing, with the bracket that it opens."""
    return _OPENER.fullmatch(text) is not None


def closed(text: str) -> int:
    """How many more brackets a unit closes than it opens."""
    signs = [token[0] for token in _TOKEN.finditer(text)]
    return sum((sign in "}]") - (sign in "{[") for sign in signs if len(sign) == 1)


def _root(text: str, start: int, end: int) -> _Value:
    """The value that a stretch is, with all that is within it."""
    root = _Value(start, end)
    around = [root]
    begins = start
    for token in _TOKEN.finditer(text, start, end):
        sign = token[0]
        if len(sign) > 1:
            continue
        first = _first(text, begins)
        begins = token.end()
        if sign in "{[":
            around[-1].within.append(_Value(first, opened=begins))
            around.append(around[-1].within[-1])
            continue
        if first < token.start():
            around[-1].within.append(_Value(first, token.start()))
        if sign != ",":
            around.pop().end = begins
    return root.within[0] if root.within else root


def _first(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    return blanks.end() if blanks else start


def _parts(value: _Value, depth: int) -> Iterator[Part]:
    """A value's bracket with its key, and what is within; neighbors without brackets together."""
    yield value.start, value.opened, "term"
    group: list[_Value] = []
    for member in value.within:
        is_long = member.end - member.start > _WHOLE and bool(member.within) and depth < _DEEPEST
        if group and (member.opened or member.end - group[0].start > _WHOLE):
            yield group[0].start, group[-1].end, "code"
            group = []
        if is_long:
            yield from _parts(member, depth + 1)
        elif member.opened:
            yield member.start, member.end, "code"
        else:
            group.append(member)
    if group:
        yield group[0].start, group[-1].end, "code"
