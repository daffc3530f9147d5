"""Units that the edge of a chunk cuts: text splitters count characters, and know no sentences.

Known from the overlap with another chunk, in which the unit stands whole, and from the text itself: a chunk
that begins in small letters, or ends without a mark although its other sentences have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from ..data import Document, Sentence

if TYPE_CHECKING:
    from .placed import Placed

# So many characters in common are no chance.
_OVERLAP = 20
_CLOSING = "\"'”’»)]}*_`"
_ENDS = ".!?…:;。！？：；।॥။።۔؟؛។៕།"
_GOES_ON = ",;)]}%"


def mark_fragments(documents: Sequence[Document], sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """The same units, those marked that the start or the end of their document cuts."""
    marked = list(sentences)
    spans = [
        (a, b)
        for a, b in _spans(sentences)
        if documents[sentences[a].document].syntax in ("markdown", "text")
    ]
    heads, tails = _alike(sentences, spans)
    for a, b in spans:
        first, last, units = sentences[a], sentences[b], sentences[a : b + 1]
        document = documents[first.document]
        if first.kind == "prose" and (_begins_within(units, document) or _is_part(first, tails, -1)):
            marked[a] = replace(marked[a], fragment=True)
        if last.kind == "prose" and (_ends_within(units, document.text) or _is_part(last, heads, 1)):
            marked[b] = replace(marked[b], fragment=True)
    return tuple(marked)


def halves(text: Placed, units: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Two parts of one sentence, in chunks that touch: a line's end within it was where they were cut."""
    for i, j in pairwise(units) if len(text.stretch.documents) > 1 else ():
        half, rest = text.sentences[i], text.sentences[j]
        if half.document == rest.document or not half.kind == rest.kind == "prose":
            continue
        if rest.text[0].islower() and not _is_ended(half.text) and text.end(i) <= text.at(j):
            if text.stretch.text.count("\n", text.end(i), text.at(j)) < 2:
                yield i, j


def _spans(sentences: Sequence[Sentence]) -> list[tuple[int, int]]:
    """First and last unit of each document that has any."""
    firsts, document = [], -1
    for i, s in enumerate(sentences):
        if s.document != document:
            document = s.document
            firsts.append(i)
    return [(a, b - 1) for a, b in pairwise([*firsts, len(sentences)])]


def _alike(
    sentences: Sequence[Sentence], spans: Sequence[tuple[int, int]]
) -> tuple[dict[str, list[Sentence]], dict[str, list[Sentence]]]:
    """Units that begin as the last unit of a document does, and those that end as a first one does."""
    heads: dict[str, list[Sentence]] = {sentences[b].text[:_OVERLAP]: [] for _, b in spans}
    tails: dict[str, list[Sentence]] = {sentences[a].text[-_OVERLAP:]: [] for a, _ in spans}
    if len(spans) > 1:
        for s in sentences:
            if (head := s.text[:_OVERLAP]) in heads:
                heads[head].append(s)
            if (tail := s.text[-_OVERLAP:]) in tails:
                tails[tail].append(s)
    return heads, tails


def _is_part(unit: Sentence, others: dict[str, list[Sentence]], side: int) -> bool:
    """Whether a longer unit of another document begins, or ends, with this one."""
    text = unit.text
    whole = _is_ended(text) if side > 0 else text[0].isupper()
    if whole or len(text) < _OVERLAP:
        return False
    for other in others.get(text[:_OVERLAP] if side > 0 else text[-_OVERLAP:], ())[:_OVERLAP]:
        if other.document != unit.document and len(other.text) > len(text):
            if other.text.startswith(text) if side > 0 else other.text.endswith(text):
                return True
    return False


def _begins_within(units: Sequence[Sentence], document: Document) -> bool:
    """Whether the first unit begins in small letters, where others don't."""
    text = units[0].text
    if document.start_index == 0 or not (text[0].islower() or text[0] in _GOES_ON):
        return False
    return any(s.kind == "prose" and s.text[0].isupper() for s in units[1:])


def _ends_within(units: Sequence[Sentence], text: str) -> bool:
    """Whether the last unit has no mark at its end, where one was to be expected."""
    last = units[-1]
    if _is_ended(last.text):
        return False
    if len(last.text.split()) < 3:  # a label or a page number, unless a sentence ends on its line
        above = text[max(0, last.start_char - 8) : last.start_char].rstrip(" \t")
        return len(units) > 1 and above[-1:] in (".", "!", "?") and last.text[0].isupper()
    if units[-1].text.endswith(","):
        return True
    return any(s.kind == "prose" and _is_ended(s.text) for s in units[:-1])


def _is_ended(text: str) -> bool:
    return text.rstrip(_CLOSING)[-1:] in (*_ENDS, "")
