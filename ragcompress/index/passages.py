"""Documents → passages: stretches of whole sentences, the units that are searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil

from ..data import Document, Kind, Segmentation, Sentence
from ..text.tokenizing import Tokenizer

Unit = tuple[int, int, Kind]
"""Start, end and kind of a sentence, in code points of its passage."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one document, from the start of a sentence to the end of one.

    Attributes:
        document: the text, with the document's title, id, metadata and syntax, and its places cut to it.
        start_char: where the passage starts in the document.
        sentences: its sentences and blocks, as the whole document was cut.
        header: start and end in the document of the table header whose rows the passage begins with; that
            header is the first sentence here, with one line end behind it. None where there is no such.
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


def cut(segmentation: Segmentation, tokenizer: Tokenizer, max_tokens: int) -> Iterator[Passage]:
    """Cut documents into passages of at most ``max_tokens`` tokens, evenly, at sentence borders.

    A sentence or block that is longer than that is a passage of its own: nothing is cut off, and nothing is
    in two passages, but for headers of tables: rows that are apart from theirs bring it.
    """
    sizes = tokenizer.count_all([s.text for s in segmentation.sentences])
    numbered = zip(segmentation.sentences, sizes, strict=True)
    for index, members in groupby(numbered, key=lambda pair: pair[0].document):
        document = segmentation.documents[index]
        header: Sentence | None = None
        for group in _groups(list(members), max_tokens):
            yield _passage(document, group, header if group[0].kind == "table row" else None)
            header = next((s for s in reversed(group) if s.kind == "table header"), header)


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


def _groups(sized: list[tuple[Sentence, int]], max_tokens: int) -> Iterator[list[Sentence]]:
    """Greedy packing towards an even fill, so that no passage is a mere rest."""
    total = sum(size for _, size in sized)
    goal = total / max(1, ceil(total / max_tokens))
    group: list[Sentence] = []
    filled = header = 0
    for sentence, size in sized:
        if group and (filled + size > max_tokens or filled + size / 2 > goal):
            yield group
            group, filled = [], header if sentence.kind == "table row" else 0
        if sentence.kind == "table header":
            header = size
        group.append(sentence)
        filled += size
    if group:
        yield group


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
