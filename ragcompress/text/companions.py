"""What belongs to a kept unit: what it needs to be understood, and what it opens.

A row needs its table's header and the name of its group, a description the name of its option. A list or an
example needs the sentence that announces it, an answer its question, ``It …`` the sentence before. A heading,
a name, a caption and a sentence that ends in a colon say nothing unless they stand over something. One value
holds all of it: selection prices a unit together with what belongs to it, and rendering writes each once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..data import Segmentation, Sentence
from .announcing import (
    BLOCKS,
    CAPTION,
    TABLES,
    also_needed,
    asks,
    captions_below,
    ends_in_colon,
    goes_on,
    is_labeled,
    points,
)
from .broken import find_broken
from .clauses import Clauses
from .fragments import halves
from .nested_data import closed, opens_values
from .open_names import OpenNames
from .openers import find_opened
from .placed import Placed, parents_of
from .quotes import find_quotes
from .row_groups import find_row_groups
from .stretches import Stretches, find_stretches

_ANNOUNCES = re.compile(r"[:：?？]\s*[*_`\"”»)]*\Z")
_QUESTION = re.compile(r"[*_#\s]*(?:Q|Question|Frage)\s?\d{0,3}[.:)]", re.IGNORECASE)
# What such a unit speaks of stands before it.
_ANAPHORIC = re.compile(
    r"(?:This|These|Those|Such|It|Its|They|Their|Both|Neither|The default|The former|The latter)\b(?!['’])"
)
_NUMBERED = re.compile(r"(?:chapter |appendix |part )?[A-Z\d]{1,3}(?:\.\d+)+\.?\s+\S", re.IGNORECASE)
# What has a question mark and more words than this is no heading of an answer; alone on its line, than this.
_ASKS, _ASKS_ALONE = 30, 16
# ``limits:`` and ``<limits>`` mean nothing without the keys around them.
_KEY = re.compile(r"(?:- )?[\w.\"'-]+:\Z|<[^/<>][^<>]*>\Z")
# A heading that is the name of an option, a function, a file or a version, or the date of one.
_NAMES = re.compile(
    r"#*\s*(?:`[^`\n]+`(?:(?:, | or | / )`[^`\n]+`)*|-{1,2}[A-Za-z][^\n]*"
    r"|(?:version |release )?\[?v?\d+\.\d+[\w.+-]*\]?(?:[ ,–—-]+\(?\d{4}-\d\d-\d\d\)?)?|\[?\d{4}-\d\d-\d\d\]?"
    r"|[\w.$-]*(?:[^\W\d]_\w|[^\W\d]\.[^\W\d]|[a-z][A-Z])[\w.$-]*(?:\([^\n]*\))?|[\w.]+\([^\n]*\))"
    r"(?:\s*\([^()\n]+\))?\s*[#¶]*\Z"
)


@dataclass(frozen=True, slots=True)
class Companions:
    """What goes along with what, by the numbers of units.

    Attributes:
        needs: for a unit, those before it that it can't be understood without; they may need others.
        opens: for a unit that says nothing without what follows, the first of that, and the position
            (``position``) at which it ends: of these at least one is kept with it, the first unless there
            is another.
        copies: for a unit that another document of the same text holds as well, or holds whole, the one
            there; it has no companions of its own.
        broken: what its text describes under a name that stands before all that is there of it. Sentences
            that a text splitter cut, too; for each the share of its worth that is left.
        sections: for a unit, the heading that it stands under.
        texts: for such a heading, the number of its text.
        stretches: which documents are of one text.
        positions: of units where documents are of one text; empty: they stand in the order of their numbers.
    """

    needs: Mapping[int, tuple[int, ...]]
    opens: Mapping[int, tuple[int, int]]
    copies: Mapping[int, int] = field(default_factory=dict)
    broken: Mapping[int, float] = field(default_factory=dict)
    sections: Mapping[int, int] = field(default_factory=dict)
    texts: Mapping[int, int] = field(default_factory=dict)
    stretches: Stretches = field(default_factory=lambda: Stretches(()))
    positions: Mapping[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.needs or self.opens)

    def position(self, unit: int) -> int:
        """Where a unit stands, among all units, where those of one text follow each other."""
        return self.positions.get(unit, unit)

    def in_order(self, units: Iterable[int]) -> list[int]:
        """Units as they follow each other."""
        return sorted(units, key=self.position) if self.positions else sorted(units)


def companions(segmentation: Segmentation, *, headings: bool = False) -> Companions:
    """Find what goes along with what, within each text.

    Args:
        segmentation: the documents and their units.
        headings: whether the nearest heading above goes along with every unit that is none itself.
    """
    needs: dict[int, tuple[int, ...]] = {}
    opens: dict[int, tuple[int, int]] = {}
    copies: dict[int, int] = {}
    sections: dict[int, int] = {}
    numbers: dict[int, int] = {}
    texts: list[tuple[Placed, list[int]]] = []
    members = _members(segmentation)
    stretches = find_stretches(segmentation.documents)
    positions = _positions(stretches, segmentation)
    for stretch in stretches.all:
        text = Placed(segmentation, stretch)
        repeats = text.copies(members)
        copies |= repeats
        units = [i for d in stretch.documents for i in members[d] if i not in repeats]
        groups, parents = find_row_groups(units, segmentation.sentences), parents_of(text, units)
        reader = _Reader(text, headings, groups, parents)
        needs_here, sections_here = reader.read(units, segmentation.sentences)
        needs |= needs_here
        sections |= sections_here
        numbers |= dict.fromkeys(sections_here.values(), len(texts))
        names = (set(groups.values()), set(parents.values()))
        opens |= find_opened(units, segmentation.sentences, needs, positions, names)
        both = tuple(halves(text, units))
        opens |= {half: (rest, positions.get(rest, rest) + 1) for half, rest in both}
        needs |= also_needed(needs, [*both, *captions_below(units, segmentation.sentences, opens)])
        for quote, answer in find_quotes(text, units):
            needs |= {i: (*needs.get(i, ()), quote[0]) for i in answer if quote[0] not in needs.get(i, ())}
            end = positions.get(answer[-1], answer[-1]) + 1
            opens |= dict.fromkeys((i for i in quote if i not in opens), (answer[0], end))
        texts.append((text, units))
    return Companions(
        needs,
        opens,
        copies=copies,
        broken=find_broken(texts, needs),
        sections=sections,
        texts=numbers,
        stretches=stretches,
        positions=positions,
    )


def _positions(stretches: Stretches, segmentation: Segmentation) -> dict[int, int]:
    """Where each unit stands among all; empty where they stand in the order of their numbers."""
    if not stretches.ranks:
        return {}
    everything = stretches.in_order(range(len(segmentation.sentences)), segmentation)
    return {i: position for position, i in enumerate(everything)}


def _members(segmentation: Segmentation) -> list[list[int]]:
    """The units of each document, without boilerplate."""
    members: list[list[int]] = [[] for _ in segmentation.documents]
    for i, s in enumerate(segmentation.sentences):
        if s.kind != "boilerplate":
            members[s.document].append(i)
    return members


def find_anchors(segmentation: Segmentation) -> list[tuple[int, ...]]:
    """For each unit the names, lead-ins and headers that it is read under, outermost first; mostly none.

    The sentence before ``It …`` is none: read under it, what follows would be as good as what says it.
    """
    belonging, sentences = companions(segmentation), segmentation.sentences
    anchors: list[tuple[int, ...]] = []
    for index in range(len(sentences)):
        over: dict[int, None] = {}
        waiting = list(belonging.needs.get(belonging.copies.get(index, index), ()))
        while waiting:
            unit = waiting.pop()
            if unit not in over:
                over[unit] = None
                waiting += belonging.needs.get(unit, ())
        named = ((i, sentences[i]) for i in belonging.in_order(over))
        anchors.append(tuple(i for i, s in named if s.kind != "prose" or _ANNOUNCES.search(s.text)))
    return anchors


def anchor_texts(segmentation: Segmentation) -> list[str]:
    """The text of what each unit is read under (``find_anchors``); mostly empty."""
    sentences = segmentation.sentences
    return ["\n".join(sentences[i].text for i in over) for over in find_anchors(segmentation)]


def anchored_texts(segmentation: Segmentation) -> list[str]:
    """The text of each unit, below what it is read under (``anchor_texts``)."""
    pairs = zip(anchor_texts(segmentation), segmentation.sentences, strict=True)
    return [f"{anchor}\n{s.text}" if anchor else s.text for anchor, s in pairs]


@dataclass(slots=True)
class _Reader:
    """What a reader of one text has in mind at some unit of it, by the numbers of units."""

    text: Placed
    headings: bool
    groups: Mapping[int, int]
    parents: Mapping[int, int | None]
    names: OpenNames = field(init=False)
    heading: int | None = None
    is_name: bool = False
    header: int | None = None
    lead_in: int | None = None
    question: int | None = None
    last: int | None = None
    keys: list[int] = field(default_factory=list)
    clauses: Clauses = field(default_factory=Clauses)

    def __post_init__(self) -> None:
        self.names = OpenNames(self.text)

    def read(
        self, units: Sequence[int], sentences: Sequence[Sentence]
    ) -> tuple[dict[int, tuple[int, ...]], dict[int, int]]:
        """What each unit of the text needs, and the heading that it stands under."""
        needs: dict[int, tuple[int, ...]] = {}
        sections: dict[int, int] = {}
        for index in units:
            if needed := dict.fromkeys(self.needs(index, sentences[index])):
                needs[index] = tuple(needed)
            if self.heading is not None:
                sections[index] = self.heading
            self.passes(index, sentences[index])
            if (outer := self.names.around(index)) is not None:
                needs[index] = (*needs.get(index, ()), outer)
        return needs, sections

    def needs(self, index: int, unit: Sentence) -> Iterator[int]:
        """What stands before the unit and has to be kept with it."""
        if index in self.parents:
            if (parent := self.parents[index]) is not None:
                yield parent
            return
        if self.keys:
            yield self.keys[-1]
            return
        if unit.kind == "heading":
            return
        if unit.kind == "table row" and self.header is not None:
            yield self.header
            if (group := self.groups.get(index)) is not None:
                yield group
            return
        if self.heading is not None and (self.headings or self.is_name or self._is_labeled(index, unit)):
            yield self.heading
        if self.last is not None:
            name = self._above_name if unit.kind == "term" else self._named_by
            yield from name(index, unit, self.last)

    def _above_name(self, index: int, unit: Sentence, last: int) -> Iterator[int]:
        """The name right above a name, for both name what follows; of keys the one around."""
        is_next = self.text.sentences[last].kind == "term"
        if is_next and self.text.indent(index) == self.text.indent(last):
            yield last
        elif _KEY.match(unit.text) and (name := self.names.owner(index, last)) is not None:
            if _KEY.match(self.text.sentences[name].text):
                yield name

    def _named_by(self, index: int, unit: Sentence, last: int) -> Iterator[int]:
        """The name, lead-in, question or antecedent of a unit that is neither heading, row nor name."""
        before = self.text.sentences[last]
        if (name := self.names.owner(index, last)) is not None:
            yield name
        if (lead_in := self.clauses.above(unit.text)) is not None:
            yield lead_in
        if self.lead_in is not None and self._is_announced(unit, self.text.sentences[self.lead_in]):
            yield self.lead_in
        if unit.kind == before.kind == "table header" and before.cut:
            yield last
        if self.question is not None and not self._asks(index, unit):
            yield self.question
        elif before.kind == unit.kind == "prose" and self._refers(index, last):
            yield last

    def passes(self, index: int, unit: Sentence) -> None:
        """Keep in mind what the units behind this one may need."""
        if index in self.parents:
            return
        if self.keys or (unit.kind == "term" and unit.text[-1] in "{[" and opens_values(unit.text)):
            self._passes_json(index, unit)
            return
        self._passes_names(index, unit)
        self._passes_lead_ins(index, unit)
        if self._asks(index, unit):
            self.question = index
        elif not (unit.kind == "prose" and self._answers_on(index)):
            self.question = None
        self.last = index

    def _passes_names(self, index: int, unit: Sentence) -> None:
        if unit.kind == "heading":
            self.names.clear()
            self.heading, self.is_name = index, _NAMES.match(unit.text) is not None
        elif unit.kind == "prose" and _NUMBERED.match(unit.text) and len(unit.text) < 80:
            self.names.clear()
        if unit.kind == "term":
            before = "" if self.last is None else self.text.sentences[self.last].text
            self.names.add(index, self.last, ends_in_colon(before))
        else:
            self.names.describes(index)

    def _passes_lead_ins(self, index: int, unit: Sentence) -> None:
        if unit.kind in ("table header", "table"):  # rows below a table are those that a splitter cut off
            self.header = index
        elif unit.kind != "table row":
            self.header = None
        if unit.kind == "prose":  # whether it announces a block is asked where one follows
            self.lead_in = index
            announces = ends_in_colon(unit.text)
            if announces or self.clauses:
                self.clauses.passes(index, unit.text, announces)
        elif unit.kind not in ("list item", "table header"):
            self.lead_in = None
        if unit.kind == "heading":
            self.clauses.clear()

    def _passes_json(self, index: int, unit: Sentence) -> None:
        if unit.kind == "term":
            self.keys.append(index)
        elif ended := closed(unit.text):
            del self.keys[-ended:]

    def _is_labeled(self, index: int, unit: Sentence) -> bool:
        """Whether the unit is a label with its value, on a line of its own."""
        return is_labeled(unit) and self.text.is_alone(index)

    def _is_announced(self, unit: Sentence, lead_in: Sentence) -> bool:
        """Whether a colon announces a unit, a sentence points at it, or a caption names it."""
        if unit.kind not in BLOCKS:
            return False
        if ends_in_colon(lead_in.text):
            return True
        if CAPTION.match(lead_in.text):
            return unit.kind in TABLES or points(lead_in.text)
        return points(lead_in.text) or (unit.kind == "code" and goes_on(lead_in))

    def _refers(self, index: int, last: int) -> bool:
        """Whether the unit speaks of what the one before it in its paragraph names; titles name it, too."""
        unit, before = self.text.sentences[index], self.text.sentences[last]
        if self.text.titled or self.names or not _ANAPHORIC.match(unit.text):
            return False
        return self.text.lines_between(last, index) < 2 and not _ANAPHORIC.match(before.text)

    def _answers_on(self, index: int) -> bool:
        """Whether the answer to a question that is marked as one may go on behind a unit, on its line."""
        if self.question is None or not _QUESTION.match(self.text.sentences[self.question].text):
            return False
        behind = self.text.stretch.text[self.text.end(index) : self.text.end(index) + 2]
        return "\n" not in behind and behind.strip(" ") != ""

    def _asks(self, index: int, unit: Sentence) -> bool:
        """Whether what follows is the answer to this: a question in a heading, marked as one, or alone."""
        text = unit.text
        if unit.kind not in ("heading", "prose") or text.count(" ") >= _ASKS:
            return False
        if unit.kind == "prose" and _QUESTION.match(text):
            return True
        if not asks(text):
            return False
        return unit.kind == "heading" or (text.count(" ") < _ASKS_ALONE and self.text.is_alone(index))
