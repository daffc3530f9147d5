"""What belongs to a kept unit: what it needs to be understood, and what it opens.

A row needs its table's header, a description the name of its option. A list or an example needs the sentence
that announces it, an answer its question, ``It …`` the sentence before. A heading, a name, a caption and a
sentence that ends in a colon say nothing unless they stand over something. One value holds all of it:
selection prices a unit together with what belongs to it, and rendering writes each of these once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from math import inf

from ..data import Scores, Segmentation, Selection, Sentence

_BLOCKS = ("code", "table", "table header", "list item")
_COLON = re.compile(r"[:：]\s*[*_`\"”»)]*\Z")
_CAPTION = re.compile(
    r"(?:table|tab\.|figure|fig\.|listing|example|tabelle|abbildung|tableau|tabla)\s*[\dIVX]+", re.IGNORECASE
)
_QUESTION = re.compile(r"[*_#\s]*(?:Q|Question|Frage)\s?\d{0,3}[.:)]", re.IGNORECASE)
# What such a unit speaks of stands before it.
_ANAPHORIC = re.compile(
    r"(?:This|These|Those|Such|It|Its|They|Their|Both|Neither|The default|The former|The latter)\b(?!['’])"
)
_NUMBERED = re.compile(r"(?:chapter |appendix |part )?[A-Z\d]{1,3}(?:\.\d+)+\.?\s+\S", re.IGNORECASE)
# A name's description in text without indentation goes on to the next name, or for so many units.
_FLAT = 30
_LONGEST_LINE = 500
# What has a question mark and more words than this is no heading of an answer.
_ASKS = 30


@dataclass(frozen=True, slots=True)
class Companions:
    """What goes along with what, by the numbers of units.

    Attributes:
        needs: for a unit, those before it that it can't be understood without; they may need others.
        opens: for a unit that says nothing without what follows, where that begins and ends, half open: of
            these at least one is kept with it, the first unless there is another.
    """

    needs: Mapping[int, tuple[int, ...]]
    opens: Mapping[int, tuple[int, int]]

    def __bool__(self) -> bool:
        return bool(self.needs or self.opens)


def companions(segmentation: Segmentation, *, headings: bool = False) -> Companions:
    """Find what goes along with what, within each document.

    Args:
        segmentation: the documents and their units.
        headings: whether the nearest heading above goes along with every unit that is none itself.
    """
    needs: dict[int, tuple[int, ...]] = {}
    opens: dict[int, tuple[int, int]] = {}
    numbered = enumerate(segmentation.sentences)
    for document, group in groupby(numbered, key=lambda pair: pair[1].document):
        units = [(i, s) for i, s in group if s.kind != "boilerplate"]
        reader = _Reader(segmentation, headings, titled=bool(segmentation.documents[document].title))
        for index, unit in units:
            if found := dict.fromkeys(reader.needs(index, unit)):
                needs[index] = tuple(found)
            reader.passes(index, unit)
        opens |= _opened([i for i, _ in units], segmentation, needs)
    return Companions(needs, opens)


def _opened(
    units: Sequence[int], segmentation: Segmentation, needs: Mapping[int, tuple[int, ...]]
) -> Iterator[tuple[int, tuple[int, int]]]:
    """What the openers of a document open; those at its end open nothing."""
    sentences = segmentation.sentences
    end = units[-1] + 1 if units else 0
    later = [(i, _level(sentences[i])) for i in units[-1:] if sentences[i].kind == "heading"]
    for index, following in reversed(list(pairwise(units))):
        unit = sentences[index]
        if unit.kind == "heading":
            level = _level(unit)
            while later and later[-1][1] > level:
                later.pop()
            stop = later[-1][0] if later else end
            if following < stop:
                yield index, (following, stop)
            later.append((index, level))
        elif _is_opener(unit, sentences[following]):
            last = following
            while last + 1 < end and index in needs.get(last + 1, ()):
                last += 1
            yield index, (following, last + 1)


def _level(heading: Sentence) -> int:
    """Depth of a Markdown heading; 1 for any other."""
    marks = heading.text.lstrip(" \t>")
    return max(1, len(marks) - len(marks.lstrip("#")))


def _is_opener(unit: Sentence, following: Sentence) -> bool:
    """Whether a unit that is no heading says nothing without the one that follows."""
    if unit.kind in ("term", "table header"):
        return True
    if unit.kind != "prose":
        return False
    if _COLON.search(unit.text):
        return True
    is_block = following.kind in ("table", "table header", "code")
    return is_block and len(unit.text) < 200 and _CAPTION.match(unit.text) is not None


@dataclass(slots=True)
class _Reader:
    """What a reader of one document has in mind at some unit of it, by the numbers of units."""

    segmentation: Segmentation
    headings: bool
    titled: bool
    heading: int | None = None
    header: int | None = None
    term: int | None = None
    described: int = 0
    lead_in: int | None = None
    question: int | None = None
    last: int | None = None

    def needs(self, index: int, unit: Sentence) -> Iterator[int]:
        """What stands before the unit and has to be kept with it."""
        if unit.kind == "heading":
            return
        if unit.kind == "table row" and self.header is not None:
            yield self.header
            return
        if self.headings and self.heading is not None:
            yield self.heading
        if self.last is None:
            return
        if unit.kind == "term":
            # With nothing between them, both name what follows.
            if self.segmentation.sentences[self.last].kind == "term" and self._indent(index) == self._indent(
                self.last
            ):
                yield self.last
        else:
            yield from self._named_by(index, unit, self.last)

    def _named_by(self, index: int, unit: Sentence, last: int) -> Iterator[int]:
        """The name, lead-in, question or antecedent of a unit that is neither heading, row nor name."""
        before = self.segmentation.sentences[last]
        if self.term is not None and self._is_described(index, self.term):
            yield self.term
        if self.lead_in is not None and self._is_announced(unit, self.segmentation.sentences[self.lead_in]):
            yield self.lead_in
        if unit.kind == before.kind == "table header" and before.cut:
            yield last
        if self.question is not None:
            yield self.question
        elif before.kind == unit.kind == "prose" and self._refers(unit, before):
            yield last

    def passes(self, index: int, unit: Sentence) -> None:
        """Keep in mind what the units behind this one may need."""
        is_prose = unit.kind == "prose"
        if unit.kind == "heading" or (is_prose and _NUMBERED.match(unit.text) and len(unit.text) < 80):
            self.term = None
        if unit.kind == "heading":
            self.heading = index
        if unit.kind == "term":
            self.term, self.described = index, 0
        elif self.term is not None:
            self.described += 1
        if unit.kind == "table header":
            self.header = index
        elif unit.kind != "table row":
            self.header = None
        if is_prose and (_COLON.search(unit.text) or _CAPTION.match(unit.text)):
            self.lead_in = index
        elif unit.kind not in ("list item", "table header"):
            self.lead_in = None
        self.question = index if self._asks(unit) else None
        self.last = index

    def _is_announced(self, unit: Sentence, lead_in: Sentence) -> bool:
        """Whether a colon announces a unit, or a caption names it."""
        return unit.kind in _BLOCKS and (unit.kind != "list item" or _COLON.search(lead_in.text) is not None)

    def _is_described(self, index: int, term: int) -> bool:
        """Whether the unit describes the last name: is indented further, or stands below it in flat text."""
        if self._indent(term + 1) > self._indent(term) or self._marked(term + 1):
            goes_on = index > term + 1 and bool(self._line(index).strip())
            inside = goes_on or self._indent(index) > self._indent(term) or self._marked(index)
        else:
            inside = self.described < _FLAT
        if not inside:
            self.term = None
        return inside

    def _line(self, index: int) -> str:
        """What stands before the unit on its line."""
        s = self.segmentation.sentences[index]
        text = self.segmentation.documents[s.document].text
        # No name is indented so far, and a line may have millions of characters.
        low = max(0, s.start_char - _LONGEST_LINE)
        start = max(text.rfind("\n", low, s.start_char), text.rfind("\r", low, s.start_char), low - 1) + 1
        return text[start : s.start_char]

    def _indent(self, index: int) -> int:
        line = self._line(index).expandtabs(4)
        return len(line) - len(line.lstrip())

    def _marked(self, index: int) -> bool:
        """Whether the unit begins with the mark of a definition, ``:``."""
        return self.segmentation.sentences[index].text.startswith((": ", ":\t", "~ "))

    def _refers(self, unit: Sentence, before: Sentence) -> bool:
        """Whether the unit speaks of what the one before it in its paragraph names; titles name it, too."""
        if self.titled or self.term is not None or not _ANAPHORIC.match(unit.text):
            return False
        gap = self.segmentation.documents[unit.document].text[before.end_char : unit.start_char]
        return gap.count("\n") < 2 and not _ANAPHORIC.match(before.text)

    def _asks(self, unit: Sentence) -> bool:
        """Whether what follows is the answer to this: a question in a heading, or marked as one."""
        if unit.kind not in ("heading", "prose") or len(unit.text.split()) > _ASKS:
            return False
        text = unit.text.rstrip(" *_#")
        return bool(_QUESTION.match(text)) or (unit.kind == "heading" and text.endswith(("?", "？")))


def led(scores: Scores, segmentation: Segmentation, found: Companions) -> Scores:
    """The scores, but what a name opens with is as good as the name.

    A question names the option that it asks about, and what describes it mostly does not.
    """
    values = scores.values.copy()
    for opener in sorted(found.opens):
        first = found.opens[opener][0]
        if segmentation.sentences[opener].kind == "term":
            values[first] = max(values[first], values[opener])
    return replace(scores, values=values)


def closure(kept: Iterable[int], found: Companions) -> set[int]:
    """What is kept, with all that goes along."""
    whole: set[int] = set()
    _add(kept, whole, found)
    while empty := _over_nothing(whole, found):
        _add([found.opens[i][0] for i in empty], whole, found)
    return whole


def _over_nothing(whole: Collection[int], found: Companions) -> list[int]:
    """The openers that stand over nothing that is kept."""
    ordered = sorted(whole)
    following = [*ordered[1:], inf]
    opens = found.opens
    return [i for i, n in zip(ordered, following, strict=True) if i in opens and n >= opens[i][1]]


def _add(units: Iterable[int], whole: set[int], found: Companions) -> None:
    waiting = [i for i in units if i not in whole]
    while waiting:
        unit = waiting.pop()
        whole.add(unit)
        waiting += (i for i in found.needs.get(unit, ()) if i not in whole)


def followed(kept: Iterable[int], found: Companions) -> tuple[set[int], tuple[int, ...]]:
    """What is kept with all companions, and those of it that have a place of their own, ascending.

    A companion has none: it stands right before what it goes along with. Both, and so the whole layout,
    depend on nothing but what is kept in the end.
    """
    whole = closure(kept, found)
    followers = {i for unit in whole for i in found.needs.get(unit, ())}
    return whole, tuple(sorted(i for i in whole if i not in followers and i not in found.opens))


def add_companions(leaders: Sequence[int], found: Companions, whole: Collection[int]) -> tuple[int, ...]:
    """Units in order, with what goes along, each once, before the first unit that it goes along with.

    Args:
        leaders: units that have a place of their own (``followed``), in order.
        found: what goes along with what.
        whole: all that is kept (``followed``).
    """
    if not found:
        return tuple(leaders)
    before = {unit: list(found.needs.get(unit, ())) for unit in whole}
    ordered = sorted(whole)
    for opener, following in pairwise(ordered):
        if opener in found.opens:
            before[following].append(opener)
    placed: dict[int, None] = {}
    for leader in leaders:
        group, waiting = set(), [leader]
        while waiting:
            unit = waiting.pop()
            if unit not in placed and unit not in group:
                group.add(unit)
                waiting += before[unit]
        placed |= dict.fromkeys(sorted(group))
    return tuple(placed)


def complete(selection: Selection, found: Companions) -> Selection:
    """The selection with the companions of what it keeps."""
    kept = closure(selection.kept, found)
    dropped = {i: reason for i, reason in selection.dropped.items() if i not in kept}
    duplicates = {i: other for i, other in selection.duplicate_of.items() if i in dropped}
    return Selection(tuple(sorted(kept)), dropped, duplicates)
