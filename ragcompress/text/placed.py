"""Where the units of one text stand, whether it is in one document or in several chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, product

from ..data import Segmentation
from .blocks import LONG
from .nested_markup import nested_parents
from .stretches import Stretch

_LONGEST_LINE = 500


class Placed:
    """One text, in one document or several, and where its units stand in it."""

    def __init__(self, segmentation: Segmentation, stretch: Stretch) -> None:
        self.sentences = segmentation.sentences
        self.documents = segmentation.documents
        self.stretch = stretch
        self.titled = bool(segmentation.documents[stretch.documents[0]].title)
        self._starts = dict(zip(stretch.documents, stretch.starts, strict=True))

    def at(self, index: int) -> int:
        """Where a unit starts."""
        unit = self.sentences[index]
        return self._starts[unit.document] + unit.start_char

    def end(self, index: int) -> int:
        """Where a unit ends."""
        unit = self.sentences[index]
        return self._starts[unit.document] + unit.end_char

    def line(self, index: int) -> str:
        """What stands before the unit on its line."""
        at = self.at(index)
        # No name is indented so far, and a line may have millions of characters.
        low = max(0, at - _LONGEST_LINE)
        text = self.stretch.text
        start = max(text.rfind("\n", low, at), text.rfind("\r", low, at), low - 1) + 1
        return text[start:at]

    def indent(self, index: int) -> int:
        """Columns of white space before the unit's line."""
        line = self.line(index).expandtabs(4)
        return len(line) - len(line.lstrip())

    def is_alone(self, index: int) -> bool:
        """Whether a unit has its lines for itself, but for signs of type."""
        if self.line(index).strip(" \t*_>#"):
            return False
        end = self.end(index)
        behind = self.stretch.text[end : end + _LONGEST_LINE]
        return not behind.replace("\r", "\n").partition("\n")[0].strip(" \t*_")

    def lines_between(self, before: int, index: int) -> int:
        """Line ends between two units."""
        return self.stretch.text.count("\n", self.end(before), self.at(index))

    def copies(self, members: Sequence[Sequence[int]]) -> dict[int, int]:
        """Units that another document has as well, or whole, with the one there; the earlier one stays."""
        copies: dict[int, int] = {}
        for before, document in pairwise(self.stretch.documents):
            border = self._starts[document]
            tail = [i for i in members[before] if self.end(i) > border]
            last = max(map(self.end, tail), default=border)
            head = [i for i in members[document] if self.at(i) < last]
            for i, j in product(tail, head):
                is_same = self.at(i) == self.at(j) and self.end(i) == self.end(j)
                if is_same and self.sentences[i].kind == "prose" != self.sentences[j].kind:
                    copies.setdefault(i, j)
                elif self.at(i) <= self.at(j) and self.end(j) <= self.end(i):
                    copies.setdefault(j, i)
                elif self.at(j) <= self.at(i) and self.end(i) <= self.end(j):
                    copies.setdefault(i, j)
        return {i: _last(i, copies) for i in copies}

    @property
    def source(self) -> tuple[str, str]:
        """What the text is part of."""
        first = self.documents[self.stretch.documents[0]]
        return first.origin, first.title or ""


def parents_of(text: Placed, units: Sequence[int]) -> dict[int, int | None]:
    """For units of a long text that is YAML or XML, those with the key or tag around them; else empty."""
    document = text.documents[text.stretch.documents[0]]
    if len(text.stretch.documents) > 1 or len(document.text) <= LONG or document.text.lstrip()[:1] in "{[":
        return {}
    if any(text.sentences[i].kind not in ("term", "code") for i in units):
        return {}
    parents = nested_parents(document.text, [text.sentences[i].start_char for i in units])
    return {i: None if k is None else units[k] for i, k in zip(units, parents, strict=False)}


def _last(unit: int, copies: Mapping[int, int]) -> int:
    while unit in copies:
        unit = copies[unit]
    return unit
