"""What a splitter broke: descriptions without a name, half sentences, lead-ins without what they open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from .definitions import is_name
from .fragments import halves
from .placed import Placed

# What is left of its worth to a description without its name, which a reader takes for another's; and to half
# a sentence, which may hold the answer all the same. Among probabilities, what has no name stands behind most
# of what has one. A few words of a sentence, and what announces something that is not there, say nothing.
_NAMELESS, _HALF, _NOTHING = 0.005, 0.5, 0.0
_SCRAP = re.compile(r"\W*(?:[^\W\d]+(?:\W+|\Z)){0,3}\Z")  # up to three words, no number: says nothing
# No number, and no sentence: ``Examples``, ``See also``.
_TITLE = re.compile(r"[A-Z][^\d.!?:;,]*\Z")
_LONGEST_TITLE, _WIDE = 60, 3
_COLON = re.compile(r"[:：]\s*[*_`\"”»)]*\Z")
# Up to eight words, no number, and the last is never at an end: ``The names all end in the``.
_STARTS = re.compile(
    r"\W*(?:[^\W\d]+\W+){0,7}(?:an?|the|of|to|in|on|by|for|with|from|and|or|if|is|are|that|this|which)\Z",
    re.I,
)
# So many names make a manual.
_FEWEST_NAMES = 3
# What manuals say last of a function or an option: ``Return type: int``; and ``Changed in version 2.1: …``.
_CLOSES = re.compile(
    r"(?:Parameters|Returns?|Return type|Raises|Yields|Keyword arguments|Default value)(?::?\n|:\s|:?\Z)"
)
_VERSION = re.compile(r"(?:New|Changed|Added|Deprecated|Removed)\s+(?:in|since)\s+(?:version\s|v?\d+\.\d)")


@dataclass(slots=True)
class _Names:
    """Names in one source: how many, how far they are indented, and whether descriptions are no further."""

    number: int = 0
    indent: int = 0
    flat: bool = True

    def add(self, text: Placed, name: int) -> None:
        indent, below = text.indent(name), name + 1
        self.indent = min(self.indent, indent) if self.number else indent
        self.number += 1
        if below < len(text.sentences) and text.sentences[below].document == text.sentences[name].document:
            self.flat = self.flat and text.indent(below) <= indent


def find_broken(
    texts: Sequence[tuple[Placed, Sequence[int]]], needs: Mapping[int, Sequence[int]]
) -> dict[int, float]:
    """What has lost its name, or the rest of its sentence, and the share of its worth that is left to it.

    Args:
        texts: each with its units.
        needs: what units can't be understood without (``companions.Companions``).
    """
    names: dict[tuple[str, str], _Names] = {}
    for text, units in texts:
        seen = names.setdefault(text.source, _Names())
        for name in _named(text, units):
            seen.add(text, name)
    broken = dict(chain.from_iterable(_cut(text, units) for text, units in texts))
    others = _layout(names.values())
    nameless = (
        _nameless(
            text, units, seen if (seen := names[text.source]).number >= _FEWEST_NAMES else others, needs
        )
        for text, units in texts
    )
    closing = (_closing(text, units, needs) for text, units in texts)
    open_ends = (_opens_nothing(text, units) for text, units in texts)
    broken |= dict.fromkeys(chain(*nameless, *closing), _NAMELESS)
    return broken | dict.fromkeys(chain(*open_ends), _NOTHING)


def _layout(manuals: Iterable[_Names]) -> _Names:
    """How names stand in the manuals among the sources, for one of which hardly anything was found.

    Pages of manuals are laid out alike; names are as far indented as in the one where they are furthest.
    """
    indented = [seen for seen in manuals if seen.number >= _FEWEST_NAMES and not seen.flat]
    if not indented:
        return _Names()
    return _Names(_FEWEST_NAMES, max(seen.indent for seen in indented), False)


def _closing(text: Placed, units: Sequence[int], needs: Mapping[int, Sequence[int]]) -> Iterable[int]:
    """Up to the last that is said of what has no name here: parameters, what it returns, its versions."""
    if not (text.documents[text.stretch.documents[0]].start_index or 0) > 0:
        return ()
    last, versions = 0, []
    for k, i in enumerate(units):
        unit = text.sentences[i]
        if unit.kind in ("heading", "term"):
            break
        if _VERSION.match(unit.text):
            versions.append(i)
        if _CLOSES.match(unit.text):
            last = k + 1
            while last < len(units) and i in needs.get(units[last], ()):
                last += 1
    return [*units[:last], *versions]


def _named(text: Placed, units: Iterable[int]) -> list[int]:
    """Names of options and their like, and no phrases, that do not begin the text."""
    sentences = text.sentences
    named = (i for i in units if sentences[i].kind == "term" and text.at(i) > 0)
    return [i for i in named if is_name(sentences[i].text)]


def _nameless(
    text: Placed, units: Sequence[int], seen: _Names, needs: Mapping[int, Sequence[int]]
) -> Iterable[int]:
    """What stands before the first name, where the text begins within a description.

    And what follows a list within it, up to a name that is indented as little as any.

    Args:
        units: of the text.
        seen: the names of its source.
        needs: what units can't be understood without.
    """
    begins = (text.documents[text.stretch.documents[0]].start_index or 0) > 0
    if not units or not (begins or text.sentences[units[0]].fragment):
        return ()
    for k, i in enumerate(units):
        unit = text.sentences[i]
        if unit.kind == "heading":
            return ()
        if unit.kind == "term" and is_name(unit.text):
            return [*units[:k], *_behind_list(text, units[k:], seen, needs)]
    if seen.number < _FEWEST_NAMES or not begins:
        return ()
    least = _indent(text, units)
    return units if least > seen.indent or (seen.flat and least == seen.indent) else ()


def _indent(text: Placed, units: Sequence[int]) -> int:
    """Columns that all lines are indented by, but for the first, which is stripped, and examples."""
    parts, done = [], 0
    for i in units:
        if text.sentences[i].kind == "code":
            parts.append(text.stretch.text[done : text.at(i)].rstrip(" \t"))
            done = text.end(i)
    lines = "".join([*parts, text.stretch.text[done:]]).expandtabs(4).split("\n")[1:]
    return min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)


def _behind_list(
    text: Placed, units: Sequence[int], seen: _Names, needs: Mapping[int, Sequence[int]]
) -> Iterator[int]:
    """What is indented as a description is, and stands under none of the names before it.

    Args:
        units: from the first name on.
    """
    for i in units if text.at(units[0]) > 0 and seen.number >= _FEWEST_NAMES else ():
        unit = text.sentences[i]
        if unit.kind == "heading" or text.indent(i) <= seen.indent:
            return
        if unit.kind != "term" and not any(text.sentences[n].kind == "term" for n in needs.get(i, ())):
            yield i


def _cut(text: Placed, units: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Fragments of which it is known that a splitter cut them, and the share of their worth that is left."""
    whole = {i for both in halves(text, units) for i in both}
    for i in units:
        unit = text.sentences[i]
        if unit.fragment and i not in whole and text.documents[unit.document].start_index is not None:
            yield i, _NOTHING if _SCRAP.match(unit.text) or _STARTS.match(unit.text) else _HALF


def _opens_nothing(text: Placed, units: Sequence[int]) -> Iterator[int]:
    """Headings and lead-ins at the end of a chunk that a splitter cut: what they open is not there."""
    if not units or text.documents[text.sentences[units[-1]].document].start_index is None:
        return
    for i in reversed(units):
        unit = text.sentences[i]
        if unit.kind != "heading" and not (unit.kind == "prose" and _COLON.search(unit.text)):
            if i != units[-1] or not _is_title(text, i):
                return
        yield i


def _is_title(text: Placed, index: int) -> bool:
    """Whether the last unit of a chunk is a few words below a wide gap: what they stand over is not there."""
    unit = text.sentences[index]
    if unit.kind != "prose" or len(unit.text) > _LONGEST_TITLE or not _TITLE.match(unit.text):
        return False
    before = index - 1
    is_first = before < 0 or text.sentences[before].document != unit.document
    return not is_first and text.lines_between(before, index) >= _WIDE
