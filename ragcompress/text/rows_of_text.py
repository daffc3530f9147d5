"""Rows that nothing but their lines sets apart: values below a title, and entries of a bibliography.

``Maximum load 140 kg`` below ``Model L`` is one row of several; an entry of a list of references is one unit,
for its title and its journal are no sentences by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .blocks import Block

# ``Maximum load 140 kg``: up to five words, and a value.
_ROW = r"[ \t]*[^\W\d_a-z][^\W\d]*(?: [^\W\d]+){0,4} [^\s\w]{0,2}\d[^\n!?;:]{0,30}(?<![.,])"
_TITLED = re.compile(
    r"\n\n([ \t]*[^\W\d_a-z][^\n\d.:;,!?]{1,40}[^\n.:;,!?]?\n)"
    rf"({_ROW}(?:\n{_ROW}){{2,30}}+)(?=\n[ \t]*\n|\n?\Z)"
)
# ``Ahmadi, R. and Lund, P. (2019). On the wear of millstones.``, and lines that are no entry of their own.
_AUTHOR = r"[^\W\d_a-z][\w'’-]+(?: [^\W\d_a-z][\w'’-]+)?, (?:[^\W\d_a-z]\.[ -]?){1,3}"
_ENTRY = rf"(?:\[\d{{1,3}}\] )?{_AUTHOR}[^\n]{{0,200}}?\((?:19|20)\d\d[a-z]?\)[.:,]"
_ENTRIES = re.compile(rf"\n({_ENTRY}[^\n]+(?:\n(?!{_AUTHOR}|\[\d)[ \t]*[^\s][^\n]*){{0,5}})")
# A longer one is prose: it would take a whole budget.
_LONGEST = 600


def titled_rows(lines: str) -> Iterator[Block]:
    """Paragraphs of a title and three rows or more.

    Args:
        lines: the text behind a line end; offsets are the text's.
    """
    for match in _TITLED.finditer("\n" + lines):
        yield match.start(1) - 2, match.end(1) - 2, "heading"
        at = match.start(2) - 2
        for row in match[2].splitlines(keepends=True):
            yield at, at + len(row), "list item"
            at += len(row)


def entries(lines: str) -> Iterator[Block]:
    """Entries of a bibliography, where there are two or more.

    Args:
        lines: the text behind a line end; offsets are the text's.
    """
    if "(19" not in lines and "(20" not in lines:
        return
    matches = [m for m in _ENTRIES.finditer(lines) if len(m[0]) < _LONGEST]
    if len(matches) > 1:
        yield from ((m.start(), m.end() - 1, "list item") for m in matches)
