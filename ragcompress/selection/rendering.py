"""Ordered sentences → the text that the reader gets, and where each sentence stands in it.

Sentences go in verbatim. Only what stands between them is made here: separators, and a header wherever
sentences of another document begin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ..data import Piece, Segmentation
from ..errors import InputError, UnknownName
from ..places import Place

Format = Literal["text", "md", "plain"]
FORMATS: tuple[Format, ...] = get_args(Format)
GAP_MARK = "[…]"
# Units of which a new one shows: lines and rows follow each other without a word.
_TURNED = ("page", "slide")

_LINE_END = re.compile(r"\r\n?|\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Rendered:
    """Rendered text; ``text[p.start:p.end]`` is the sentence of piece ``p``. Pieces are in output order."""

    text: str
    pieces: tuple[Piece, ...]


def render(
    segmentation: Segmentation, sequence: Sequence[int], *, format: str = "text", mark_gaps: bool = False
) -> Rendered:
    """Write out sentences in the order given.

    A run is a stretch of ``sequence`` that goes forward within one document. Inside a run, neighbours in the
    source keep the white space that stood between them; where sentences were left out, the strongest of the
    two separators at the edges of the hole stands: a blank line, a line break, a space, or nothing, as in
    Chinese. Code, tables, list items and headings never share a line with anything. Runs are set apart by a
    blank line. All sentences in source order of one untitled document give its text, stripped.

    Args:
        segmentation: the documents and all their sentences.
        sequence: indices of different sentences.
        format: ``text`` (a run of a document with a title starts with a line holding the title, unless its
            first sentence is the heading that says the same), ``md``
            (every run starts with ``### [n] title``, n counting documents from 1; without a title its
            ``metadata["source"]``, or nothing, stands there) or ``plain`` (no titles). In ``md``, of
            documents that were read from files the header has the source in any case, and marks such as
            ``[p. 12]`` say where a stretch of sentences stands: where it begins, and on every new page.
        mark_gaps: whether to write ``[…]`` where sentences were left out within a run.

    Raises:
        UnknownName: if there is no such format.
        InputError: if an index is repeated or names no sentence.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, list(FORMATS))
    _check(sequence, len(segmentation.sentences))
    parts: list[str] = []
    pieces: list[Piece] = []
    length, previous = 0, None
    marks = _Marks()
    for index in sequence:
        sentence = segmentation.sentences[index]
        new_run = previous is None or not _continues(segmentation, previous, index)
        if previous is None or new_run:
            header = _header(segmentation, index, format)
            between = header if previous is None else "\n\n" + header
        else:
            between = _separator(segmentation, previous, index, mark_gaps)
        if format == "md":
            between += marks.before(segmentation, index, new_run, after_gap=index - 1 != previous)
        parts += between, sentence.text
        start = length + len(between)
        length = start + len(sentence.text)
        pieces.append(Piece(start, length, index))
        previous = index
    return Rendered("".join(parts), tuple(pieces))


@dataclass(slots=True)
class _Marks:
    """Writes where in its file a stretch of sentences stands, unless the last mark said so already."""

    last: Place | None = None
    said: str = ""

    def before(self, segmentation: Segmentation, index: int, new_run: bool, *, after_gap: bool) -> str:
        sentence = segmentation.sentences[index]
        place = segmentation.documents[sentence.document].place(sentence.start_char, sentence.end_char)
        turned = self.last and place and place.unit in _TURNED and place.first != self.last.last
        self.last = place
        if place is None or not (new_run or after_gap or turned):
            return ""
        if (mark := place.mark()) == self.said and not new_run:
            return ""
        self.said = mark
        return f"[{_one_line(mark)}]" + (" " if sentence.kind == "prose" else "\n")


def _check(sequence: Sequence[int], n_sentences: int) -> None:
    if len(set(sequence)) != len(sequence):
        raise InputError("a sentence can't be rendered twice")
    for index in sequence:
        if not 0 <= index < n_sentences:
            raise InputError(f"there is no sentence {index}: there are {n_sentences}")


def _continues(segmentation: Segmentation, previous: int, index: int) -> bool:
    sentences = segmentation.sentences
    return previous < index and sentences[previous].document == sentences[index].document


def _separator(segmentation: Segmentation, previous: int, index: int, mark_gaps: bool) -> str:
    """What stands between two sentences of one run."""
    if index == previous + 1:
        return segmentation.gap_before(index)
    separator = max(
        map(_plain, (segmentation.gap_before(previous + 1), segmentation.gap_before(index))), key=_strength
    )
    block = any(segmentation.sentences[i].kind != "prose" for i in (previous, index))
    if block and "\n" not in separator:
        separator = "\n"
    if not mark_gaps:
        return separator
    around = separator or " "
    return around + GAP_MARK + around


def _plain(gap: str) -> str:
    """The weakest plain separator that says what the white space said."""
    return "\n" * min(len(_LINE_END.findall(gap)), 2) or (" " if gap else "")


def _strength(separator: str) -> int:
    return ("", " ", "\n", "\n\n").index(separator)


def _header(segmentation: Segmentation, index: int, format: str) -> str:
    """What stands before a run that begins with this sentence."""
    if format == "plain":
        return ""
    sentence = segmentation.sentences[index]
    document = segmentation.documents[sentence.document]
    title = _one_line(document.title or "")
    if format == "text":
        says_it = sentence.kind == "heading" and _bare(sentence.text) == _bare(title)
        return "" if says_it or not title else title + "\n"
    source = _one_line(str(document.metadata.get("source") or ""))
    label = f"{title} ({source})" if title and source and document.places else title or source
    return f"### [{sentence.document + 1}] {label}".rstrip() + "\n\n"


def _bare(heading: str) -> str:
    """The words of a Markdown heading, without its marks."""
    return _one_line(heading).strip("# ")


def _one_line(text: str) -> str:
    """The text on one line, so that a hostile title can't start lines of its own."""
    return " ".join(_CONTROL.sub(" ", text).split())
