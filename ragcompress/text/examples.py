"""Examples of commands and code that no fence marks: they name nothing, whatever stands below them.

Text of HTML and man pages has ``curl -x https://proxy https://example.com`` below ``Example:``, on a line of
its own, and what goes on about the option further below. Such lines are code, and belong to what they show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What announces one: a colon at a line's end, ``or`` between two, a sentence that breaks off over a blank
# line. It begins with the line end, which is quick to look for.
_ANNOUNCED = re.compile(
    r"\n(?<=[:： rdshype]\n)(?:(?<=[:：]\n)|(?<=[:：] \n)|(?<=\sor\n)|(?<=\sand\n)"
    r"|(?:(?<= as\n)|(?<= by\n)|(?<= with\n)|(?<= type\n)|(?<= run\n)|(?<= use\n))(?=[ \t]*\n))"
    r"(?:[ \t]*\n){0,6}"
)
_LINE = re.compile(r"([ \t]*+)(\S[^\n]*)(?:\n|\Z)")
_NEXT = re.compile(r"(?:[ \t]*\n){0,4}")
_BELOW = re.compile(r"(?:[ \t]*\n){0,6}([ \t]*)\S")
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_COMMAND = re.compile(r"(?:[$%>] )?(?:[a-z][\w./+-]*|\.{0,2}/\S+)[ \t]+\S|\w+://\S+\Z")
# An option, an address, a file, a pipe; and what is sure to be no name of a manual's.
_CONCRETE = re.compile(r"[ \t]-{1,2}\w|://|\"\"|[|>@]|\w/\w|\\\Z")
_OPTION = re.compile(r"-{1,2}[A-Za-z](?!.*[.:]\s*\Z)")
_SURE = re.compile(r"://|\"\"|\A[$%>] ")
# ``<file>``, ``[options]``, ``FILE``: a command with what it takes, as a name is.
_PLACEHOLDER = re.compile(r"[\[\]{}…]|<\w|\.\.\.|\b[A-Z]{2,}\b")
_PROSE = re.compile(r"(?<![\w/-])(?:the|of|is|are|was|to|an?|and|that|this|if|can|will)(?![\w-])|[.,;:]\Z")
# ``@app.route("/")``, ``def index():``, ``import os`` begin code; what is indented further goes on with it.
_BEGINS_CODE = re.compile(
    r"@[\w.]+(?:\([^\n]*\))?\Z|(?:async )?def \w+\([^\n]*:\Z|class \w+(?:\([^\n]*\))?:\Z"
    r"|(?:from [\w.]+ )?import [\w.]+(?:(?: as|,) [\w.]+)*\Z|(?:for|with|if) [^\n]*[(\"'.=][^\n]*:\Z"
    r"|[a-z_]\w*(?:[.\[][\w.\[\]'\"]+)? = [\w\[({\"'-]|[a-z_][\w.]*\.\w+\([^\n]*[\"'][^\n]*\)\Z"
)
# A decorator over what it decorates is code, whatever stands above.
_DECORATED = re.compile(
    r"\n[ \t]*@\w[\w.]*(?:\([^\n]*\))?[ \t]*(?=\n[ \t]*(?:@\w|(?:async )?def |class )[^\n]*)"
)
_COLONS, _TWO_WORDS, _LOOKED_AT = (":", "："), re.compile(r"[a-z]{2} [a-z]{2}"), 70
# A longer line is none that anybody types.
_MOST_LINES, _LONGEST = 30, 400


def examples(region: str) -> Iterator[tuple[int, int]]:
    """Commands and blocks of code that a colon announces, or that a text begins with; some lie in others."""
    done = 0
    begins = _LINE.match(region)
    if begins is not None and _is_command(begins[2]) and _is_sure(begins[2]):
        for start, end in _commands(region, 0, None):
            done = end
            yield start, end
    for announced in _ANNOUNCED.finditer(region):
        start = announced.end()
        if start < done:
            continue
        above = _LINE.match(region, region.rfind("\n", 0, announced.start()) + 1)
        for first, last in _code(region, start) or _commands(region, start, above):
            done = last
            yield first, last
    done = 0
    for decorated in _DECORATED.finditer("\n" + region) if "@" in region else ():
        if decorated.start() >= done:
            for first, last in _code(region, decorated.start()):
                done = last
                yield first, last


def is_command(line: str) -> bool:
    """Whether a line is a command, or code, that one can type."""
    return _is_command(line) or _begins_code(line)


def is_shown(lines: str, start: int, end: int) -> bool:
    """Whether a line stands right below a colon, and what is indented further below it is no prose.

    Args:
        lines: the text.
        start: of the line, with the line end before it.
        end: of the line.
    """
    return lines[start - 1 : start] in _COLONS and not _TWO_WORDS.search(lines, end, end + _LOOKED_AT)


def _commands(region: str, start: int, above: re.Match[str] | None) -> list[tuple[int, int]]:
    """Commands from here on, one below the other; one that ends in a backslash goes on.

    Args:
        above: the line that announces them, if one does.
    """
    spans: list[tuple[int, int]] = []
    indent = 0
    while len(spans) < _MOST_LINES and (line := _LINE.match(region, start)):
        # What a colon announces and is indented less than its text is preformatted: options are no names.
        is_outside = above is not None and len(line[1]) < len(above[1]) and above[2].rstrip()[-1:] in ":："
        is_outside = is_outside and (not spans or len(line[1]) == indent)
        indent = len(line[1])
        if not (_is_command(line[2]) or (is_outside and _OPTION.match(line[2]))):
            break
        end = line.end()
        while region[max(start, end - _LONGEST) : end].rstrip().endswith("\\"):
            more = _LINE.match(region, _behind_blanks(region, end))
            if more is None:
                break
            end = more.end()
        # A line over one that is indented further may be a name.
        below = _BELOW.match(region, end)
        may_name = not is_outside and below is not None and len(below[1]) > len(line[1])
        if may_name and not _is_sure(line[2]):
            break
        spans.append((start, end))
        start = _behind_blanks(region, end)
    return spans


def _behind_blanks(region: str, end: int) -> int:
    blanks = _NEXT.match(region, end)
    return blanks.end() if blanks else end


def _code(region: str, start: int) -> list[tuple[int, int]]:
    """Lines of code from here on, with what is indented further, up to a blank line."""
    first = _LINE.match(region, start)
    if first is None or not _begins_code(first[2]):
        return []
    end, line = first.end(), _LINE.match(region, first.end())
    while line and (len(line[1]) > len(first[1]) or _begins_code(line[2])):
        end = line.end()
        line = _LINE.match(region, end)
    return [(start, end)]


def _begins_code(line: str) -> bool:
    return len(line) < _LONGEST and _BEGINS_CODE.match(line.rstrip()) is not None


def _unquoted(line: str) -> str:
    return _QUOTED.sub('""', line)


def _is_sure(line: str) -> bool:
    return _SURE.search(_unquoted(line)) is not None


def _is_command(line: str) -> bool:
    """Whether a line is a command as one types it: with nothing left to be filled in, and no sentence."""
    if len(line) > _LONGEST or not _COMMAND.match(line):
        return False
    bare = _unquoted(line.rstrip())
    if not _CONCRETE.search(bare) or _PROSE.search(bare):
        return False
    return "://" in bare or not _PLACEHOLDER.search(bare)
