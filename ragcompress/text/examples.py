"""Examples of commands and code that no fence marks: they name nothing, whatever stands below them.

Text of HTML and man pages has ``curl -x https://proxy https://example.com`` below ``Example:``, on a line of
its own, and what goes on about the option further below. Such lines are code, and belong to what they show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .blocks import Block

# What announces one: a colon at a line's end, or a line ``or`` between two.
_ANNOUNCED = re.compile(r"(?:[:：]|\n[ \t]*(?:or|and))[ \t]*\n(?:[ \t]*\n){0,6}")
_LINE = re.compile(r"([ \t]*+)(\S[^\n]*)(?:\n|\Z)")
_BLANK = re.compile(r"(?:[ \t]*\n){0,4}")
_BELOW = re.compile(r"(?:[ \t]*\n){0,6}([ \t]*)\S")
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_COMMAND = re.compile(r"(?:[$%>] )?(?:[a-z][\w./+-]*|\.{0,2}/\S+)[ \t]+\S")
# An option, an address, a file, a pipe; and what is sure to be no name of a manual's.
_CONCRETE = re.compile(r"[ \t]-{1,2}\w|://|\"\"|[|>@]|\w/\w|\\\Z")
_SURE = re.compile(r"://|\"\"|\A[$%>] ")
# ``<file>``, ``[options]``, ``FILE``: a command with what it takes, as a name is.
_PLACEHOLDER = re.compile(r"[\[\]{}…]|<\w|\.\.\.|\b[A-Z]{2,}\b")
_PROSE = re.compile(r"(?<![\w/-])(?:the|of|is|are|was|to|an?|and|that|this|if|can|will)(?![\w-])|[.,;:]\Z")
# ``@app.route("/")``, ``def index():``, ``import os`` begin code; what is indented further goes on with it.
_BEGINS_CODE = re.compile(
    r"@[\w.]+(?:\([^\n]*\))?\Z|(?:async )?def \w+\([^\n]*:\Z|class \w+(?:\([^\n]*\))?:\Z"
    r"|(?:from [\w.]+ )?import [\w.]+(?:(?: as|,) [\w.]+)*\Z|(?:for|with|if) [^\n]*[(\"'.=][^\n]*:\Z"
    r"|[a-z_]\w*(?:[.\[][\w.\[\]'\"]+)? = [\w\[({\"'-]"
)
_MOST_LINES = 30


def examples(region: str) -> Iterator[Block]:
    """Commands and blocks of code that a colon announces, or that a text begins with."""
    done = 0
    first = _LINE.match(region)
    if first is not None and _is_command(first[2]) and _SURE.search(_unquoted(first[2])):
        for start, end in _commands(region, 0, None):
            done = end
            yield start, end, "code"
    for announced in _ANNOUNCED.finditer(region):
        start = announced.end()
        if start < done:
            continue
        above = _LINE.match(region, region.rfind("\n", 0, announced.start()) + 1)
        for start, end in _code(region, start) or _commands(region, start, above):
            done = end
            yield start, end, "code"


def _commands(region: str, start: int, above: re.Match[str] | None) -> list[tuple[int, int]]:
    """Commands from here on, one below the other; one that ends in a backslash goes on.

    Args:
        above: the line that announces them, if one does.
    """
    found: list[tuple[int, int]] = []
    while len(found) < _MOST_LINES and (line := _LINE.match(region, start)) and _is_command(line[2]):
        end = line.end()
        while region[start:end].rstrip().endswith("\\") and (more := _LINE.match(region, end)):
            end = more.end()
        # A line over one that is indented further may be a name, unless it is indented less than the text.
        below = _BELOW.match(region, end)
        is_outside = above is not None and len(line[1]) < len(above[1])
        may_name = not is_outside and below is not None and len(below[1]) > len(line[1])
        if may_name and not _SURE.search(_unquoted(line[2])):
            break
        found.append((start, end))
        blank = _BLANK.match(region, end)
        start = blank.end() if blank else end
    return found


def _code(region: str, start: int) -> list[tuple[int, int]]:
    """Lines of code from here on, with what is indented further, up to a blank line."""
    first = _LINE.match(region, start)
    if first is None or not _BEGINS_CODE.match(first[2]):
        return []
    end, line = first.end(), _LINE.match(region, first.end())
    while line and (len(line[1]) > len(first[1]) or _BEGINS_CODE.match(line[2])):
        end = line.end()
        line = _LINE.match(region, end)
    return [(start, end)]


def _unquoted(line: str) -> str:
    return _QUOTED.sub('""', line)


def _is_command(line: str) -> bool:
    """Whether a line is a command as one types it: with nothing left to be filled in, and no sentence."""
    if not _COMMAND.match(line):
        return False
    bare = _unquoted(line)
    if not _CONCRETE.search(bare) or _PROSE.search(bare):
        return False
    return "://" in bare or not _PLACEHOLDER.search(bare)
