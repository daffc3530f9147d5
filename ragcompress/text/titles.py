"""Lines that a mark makes a title: underlined, bold and alone, or right above the items of a list.

A title in bold, and one above items with bullets, names what follows as an option's name does: an answer
without the error that it is about, or an item without its list, would be taken for another's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .blocks import Block

_SPAN = r"[^\W_][^\n|]{1,78}(?<![.:;,\s])"
# ``Title`` over ``-----``, as Markdown and reStructuredText underline it; there is no wide gap in a title.
_UNDERLINED = re.compile(
    rf"(?:\A\s*|\n[ \t]*\n)((?:=+\n)?{_SPAN}[ \t]*\n([=~^*#\"-])\2{{2,}})[ \t]*(?=\n|\Z)"
)
_RULE = re.compile(r"\n[=~^*#\"-]{3}")
_BOLD = re.compile(r"(?:\A\s*|\n[ \t]*\n)[ \t]{0,3}((\*\*|__)(?=\S)[^\n*]{1,98}\2:?)[ \t]*(?=\n\s*\S)")
_ITEM = r"[ \t]*[•▪●‣◦■–·][ \t]+\S"
_OVER_ITEMS = re.compile(
    rf"(?:\A|(?<=\n))[ \t]*(?!{_ITEM})([^\W_a-z][^\n]{{1,58}}(?<![.,:;!?…-]))[ \t]*(?=\n{_ITEM})"
)
_BULLET = re.compile(_ITEM)
# Lines of so many characters are not wrapped; others end so far from the margin; a title has no more words.
# No more of the lines around is looked at.
_LINE = 400
_SPOKEN = frozenset('.!?…:,»”"')
_NARROW, _RAGGED, _MOST_WORDS = 50, 12, 7


def titles(region: str) -> Iterator[Block]:
    """Such titles: headings where they are underlined, names otherwise."""
    for m in _UNDERLINED.finditer(region) if _RULE.search(region) else ():
        title, _, line = m[1].lstrip("=\n").partition("\n")
        if "  " not in title and ": " not in title and len(line) * 2 > len(title.rstrip()):
            yield *m.span(1), "heading"
    if "**" in region or "__" in region:
        yield from ((*m.span(1), "term") for m in _BOLD.finditer(region) if not _ends(m[1]))
    if any(mark in region for mark in "•▪●‣◦■–·"):
        yield from _over_items(region)


def _ends(title: str) -> bool:
    """Whether a sentence or a question ends in bold."""
    return title.rstrip("*_:")[-1:] in ".!?…;,"


def _over_items(region: str) -> Iterator[Block]:
    """Short lines right above an item; not the last of an item that is wrapped, and not above speech."""
    width = max(map(len, region.split("\n")))
    for m in _OVER_ITEMS.finditer(region):
        before = region[max(0, m.start() - _LINE) : m.start()]
        above = before.rstrip("\n").rpartition("\n")[2]
        is_apart = not above or before.endswith("\n\n") or above.rstrip()[-1:] in ".!?:;"
        item = region[m.end() : m.end() + _LINE].strip(" \t\n").partition("\n")[0].rstrip()
        if item[:1] == "–" and item[-1] in _SPOKEN:
            continue  # what somebody says
        fits = width < _NARROW or len(above) + len(m[1].split()[0]) + _RAGGED < width
        if m[1].count(" ") < _MOST_WORDS and (is_apart or (_BULLET.match(above) and fits)):
            yield *m.span(1), "term"
