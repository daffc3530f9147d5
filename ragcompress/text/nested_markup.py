"""YAML and XML that is too long to be kept whole: its members, each below the keys or tags around it.

As JSON is (``nested_data``): a key or a tag that opens a long value is a unit of its own, and what is within
needs it. YAML is read by its indentation, XML by its tags.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..data import Kind

# A part of so many characters, some hundred tokens, is kept or dropped whole; nothing deeper is cut.
_WHOLE, _DEEPEST = 400, 20
# Not from the middle of blanks: a long run of them at the end of a text would be tried at each.
_LINE = re.compile(r"(?<![ \t])([ \t]*+)([^\s][^\r\n]*)")
_KEY = re.compile(r"(?:- +)*(?:[\w.$/*@-]+|\"[^\"\n]+\"|'[^'\n]+')[ \t]?:(?:[ \t]|\Z)")
_MEMBER = re.compile(rf"{_KEY.pattern}|-(?:[ \t]|\Z)|---|\.\.\.")
# What a line of YAML ends or begins with over its members: ``limits:``, ``note: |``, ``- name: oak``.
_OPENS = re.compile(r":[ \t]*(?:[|>&!][^\s]*[ \t]*)?(?:[ \t]#[^\n]*)?\Z|\A-(?: |\Z)")
# Of so many nested values one may stand below another value, as a wrapped sentence does.
_SHARE = 5
# A tag, a declaration, or what a comment or raw text begins with.
_TAG = re.compile(
    r"<(?:(!--)|(!\[CDATA\[)|[?!][^<>]*>|(/?)([A-Za-z_][\w:.-]*+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>)"
)
_PAGE = re.compile(r"\s*<(?:!doctype html|html|body|div|p|span|table|a|h\d)\b", re.IGNORECASE)


@dataclass(slots=True)
class _Node:
    """A member of YAML, or an element of XML, with what is within.

    Attributes:
        start, end: with its key or tags.
        depth: how far a line is indented; an item is deeper than a key.
        name: of an element.
        mixed: it has words of its own, beside elements or above lines.
    """

    start: int
    depth: int = -1
    name: str = ""
    end: int = 0
    mixed: bool = False
    within: list[_Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    start: int
    kind: Kind
    parent: int | None


def nested_parts(text: str) -> list[tuple[int, int, Kind]]:
    """The parts of a text that is YAML or XML, in order; together they hold all. None: it is neither."""
    parts = _parts(text)
    starts = [0, *(part.start for part in parts[1:]), len(text)]
    return [(starts[k], starts[k + 1], part.kind) for k, part in enumerate(parts)]


def nested_parents(text: str, units: Sequence[int]) -> list[int | None]:
    """For each unit of such a text the number of the one that holds the key or tag around it.

    Args:
        units: where they start, ascending.
    """
    parts = _parts(text)
    starts = [0, *(part.start for part in parts[1:])]
    owners = [parts[bisect_right(starts, start) - 1] for start in units] if parts else []
    firsts = [bisect_right(units, part.start - 1) for part in parts]
    # A part's white space at its start is none of its unit's.
    return [None if part.parent is None else firsts[part.parent] for part in owners]


def _parts(text: str) -> list[_Part]:
    parts: list[_Part] = []
    root = _xml(text) if text.lstrip("\ufeff \t\r\n")[:1] == "<" else _yaml(text)
    if root is not None:
        _add(root.within, None, 0, parts)
    return parts


def _add(nodes: Sequence[_Node], parent: int | None, depth: int, parts: list[_Part]) -> None:
    """Add nodes and what is within them; neighbors without anything within together."""
    first = -1
    for node in nodes:
        if node.within:
            is_long = node.end - node.start > _WHOLE and depth < _DEEPEST
            parts.append(_Part(node.start, "term" if is_long else "code", parent))
            if is_long:
                _add(node.within, len(parts) - 1, depth + 1, parts)
            first = -1
        elif first < 0 or node.end - first > _WHOLE:
            parts.append(_Part(node.start, "code", parent))
            first = node.start


def _yaml(text: str) -> _Node | None:
    """The members of YAML by their indentation; None: a line is no member, or nothing is nested."""
    root = _Node(0)
    around, start = [root], -1
    keys = number = nested = odd = 0
    for line in _LINE.finditer(text):
        begins = line.start() if start < 0 else start
        if line[2][0] in "#%":
            start = begins
            continue
        depth = 2 * len(line[1].expandtabs(4)) + (line[2][:2] in ("- ", "-"))
        while around[-1].depth >= depth:
            around.pop().end = begins
        is_key = _KEY.match(line[2]) is not None
        if not is_key and not _MEMBER.match(line[2]) and len(around) == 1:
            return None
        keys, number, start = keys + is_key, number + (len(around) == 1 or is_key), -1
        node = _Node(begins, depth, mixed=not _OPENS.search(line[2]))
        if node.depth > around[-1].depth >= 0 and not around[-1].within:
            nested, odd = nested + 1, odd + around[-1].mixed
        around[-1].within.append(node)
        around.append(node)
    for node in around:
        node.end = len(text)
    return root if nested > _SHARE * odd and keys > 0.6 * number else None


def _xml(text: str) -> _Node | None:
    """The elements of XML; None: tags are not closed, or it is a page of HTML."""
    if _PAGE.match(text):
        return None
    root = _Node(0)
    around, done, start = [root], 0, -1
    while tag := _TAG.search(text, done):
        if text[done : tag.start()].strip():
            around[-1].mixed = True
        done = tag.end()
        if tag[4] is None:  # looked for once each: what is not closed is no XML
            if (tag[1] or tag[2]) and (done := text.find("-->" if tag[1] else "]]>", done) + 3) < 3:
                return None
            start = tag.start() if start < 0 else start
            continue
        begins, start = tag.start() if start < 0 else start, -1
        if tag[3]:
            node = around.pop()
            if not around or node.name != tag[4]:
                return None
            node.end = done
            node.within = [] if node.mixed else node.within
        else:
            node = _Node(begins, 0, tag[4], done)
            around[-1].within.append(node)
            if not tag[5].endswith("/"):
                around.append(node)
    is_whole = len(around) == 1 and not root.mixed and not text[done:].strip()
    return root if is_whole and any(node.within for node in root.within) else None
