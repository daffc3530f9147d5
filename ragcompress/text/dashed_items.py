"""Paragraphs that hold a name, a dash and what describes it: ``limit BYTES - how many may wait``.

They are one unit each: the first line is no name, and the rest of its sentence not what it means.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .blocks import Block

# ``hoplimit TTL - specifies the limit of``, wrapped: what is indented further below goes along.
_DASHED = re.compile(
    r"\n([ \t]++)(?![-*+•–—])([^\s][^\n]{0,59}?)[ ]+[-–—](?:[ ]+[^\s][^\n]*+|(?=\n))"
    r"(?:\n\1[ \t]+[^\s][^\n]*+){0,8}"
)
# ``url (str) – The address of it.``, as Sphinx writes what a function takes.
_PARAMETER = r"\*{0,2}[A-Za-z_]\w*(?: \([^\n]{1,80}?\))? –[ ]"
_PARAMETERS = re.compile(rf"\n({_PARAMETER})[^\n]*+(?:\n(?!{_PARAMETER}|[ \t]*\n)[^\n]++){{0,12}}")
# ``rule`` below a blank line, and right below it, alone, ``- rule in routing policy data base.``
_BELOW = re.compile(
    r"\n[ \t]*\n([ \t]*+)(?![-*+•–—#>|:])([^\s][^\n]{0,39})\n\1[-–—][ ]+[^\n]+"
    r"(?:\n\1[ \t]+[^\s][^\n]*+){0,8}(?=\n(?!\1[-–—] )|\Z)"
)
# A longer one is prose: it would take a whole budget.
_LONGEST = 600
NEVER_LAST = frozenset(
    "a an the of to by as is are was were be that which with from and or if when not for at its this".split()
)
"""Words that no name ends with."""
BRACKETED = re.compile(r"\[[^\[\]]*\]|<[^<>]*>|\{[^{}]*\}|\([^()]*\)")
"""What stands in brackets, and holds none."""


def dashed_items(lines: str) -> Iterator[Block]:
    """Such paragraphs, where there are two or more; with types one is enough.

    Args:
        lines: the text behind a line end; offsets are the text's.
    """
    matches = [m for m in _DASHED.finditer(lines) if len(m[0]) < _LONGEST and _is_name(m[2])]
    often = Counter(m[1] for m in matches)
    yield from ((m.start(), m.end() - 1, "list item") for m in matches if often[m[1]] > 1)
    if "–" in lines:
        matches = [m for m in _PARAMETERS.finditer(lines) if len(m[0]) < _LONGEST]
        if len(matches) > 1 or any("(" in m[1] for m in matches):
            yield from ((m.start(), m.end() - 1, "list item") for m in matches)


def dashed_below(text: str) -> Iterator[Block]:
    """Names right above a dash and what describes them, where there are two or more: one unit each."""
    if "\n- " not in text and " - " not in text:
        return
    matches = [m for m in _BELOW.finditer("\n\n" + text) if len(m[0]) < _LONGEST and _is_name(m[2])]
    if len(matches) > 1:
        yield from ((m.start(2) - 2, m.end() - 2, "list item") for m in matches)


def _is_name(name: str) -> bool:
    """Whether what stands before a dash is a name with what it takes."""
    words = BRACKETED.sub(" ", name).split()
    is_prose = any(word in NEVER_LAST and word != "or" for word in words)
    return len(words) < 7 and not is_prose and name[-1] not in ".,;:!?"
