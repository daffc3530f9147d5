"""Documents → sentences, with exact code-point offsets.

Prose is cut by sentencex. What loses its meaning when cut stays whole (``blocks``): a fenced code block, a
table, a list item with everything nested in it, a heading, a formula; the blocks of source code; JSON. Names
of options and their like, and labels with their values, are units of their own (``definitions``). Of a long
table and of CSV the rows are the units, and whatever is longer than any budget is cut (``lengths``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise

from ..data import Document, Kind, Segmentation, Sentence
from ..errors import InputError
from . import lengths
from .blocks import LINE_END, LONG, blocks
from .boilerplate import is_boilerplate, is_license_head
from .definitions import definitions
from .fragments import mark_fragments
from .languages import check_language, code_of, detect
from .sentences import sentence_starts

# Possessive, so that the two halves of one \r\n are not taken for two line ends.
_BLANK_LINES = re.compile(r"(?:\r\n?+|\n)[^\S\r\n]*+(?:\r\n?+|\n)\s*+")
# Only these may be boilerplate: what is within code or a long table is not.
_MAY_LEAD: tuple[Kind, ...] = ("prose", "table", "heading", "list item")
_BLOCK_TOKENS = LONG * 0.3

Cut = tuple[int, int, bool]
"""Start and end of a unit, and whether it goes on in the next one."""


def _go_on() -> None:
    """No reason to stop."""


def segment(
    documents: Sequence[Document], *, language: str | None = None, check: Callable[[], None] = _go_on
) -> Segmentation:
    """Cut documents into sentences and blocks.

    Units are stripped of surrounding white space, lie within one document, and together hold everything that
    is not white space. Time is linear in the length of the text.

    Args:
        documents: any number of them; an empty one has no units.
        language: ISO 639-1 code of the prose, such as ``en`` or ``zh``, of documents that say none of their
            own; a region behind it (``de-AT``) does no harm. None: found out for each (``languages.detect``).
            For a code without rules of its own sentencex uses those of a related language, or of English.
        check: called for each document and unit; it ends the work by an exception.

    Raises:
        InputError: if something is not a ``Document``, or ``language`` is no code.
    """
    for position, document in enumerate(documents):
        if not isinstance(document, Document):
            raise InputError(f"document {position} must be a Document, got {type(document).__name__}")
    check_language(language)
    given_code = code_of(language or "")
    sentences: list[Sentence] = []
    for d, document in enumerate(documents):
        check()
        code = code_of(document.language) if document.language else None
        known = code or given_code or detect(document.text)
        for sentence in _units(d, document, known, check):
            check()
            sentences.append(sentence)
    return Segmentation(tuple(documents), mark_fragments(documents, sentences))


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


def _units(number: int, document: Document, language: str, check: Callable[[], None]) -> Iterator[Sentence]:
    """Blocks, and the sentences of the prose around them, in order."""
    text = document.text
    structured = document.syntax in ("markdown", "text")
    done = 0
    for start, end, kind in [*blocks(text, document.syntax, check), (len(text), len(text), "prose")]:
        if start > done:
            named = definitions(text, done, start) if structured else []
            for first, last, name in [*named, (start, start, "prose")]:
                cuts = _prose(text, done, first, language, check) if first > done else ()
                yield from (s for cut in cuts if (s := _unit(number, text, cut, "prose")))
                yield from (
                    s for cut in bounded_block(text, first, last) if (s := _unit(number, text, cut, name))
                )
                done = last
        yield from (s for cut in bounded_block(text, start, end) if (s := _unit(number, text, cut, kind)))
        done = end


def _unit(document: int, text: str, cut: Cut, kind: Kind) -> Sentence | None:
    """The unit without the white space around it; None if there is nothing else."""
    start, end, goes_on = cut
    unit = text[start:end].lstrip()
    start = end - len(unit)
    unit = unit.rstrip()
    if not unit:
        return None
    if kind in _MAY_LEAD and (is_boilerplate(unit) or is_license_head(unit, start, len(text) - start)):
        kind = "boilerplate"
    return Sentence(
        document=document, start_char=start, end_char=start + len(unit), text=unit, kind=kind, cut=goes_on
    )


def _prose(text: str, start: int, end: int, language: str, check: Callable[[], None]) -> Iterator[Cut]:
    """The units of a stretch of prose."""
    paragraph = start
    for blank in [*(m.end() for m in _BLANK_LINES.finditer(text, start, end)), end]:
        for cut, next_cut in pairwise(sentence_starts(text[paragraph:blank], language, check)):
            if next_cut - cut <= lengths.LONGEST:  # no character has more than one token
                yield paragraph + cut, paragraph + next_cut, False
            else:
                yield from _bounded(text, paragraph + cut, paragraph + next_cut)
        paragraph = blank


def _bounded(text: str, start: int, end: int) -> Iterator[Cut]:
    """A sentence; of one that is too long its lines, and what stands between marks or blanks within them."""
    unit = text[start:end]
    if not lengths.is_long(unit):
        yield start, end, False
        return
    for first, last in pairwise([0, *lengths.rows(unit), len(unit)]):
        yield from _pieces(text, start + first, start + first + len(unit[first:last].rstrip()))


def bounded_block(text: str, start: int, end: int) -> Iterator[Cut]:
    """A block; of one that is far too long its lines, as many together as are not.

    Returns:
        start, end and whether the unit goes on in the next, of each.
    """
    if not lengths.is_long(text[start:end], _BLOCK_TOKENS):
        yield start, end, False
        return
    first = last = start
    for border in [*(m.end() for m in LINE_END.finditer(text, start, end)), end]:
        if border - first > LONG and last > first:
            yield first, last, True
            first = last
        if border - first > LONG:
            yield from _pieces(text, first, first + len(text[first:border].rstrip()))
            first = border
        last = border
    if text[first:last].strip():
        yield first, last, False


def _pieces(text: str, start: int, end: int) -> Iterator[Cut]:
    """A stretch, cut where it is too long; every piece but the last goes on in the next one."""
    # One by one: what is cut for long can be stopped between them.
    borders = chain((0,), lengths.cuts(text[start:end]), (end - start,))
    yield from ((start + a, start + b, start + b < end) for a, b in pairwise(borders))


def uncut(documents: Sequence[Document]) -> Segmentation:
    """Every document that holds text as one sentence."""
    texts = ((d, document.text, document.text.strip()) for d, document in enumerate(documents))
    starts = ((d, text.find(stripped), stripped) for d, text, stripped in texts if stripped)
    return Segmentation(
        tuple(documents), tuple(Sentence(d, a, a + len(stripped), stripped) for d, a, stripped in starts)
    )
