"""Definition lists, as Markdown Extra, Pandoc and markdownify write them: names over ``: what they mean``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .blocks import Block

_DEFINED = re.compile(r"\n(?![ \t]*[:~>|#+-])[^\n]{1,120}+\n\n?(?= {0,3}[:~][ \t]{1,7}\S)")
# Another name right above one.
_NAME = re.compile(r"(?![ \t]*[:~>|#+*-][ \t])\S[^\n]{0,69}(?<![.!?:;,])")
_MOST, _SHORT = 6, 70


def defined(lines: str) -> Iterator[Block]:
    """Names over a definition, and those right above them: several may have one.

    Args:
        lines: the text behind a line end; offsets are the text's.
    """
    for m in _DEFINED.finditer(lines):
        start = m.start()
        yield start, m.end() - 1, "term"
        above = lines[max(0, start - _SHORT * _MOST) : start].rpartition("\n\n")[2].lstrip("\n")
        names = above.split("\n") if above else []
        if len(names) <= _MOST and all(map(_NAME.fullmatch, names)):
            for name in reversed(names):
                start -= len(name) + 1
                yield start, start + len(name), "term"
