"""Documents → passages: stretches of whole sentences, the units that are searched."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil

from ..data import Document, Kind, Segmentation, Sentence
from ..places import Places
from ..tokenizing import Tokenizer

Unit = tuple[int, int, Kind]
"""Start, end and kind of a sentence, in code points of its passage."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one document, from the start of a sentence to the end of one.

    Attributes:
        document: the text, with the document's title, id, metadata and syntax, and its places cut to it.
        start_char: where the passage starts in the document.
        sentences: its sentences and blocks, as the whole document was cut.
    """

    document: Document
    start_char: int
    sentences: tuple[Unit, ...]

    @property
    def titled(self) -> str:
        """Title and text: what is searched."""
        document = self.document
        return f"{document.title}\n{document.text}" if document.title else document.text


def cut(segmentation: Segmentation, tokenizer: Tokenizer, max_tokens: int) -> Iterator[Passage]:
    """Cut documents into passages of at most ``max_tokens`` tokens, evenly, at sentence borders.

    A sentence or block that is longer than that is a passage of its own: nothing is cut off, and nothing is
    in two passages.
    """
    sizes = tokenizer.count_all([s.text for s in segmentation.sentences])
    numbered = zip(segmentation.sentences, sizes, strict=True)
    for index, members in groupby(numbered, key=lambda pair: pair[0].document):
        document = segmentation.documents[index]
        for group in _groups(list(members), max_tokens):
            yield _passage(document, group)


def assemble(passages: Sequence[Passage]) -> Segmentation:
    """Passages as documents of their own, with the sentences that they were cut into."""
    documents = tuple(p.document for p in passages)
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
    filled = 0
    for sentence, size in sized:
        if group and (filled + size > max_tokens or filled + size / 2 > goal):
            yield group
            group, filled = [], 0
        group.append(sentence)
        filled += size
    if group:
        yield group


def _passage(document: Document, group: Sequence[Sentence]) -> Passage:
    start, end = group[0].start_char, group[-1].end_char
    units = tuple((s.start_char - start, s.end_char - start, s.kind) for s in group)
    own = replace(document, text=document.text[start:end], places=_places(document.places, start, end))
    return Passage(own, start, units)


def _places(places: Places | None, start: int, end: int) -> Places | None:
    """The way back for the stretch ``[start, end)`` by itself."""
    if places is None:
        return None
    first, stop = bisect_right(places.starts, start) - 1, bisect_left(places.starts, end)
    starts = tuple(max(0, s - start) for s in places.starts[first:stop])
    return Places(places.unit, starts, places.numbers[first:stop], places.parts[first:stop])
