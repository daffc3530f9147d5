"""Tool results → units by their own structure: logs, stack traces, diffs, records of JSON, plain text.

A line of a log stands with the lines that continue it (a stack, an indented detail). The first hunk of a
file's diff stands with the header, a record of JSON Lines by itself. What is none of these is cut as any
document is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from ..data import Document, Segmentation, Sentence
from .blocks import LINE_END, LONG, is_json
from .segmentation import bounded_block, segment

Shape = Literal["json", "json lines", "diff", "log", "html", "text"]

# A unit of a log is not longer, so that one long stack does not take a whole budget.
_LONGEST_UNIT = 40
# Nor than so many characters, and no line of it is longer than a block may be.
_LONGEST = 8_000
_SAMPLE = 400
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|FAIL(?:ED|URE)?|PASS(?:ED)?)"
# How a line of a log begins: a time, a level, a tool's name in brackets or before a colon, a counter.
_ENTRY = re.compile(
    rf"""\s{{0,3}}(?:
      \[?\d{{4}}[-/]\d\d[-/]\d\d | \[?\d\d:\d\d:\d\d | (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr
      |May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ +\d | [\[(<]?{_LEVEL}\b | {_LEVEL}[:\])] | \[\s*\d+(?:[./%\]]|\s)
      | E\ {{3}}
      | [A-Za-z_./+-]+(?::\d+){{1,2}}: | [\w.+-]+(?:\[\d+\])?:\ | npm\ | make(?:\[\d+\])?:
      | \#\d+\ | >\s | \$\s | \+\s
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_TRACE = re.compile(
    r"\s*(?:Traceback \(most recent call last\)|(?:Caused by|Suppressed): |.*\bException in thread )"
)
# What continues the line above: a frame, an indented detail, a caret below an error.
_CONTINUES = re.compile(r"(?:\s+\S|\t|\}|\)|Caused by: |Suppressed: |\.\.\. \d+ more)")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Panic)\b")
_FILE = re.compile(r"(?:diff --git |--- \S|Index: )")


def shape_of(text: str) -> Shape:
    """What a tool's result looks like."""
    stripped = text.strip()
    if stripped[:1] in ("{", "[") and is_json(stripped):
        return "json"
    lines = [line for line in stripped.splitlines() if line.strip()][:_SAMPLE]
    if len(lines) > 1 and all(line.lstrip()[:1] == "{" and is_json(line) for line in lines):
        return "json lines"
    if any(line.startswith("@@ ") for line in lines) and any(_FILE.match(line) for line in lines):
        return "diff"
    if re.match(r"(?:<!doctype html|<html)\b", stripped, re.IGNORECASE):
        return "html"
    entries = sum(1 for line in lines if _ENTRY.match(line) or _TRACE.match(line))
    return "log" if len(lines) > 2 and entries >= 0.3 * len(lines) else "text"


def segment_tool_result(text: str, *, title: str | None = None) -> Segmentation:
    """Cut a tool's result into units that mean something alone.

    Args:
        text: what the tool said; kept to the letter.
        title: the tool's name or call.

    Raises:
        InputError: if the text holds lone surrogates.
    """
    shape = shape_of(text)
    if shape not in _CUTTERS:
        return segment([Document(text, title, syntax="markdown")])
    return Segmentation((Document(text, title, syntax="text"),), cut_lines(text, shape))


def cut_lines(text: str, shape: Shape) -> tuple[Sentence, ...]:
    """Units of a text that is made of lines: of a shape ``log``, ``json lines`` or ``diff``."""
    starts = [0, *(m.end() for m in LINE_END.finditer(text)), len(text)]
    lines = [(a, b) for a, b in pairwise(starts) if text[a:b].strip()]
    units = _CUTTERS[shape]([text[a:b] for a, b in lines])
    cuts = (cut for a, b in units for cut in _bounded(text, [*lines[a:b]]))
    return tuple(_unit(text, *cut) for cut in cuts if text[cut[0] : cut[1]].strip())


def _bounded(text: str, lines: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """A unit; of one that no budget may have room for, parts: it could never be kept."""
    start, end = lines[0][0], lines[-1][1]
    if end - start > _LONGEST or any(b - a > LONG for a, b in lines):
        yield from bounded_block(text, start, end)
    else:
        yield start, end, False


def _unit(text: str, start: int, end: int, goes_on: bool) -> Sentence:
    raw = text[start:end]
    start += len(raw) - len(raw.lstrip())
    stripped = raw.strip()
    return Sentence(0, start, start + len(stripped), stripped, "code", cut=goes_on)


def _single(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    yield from ((i, i + 1) for i in range(len(lines)))


def _log(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """A line with what continues it; a Python traceback up to the line that says what was raised."""
    first, in_trace = 0, False
    for i, line in enumerate(lines):
        if i > first and (not _goes_on(line, in_trace) or i - first >= _LONGEST_UNIT):
            yield first, i
            first = i
        if in_trace and _RAISED.match(line):
            in_trace = False
        elif line.lstrip().startswith("Traceback (most recent"):
            in_trace = True
    if lines:
        yield first, len(lines)


def _goes_on(line: str, in_trace: bool) -> bool:
    if in_trace and (_RAISED.match(line) or line[:1].isspace()):
        return True
    return _CONTINUES.match(line) is not None and not _ENTRY.match(line)


def _diff(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """A file's header with its first hunk; each further hunk alone."""
    cuts = [0]
    in_header = False
    for i, line in enumerate(lines):
        starts_file = line.startswith(("diff --git ", "Index: ")) or (
            line.startswith("--- ")
            and not in_header
            and lines[i + 1 : i + 2]
            and lines[i + 1].startswith("+++ ")
        )
        if starts_file:
            cuts.append(i)
            in_header = True
        elif line.startswith("@@ "):
            if not in_header:
                cuts.append(i)
            in_header = False
    yield from ((a, b) for a, b in pairwise([*dict.fromkeys(cuts), len(lines)]) if a < b)


_CUTTERS = {"log": _log, "diff": _diff, "json lines": _single}
