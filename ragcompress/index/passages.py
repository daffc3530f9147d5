"""Documents → passages: stretches of whole sentences, the units that are searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil

from ..data import Document, Kind, Segmentation, Sentence
from ..text.companions import companions
from ..text.tokenizing import PlainTokenizer

Unit = tuple[int, int, Kind]
"""Start, end and kind of a sentence, in code points of its passage."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one document, from the start of a sentence to the end of one.

    Attributes:
        document: the text, with the document's title, id, metadata and syntax, and its places cut to it.
        start_char: where the passage starts in the document.
        sentences: its sentences and blocks, as the whole document was cut.
        header: start and end in the document of the table header, or of the name, whose rows or description
            the passage begins with. It is the first sentence here, with one line end behind it. None: it
            begins with neither.
    """

    document: Document
    start_char: int
    sentences: tuple[Unit, ...]
    header: tuple[int, int] | None = None

    @property
    def titled(self) -> str:
        """Title and text: what is searched."""
        document = self.document
        return f"{document.title}\n{document.text}" if document.title else document.text

    def in_document(self, start: int, end: int) -> tuple[int, int]:
        """Where a sentence of the passage stands in the whole document."""
        lead = _lead(self.header)
        by = self.header[0] if self.header and start < lead else self.start_char - lead
        return start + by, end + by


def cut(segmentation: Segmentation, tokenizer: PlainTokenizer, max_tokens: int) -> Iterator[Passage]:
    """Cut documents into passages of at most ``max_tokens`` tokens, evenly, at sentence borders.

    A sentence or block that is longer than that is a passage of its own: nothing is cut off, and nothing is
    in two passages, but for headers of tables and names of options: rows and descriptions that are apart from
    theirs bring it. No passage ends in a heading or a name of which it has nothing else.
    """
    sizes = tokenizer.count_all([s.text for s in segmentation.sentences])
    named = _find_names(segmentation)
    numbered = range(len(segmentation.sentences))
    for document, members in groupby(numbered, key=lambda i: segmentation.sentences[i].document):
        units = [_Sized(i, segmentation.sentences[i], sizes[i], named.get(i)) for i in members]
        extra = {
            u.number: sizes[name]
            for u in units
            if (name := u.named_by) is not None
            and (u.sentence.kind == "table row" or sizes[name] + u.size <= max_tokens)
        }
        for group in _groups(units, extra, max_tokens):
            name = group[0].named_by if group[0].number in extra else None
            header = None if name is None else segmentation.sentences[name]
            yield _passage(segmentation.documents[document], [u.sentence for u in group], header)


@dataclass(frozen=True, slots=True)
class _Sized:
    """A unit with its number, its tokens, and the number of the header or name that it needs."""

    number: int
    sentence: Sentence
    size: int
    named_by: int | None


def _find_names(segmentation: Segmentation) -> dict[int, int]:
    """For rows their table's header, for descriptions the name that they describe."""
    name_of: dict[int, int] = {}
    for unit, needs in companions(segmentation).needs.items():
        names = [i for i in needs if segmentation.sentences[i].kind in ("term", "table header")]
        if names and segmentation.sentences[unit].kind not in ("term", "table header"):
            name_of[unit] = names[0]
    return name_of


def assemble(passages: Sequence[Passage], scores: Sequence[float] | None = None) -> Segmentation:
    """Passages as documents of their own, with the sentences that they were cut into.

    Args:
        passages: in the order in which they are to be presented.
        scores: how relevant each is (``Document.score``); None: unknown.
    """
    known: Sequence[float | None] = scores or [None] * len(passages)
    documents = tuple(replace(p.document, score=s) for p, s in zip(passages, known, strict=True))
    sentences = tuple(
        Sentence(number, start, end, p.document.text[start:end], kind)
        for number, p in enumerate(passages)
        for start, end, kind in p.sentences
    )
    return Segmentation(documents, sentences)


def _groups(units: Sequence[_Sized], extra: Mapping[int, int], max_tokens: int) -> Iterator[list[_Sized]]:
    """Greedy packing towards an even fill, so that no passage is a mere rest.

    Args:
        extra: tokens of what a unit brings where a passage begins with it, by its number.
    """
    total = sum(unit.size for unit in units)
    goal = total / max(1, ceil(total / max_tokens))
    group: list[_Sized] = []
    filled = 0
    for unit in units:
        if group and (filled + unit.size > max_tokens or filled + unit.size / 2 > goal):
            if n := _count_closed(group):
                yield group[:n]
            group = group[n:]
            filled = sum(u.size for u in group)
            if group and filled + unit.size > max_tokens:
                yield group
                group, filled = [], 0
            filled += 0 if group else extra.get(unit.number, 0)
        group.append(unit)
        filled += unit.size
    if group:
        yield group


def _count_closed(group: Sequence[_Sized]) -> int:
    """How many units of a passage there are without the headings and names at its end."""
    n = len(group)
    while n and group[n - 1].sentence.kind in ("heading", "term"):
        n -= 1
    return n


def _passage(document: Document, group: Sequence[Sentence], header: Sentence | None) -> Passage:
    start, end = group[0].start_char, group[-1].end_char
    text, places = document.text[start:end], document.places and document.places.cut(start, end)
    span = None if header is None else (header.start_char, header.end_char)
    lead = _lead(span)
    units: list[Unit] = [(s.start_char - start + lead, s.end_char - start + lead, s.kind) for s in group]
    if header and span:
        text = f"{header.text}\n{text}"
        units.insert(0, (0, len(header.text), header.kind))
        if document.places and places:
            places = document.places.cut(*span).followed_by(places, lead)
    return Passage(replace(document, text=text, places=places), start, tuple(units), span)


def _lead(header: tuple[int, int] | None) -> int:
    """Characters that stand before the stretch itself."""
    return header[1] - header[0] + 1 if header else 0
