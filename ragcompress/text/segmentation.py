"""Documents → sentences, with exact code-point offsets.

Prose is cut by sentencex. What loses its meaning when cut stays whole (``blocks``): a fenced code block, a
table, a list item with everything nested in it, a heading; the blocks of source code; JSON. Of a long table
and of CSV the rows are the units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import sentencex

from ..data import Document, Kind, Segmentation, Sentence, Syntax
from ..errors import InputError
from .blocks import LINE_END, blocks

# Possessive, so that the two halves of one \r\n are not taken for two line ends.
_BLANK_LINES = re.compile(r"(?:\r\n?+|\n)[^\S\r\n]*+(?:\r\n?+|\n)\s*+")
# sentencex takes quadratic time over many sentences of a text that is not ASCII (100,000: 50 s), so a
# paragraph is read in windows of this many characters.
_WINDOW = 2_048
# A "sentence" longer than this that has line breaks is a log, a poem, a CSV file: its lines are the units.
_LONGEST_ACROSS_LINES = 1_000


def segment(documents: Sequence[Document], *, language: str = "en") -> Segmentation:
    """Cut documents into sentences and blocks.

    Units are stripped of surrounding white space, lie within one document, and together hold everything that
    is not white space. Time is linear in the length of the text.

    Args:
        documents: any number of them; an empty one has no units.
        language: ISO 639-1 code of the prose, such as ``en`` or ``zh``. For a code without rules of its own
            sentencex uses those of a related language, or of English.

    Raises:
        InputError: if something is not a ``Document``, or sentencex refuses the language.
    """
    for position, document in enumerate(documents):
        if not isinstance(document, Document):
            raise InputError(f"document {position} must be a Document, got {type(document).__name__}")
    if not isinstance(language, str) or not language:
        raise InputError(f"language must be a code such as 'en', got {language!r}")
    sentences = (
        s for d, document in enumerate(documents) for s in _units(d, document.text, document.syntax, language)
    )
    return Segmentation(tuple(documents), tuple(sentences))


def given(
    documents: Sequence[Sequence[str]],
    *,
    titles: Sequence[str | None] | None = None,
    joiner: str = " ",
) -> Segmentation:
    """Take sentences as they are: for data that was split by its makers.

    Args:
        documents: the sentences of each document. Surrounding white space is removed and blank ones are
            dropped, so sentence numbers can differ from those of the input.
        titles: one per document.
        joiner: white space, or nothing, to put between sentences.

    Raises:
        InputError: if a document is a plain string, the titles are not one per document, or the joiner holds
            anything but white space.
    """
    if titles is not None and len(titles) != len(documents):
        raise InputError(f"{len(titles)} titles for {len(documents)} documents")
    if joiner.strip():
        raise InputError(f"joiner must be white space, got {joiner!r}")
    joined: list[Document] = []
    sentences: list[Sentence] = []
    for position, parts in enumerate(documents):
        if isinstance(parts, str):
            raise InputError(f"document {position} must be a list of sentences, got a string")
        texts = [stripped for part in parts if (stripped := part.strip())]
        joined.append(Document(joiner.join(texts), None if titles is None else titles[position]))
        start = 0
        for text in texts:
            sentences.append(Sentence(position, start, start + len(text), text))
            start += len(text) + len(joiner)
    return Segmentation(tuple(joined), tuple(sentences))


def _units(document: int, text: str, syntax: Syntax, language: str) -> Iterator[Sentence]:
    """Blocks, and the sentences of the prose around them, in order."""
    done = 0
    for start, end, kind in [*blocks(text, syntax), (len(text), len(text), "prose")]:
        for cut, next_cut in pairwise(_prose_cuts(text, done, start, language)):
            yield from _stripped(document, text, cut, next_cut, "prose")
        yield from _stripped(document, text, start, end, kind)
        done = end


def _stripped(document: int, text: str, start: int, end: int, kind: Kind) -> Iterator[Sentence]:
    """The unit without the white space around it; nothing if there is nothing else."""
    unit = text[start:end].lstrip()
    start = end - len(unit)
    if unit := unit.rstrip():
        yield Sentence(document, start, start + len(unit), unit, kind)


def _prose_cuts(text: str, start: int, end: int, language: str) -> Iterator[int]:
    """Ascending offsets from ``start`` to ``end`` between which the units of prose lie."""
    yield start
    paragraph = start
    for blank in [*(m.end() for m in _BLANK_LINES.finditer(text, start, end)), end]:
        for cut, next_cut in pairwise(_sentence_cuts(text[paragraph:blank], language)):
            unit = text[paragraph + cut : paragraph + next_cut]
            if len(unit) > _LONGEST_ACROSS_LINES:
                yield from (paragraph + cut + m.end() for m in LINE_END.finditer(unit))
            yield paragraph + next_cut
        paragraph = blank


def _sentence_cuts(paragraph: str, language: str) -> Iterator[int]:
    """Where sentences start, from 0 to the end of the paragraph; what sentencex leaves out lies between."""
    yield 0
    start, size = 0, _WINDOW
    while start < len(paragraph):
        window = paragraph[start : start + size]
        cuts = [cut for cut in _boundaries(window, language) if 0 < cut < len(window)]
        if start + size >= len(paragraph):
            yield from (start + cut for cut in cuts)
            break
        if cuts:
            # The last sentence may go on behind the window: it is read again, from its start.
            yield from (start + cut for cut in cuts)
            start, size = start + cuts[-1], _WINDOW
        else:
            size *= 2
    yield len(paragraph)


def _boundaries(text: str, language: str) -> list[int]:
    try:
        found = sentencex.get_sentence_boundaries(language, text)
    except Exception as error:
        raise InputError(f"sentencex can't split text of language {language!r}: {error}") from error
    return sorted({offset for item in found for offset in (item["start_index"], item["end_index"])})
