"""Markers in a text that is being made: what stands behind one stands at a known place of the file.

They are numbers between two code points that no document may hold (U+FDD0, U+FDD1), and are taken out at the
end. A third code point (U+FDD2) stands for a line that ends within an end tag of HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

OPEN, CLOSE, LINE_END = "\ufdd0", "\ufdd1", "\ufdd2"
MARKER = re.compile(f"{OPEN}(\\d+){CLOSE}")
RESERVED = re.compile(f"[{OPEN}{CLOSE}{LINE_END}]")
# What may stand on a line before its first word: the marks of headings, quotes, lists and table cells.
_PREFIX = re.compile(r"[ \t>#|:*+-]*(?:\d{1,9}[.)] )?[ \t|]*")


def marker(number: int) -> str:
    """The marker of a number."""
    return f"{OPEN}{number}{CLOSE}"


def without_markers(text: str) -> str:
    """The text alone."""
    return MARKER.sub("", text) if OPEN in text else text


def lifted(line: str) -> str:
    """A line of a table with its first marker at its beginning: a cell repeated from above has none."""
    match = MARKER.search(line) if OPEN in line else None
    return match.group() + line[: match.start()] + line[match.end() :] if match else line


def unmark(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Take the markers out; offsets in the text without them, each with the marker's number.

    A marker stands at the first word of its block; its offset is moved to the beginning of the block.
    """
    parts: list[str] = []
    marks: list[tuple[int, int]] = []
    length = done = 0
    for each in MARKER.finditer(marked):
        parts.append(marked[done : each.start()])
        length += len(parts[-1])
        marks.append((length, int(each.group(1))))
        done = each.end()
    text = "".join([*parts, marked[done:]])
    return text, list(_at_block_starts(text, marks))


def _at_block_starts(text: str, marks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    last = line = done = 0
    for start, number in marks:
        # Looked for from the marker before: a line of a million markers is no longer than one.
        line = text.rfind("\n", done, start) + 1 or line
        done = start
        if line < start and last <= line and _PREFIX.fullmatch(text, line, start):
            start = line
        last = max(last, start)
        yield last, number
