"""Where pipe tables begin and end in Markdown, as markdown-it's own rule finds them, without making cells.

That rule makes a token of every cell, and of every one that a short row lacks: 91 kB of Markdown took 20 s.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock

_DELIMITER = re.compile(r"[|:-][|:\s-][|: \t-]*")
_COLUMN = re.compile(r":?-+:?")
_BAR = re.compile(r"(?<!\\)\|")


def pipe_table(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Rule of markdown-it for blocks: adds one token of the table's lines."""
    if first + 2 > end or not _begins(state, first):
        return False
    if silent:
        return True
    before, state.parentType = state.parentType, "table"
    rules = state.md.block.ruler.getRules("blockquote")
    line = first + 2
    while line < end and state.sCount[line] >= state.blkIndent and not state.is_code_block(line):
        if any(rule(state, line, end, True) for rule in rules) or not _line(state, line):
            break
        line += 1
    state.push("table_open", "table", 0).map = [first, line]
    state.parentType, state.line = before, line
    return True


def _begins(state: StateBlock, first: int) -> bool:
    """Whether a header and the line below it have the same number of columns."""
    below = first + 1
    if state.sCount[below] < state.blkIndent or state.is_code_block(below) or state.is_code_block(first):
        return False
    delimiter, header = _line(state, below), _line(state, first)
    if "|" not in header or not _DELIMITER.fullmatch(delimiter):
        return False
    columns = delimiter.split("|")
    columns = columns[not columns[0].strip() : len(columns) - (len(columns) > 1 and not columns[-1].strip())]
    if not columns or not all(_COLUMN.fullmatch(column.strip()) for column in columns):
        return False
    n_bars = len(_BAR.findall(header))
    return n_bars + 1 - header.startswith("|") - (
        len(header) > 1 and bool(_BAR.match(header, len(header) - 1))
    ) == len(columns)


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip()
