"""Which name what follows is described under: lists of names within descriptions, and where they end.

A description goes on as far as it is indented further than its name; in text without indentation, to the next
name. A list within a description ends where the text is indented less than its names, or below a wider gap
than the one between them: what follows belongs to the name around the list again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .placed import Placed

# A name's description in text without indentation goes on to the next name, or for so many units.
_FLAT = 30
# Line ends of a gap that sets more apart than paragraphs.
_WIDE = 3
# Between names that are links to themselves, and below the last of them; no such gap is within a description.
_WIDEST = 4
_SAYS = re.compile(
    r"\b(?:the|of|is|are|was|were|to|an?|in|by|as|with|that|for|one|following|these|can|may)\b", re.IGNORECASE
)
_LINKS = ("¶", "\uf0c1")


@dataclass(slots=True)
class _Open:
    """A name whose description has not ended.

    Attributes:
        name: number of its unit.
        indent: of its line.
        inner: a colon within another description announces its list.
        said: the colon ends a sentence, and no title.
        gap: line ends above it, and above those of its list before it, the fewest; 0: not known.
        below: first unit of the description.
        described: how many units it has.
    """

    name: int
    indent: int
    inner: bool = False
    said: bool = False
    gap: int = 0
    below: int | None = None
    described: int = 0


class OpenNames:
    """The names that a reader has in mind at some unit, outermost first."""

    def __init__(self, text: Placed) -> None:
        self._text = text
        self._open: list[_Open] = []
        self._shown = -1

    def __bool__(self) -> bool:
        return bool(self._open)

    def clear(self) -> None:
        """Another section begins."""
        self._open.clear()

    def add(self, index: int, last: int | None, announced: bool) -> None:
        """A name begins.

        Args:
            index: its unit.
            last: the unit before it.
            announced: whether that one ends in a colon.
        """
        new = _Open(index, self._text.indent(index))
        gap = 0 if last is None else self._text.lines_between(last, index)
        while self._open:
            top = self._open[-1]
            if self._is_stripped(top.name):
                top.indent = new.indent
            if new.indent > top.indent:
                new.said = announced and last is not None and self._is_sentence(last)
                break
            if new.indent == top.indent and self._is_beside(new, top, gap, last if announced else None):
                break
            self._open.pop()
        self._open.append(new)

    def _is_beside(self, new: _Open, top: _Open, gap: int, lead_in: int | None) -> bool:
        """Whether a name of the same indentation takes the place of the innermost one, or stands in it.

        Args:
            lead_in: the unit above, if it ends in a colon.
        """
        rank, outer = self._rank(new.name), self._rank(top.name)
        if rank < outer:
            return False
        if rank > outer or (lead_in is not None and top.below is not None):
            new.inner, new.gap = True, gap if rank > outer and gap > 1 else 0
            new.said = outer > 0 and lead_in is not None and self._is_sentence(lead_in)
            return True
        if top.inner and 0 < top.gap < gap:
            return False
        # Names with nothing between them say nothing of the gap, unless they are items of a list.
        known = gap if top.below is not None or (top.inner and gap > 1) else 0
        new.inner, new.said = top.inner, top.said
        new.gap = min(filter(None, (top.gap, known)), default=0)
        self._open.pop()
        return True

    def _is_sentence(self, lead_in: int) -> bool:
        """Whether a lead-in is no title: ``One of the following:``, and not ``Network options:``."""
        return _SAYS.search(self._text.sentences[lead_in].text) is not None

    def _rank(self, name: int) -> int:
        """Classes hold what is defined in them; what links to itself, lists that don't."""
        text = self._text.sentences[name].text
        if text.startswith(("class ", "exception ")):
            return 0
        return 1 if text.endswith(_LINKS) else 2

    def around(self, name: int) -> int | None:
        """The name in whose description a colon announces the list that the innermost name is of."""
        if len(self._open) < 2 or self._open[-1].name != name or not self._open[-1].said:
            return None
        return self._open[-2].name

    def describes(self, index: int) -> None:
        """A unit that is no name stands under the innermost one."""
        if self._open:
            top = self._open[-1]
            top.below = index if top.below is None else top.below
            top.described += 1

    def owner(self, index: int, last: int) -> int | None:
        """The name that a unit describes; those whose description has ended before it are closed."""
        while self._open:
            if self._is_shown(index, last):
                self._shown = index
                return self._open[-1].name
            if self._is_inside(index, last, self._open[-1]):
                return self._open[-1].name
            self._open.pop()
        return None

    def _is_shown(self, index: int, last: int) -> bool:
        """Whether the unit is an example that a description announces: it may be indented less than that."""
        unit, before = self._text.sentences[index], self._text.sentences[last]
        announces = before.kind == "prose" and before.text.endswith((":", "："))
        return unit.kind == "code" and (announces or last == self._shown)

    def _is_inside(self, index: int, last: int, top: _Open) -> bool:
        """Whether the unit describes a name: is indented further, or stands below it in flat text."""
        text, below = self._text, index if top.below is None else top.below
        begins_line = not text.line(index).strip()
        if begins_line and index != below and text.indent(below) <= top.indent < text.indent(index):
            if not text.lines_between(top.name, below):  # the description begins beside its name
                top.below = below = index
        if text.indent(below) > top.indent or self._marked(below):
            goes_on = index != below and (not begins_line or self._joins(index, last, below, top))
            return goes_on or text.indent(index) > top.indent or self._marked(index)
        if begins_line and (index != below or (top.inner and top.gap)):
            if text.indent(index) < top.indent:
                return False
            gap = text.lines_between(last, index)
            if (top.inner or top.gap >= _WIDE) and 0 < top.gap < gap:
                return False
            if top.inner and gap >= max(top.gap, _WIDEST) and self._rank(top.name) == 1:
                return False
        return top.described < _FLAT

    def _is_stripped(self, name: int) -> bool:
        """Whether a name begins a chunk from within a text: splitters strip what it was indented by."""
        document = self._text.documents[self._text.sentences[name].document]
        return self._text.at(name) == 0 and bool(document.start_index)

    def _joins(self, index: int, last: int, below: int, top: _Open) -> bool:
        """Whether the gap before the unit sets paragraphs apart, and the name has a wider one below it."""
        under = self._text.lines_between(top.name, below)
        return under >= _WIDE and self._text.lines_between(last, index) < under

    def _marked(self, index: int) -> bool:
        """Whether the unit begins with the mark of a definition, ``:``."""
        return self._text.sentences[index].text.startswith((": ", ":\t", "~ "))
