"""Ordered sentences → the text that the reader gets, and where each sentence stands in it.

Sentences go in verbatim. Only what stands between them is made here: separators, and a header wherever
sentences of another document begin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, get_args
from xml.sax.saxutils import escape

from ..data import Piece, Segmentation
from ..errors import InputError, UnknownName
from ..places import Place
from ..text.stretches import Stretches
from .headers import Headers, one_line

Format = Literal["text", "md", "plain", "xml"]
FORMATS: tuple[Format, ...] = get_args(Format)
GAP_MARK = "[…]"
# Units of which a new one shows: lines and rows follow each other without a word.
_TURNED = ("page", "slide")

# So much must be missing before anything is written behind the last sentence (R4).
_ROOM = 8
_LINE_END = re.compile(r"\r\n?|\n")
_BLANK_LINE = re.compile(r"(?:\r\n?+|\n)[^\S\r\n]*+[\r\n]")
_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Rendered:
    """Rendered text; ``text[p.start:p.end]`` is the sentence of piece ``p``. Pieces are in output order."""

    text: str
    pieces: tuple[Piece, ...]


def render(
    segmentation: Segmentation,
    sequence: Sequence[int],
    *,
    format: str = "text",
    mark_gaps: bool = False,
    stretches: Stretches | None = None,
) -> Rendered:
    """Write out sentences in the order given.

    A run is a stretch of ``sequence`` that goes forward within one document. Inside a run, neighbors in the
    source keep the white space that stood between them. Where sentences were left out, the strongest of the
    two separators at the edges of the hole stands: a blank line, a line break, a space, or nothing, as in
    Chinese. Code, tables, list items and headings never share a line with anything. Runs are set apart by a
    blank line. All sentences in source order of one untitled document give its text, stripped.

    Where a sentence too long for any budget was cut (``Sentence.cut``) and a part of it is missing, ``[…]``
    stands in its place. A code fence that was cut, or never closed, is closed.

    Args:
        segmentation: the documents and all their sentences.
        sequence: indices of different sentences.
        format: sources are numbered as they appear, and absolute paths begin at their common folder.

            - ``text``: a run of a document with a title starts with a line holding the title, unless its
              first sentence says the same.
            - ``plain``: no titles.
            - ``md``: a run starts with ``### [n] title``, unless the run before is of the same source.
              Without a title its ``metadata["source"]``, or nothing, stands there. Of documents that were
              read from files the header has the source in any case. Marks such as ``[p. 12]`` say where a
              stretch of sentences stands: where it begins, and on every new page.
            - ``xml``: ``documents`` with ``document`` elements, each with index, source and content, as
              Anthropic's guide to prompts has them. Marks say on which page, slide or row a stretch stands.
        mark_gaps: whether to write ``[…]`` where sentences were left out within a run.
        stretches: which documents are of one text; the title stands once over those that follow each other.

    Raises:
        UnknownName: if there is no such format.
        InputError: if an index is repeated or names no sentence.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, list(FORMATS))
    _check(sequence, len(segmentation.sentences))
    writer = _Writer(
        segmentation,
        format,
        mark_gaps,
        Headers(segmentation),
        _tags(segmentation, sequence),
        stretches or Stretches(()),
    )
    for index in sequence:
        writer.write(index)
    return writer.finish()


@dataclass(slots=True)
class _Writer:
    """Writes one sentence after the other, and what stands between them."""

    segmentation: Segmentation
    format: str
    mark_gaps: bool
    headers: Headers
    tags: tuple[str, str, str]
    stretches: Stretches
    parts: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    length: int = 0
    previous: int | None = None
    fence: str = ""
    marks: _Marks = field(default_factory=lambda: _Marks())

    def write(self, index: int) -> None:
        sentence, previous = self.segmentation.sentences[index], self.previous
        new_run = previous is None or not _continues(self.segmentation, previous, index)
        after_gap = previous is None or index - 1 != previous
        between = self._end(previous, after_gap)
        if previous is None or new_run:
            header = self._header(previous, index)
            if header.strip():
                self.marks.said = ""
            between += header
        else:
            between += _separator(self.segmentation, previous, index, self.mark_gaps)
        if self.format in ("md", "xml"):
            between += self._mark(index, after_gap=new_run or after_gap)
        if after_gap:
            between += self._resume(index)
        self._add(between)
        start = self.length
        self._add(sentence.text)
        self.pieces.append(Piece(start, self.length, index))
        self.previous = index

    def _mark(self, index: int, *, after_gap: bool) -> str:
        """What says where the sentence stands in its file; in XML only its page and the like, no line."""
        sentence = self.segmentation.sentences[index]
        place = self.segmentation.documents[sentence.document].place(sentence.start_char, sentence.end_char)
        if place is not None and place.unit == "line" and self.format == "xml":
            return ""
        mark = self.marks.before(place, after_gap=after_gap)
        return mark and mark + (" " if sentence.kind == "prose" else "\n")

    def finish(self) -> Rendered:
        """End what is open, and return the text."""
        if self.previous is not None:
            ending = self._end(self.previous, after_gap=True)
            # What is missing is summed only where it matters: a selection renders thousands of times.
            if ending and (self.format != "text" or self._missing() >= _ROOM):
                self._add(ending)
            if self.format == "xml":
                outer, inner, content = self.tags
                self._add(f"\n</{content}>\n</{inner}>\n</{outer}>")
        return Rendered("".join(self.parts), tuple(self.pieces))

    def _missing(self) -> int:
        """Characters of sentences that are not written."""
        written = sum(p.end - p.start for p in self.pieces)
        return sum(len(s.text) for s in self.segmentation.sentences) - written

    def _add(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def _end(self, previous: int | None, after_gap: bool) -> str:
        """What ends a sentence that was cut, or a fence that nothing closes."""
        if previous is None:
            return ""
        sentence = self.segmentation.sentences[previous]
        if sentence.kind == "code":
            self.fence = _open_fence(sentence.text, self.fence)
            goes_on = sentence.cut and not after_gap
            if self.fence and not goes_on:
                closing, self.fence = f"\n{self.fence}", ""
                return closing
            return ""
        return f" {GAP_MARK}" if sentence.cut and after_gap and not self.mark_gaps else ""

    def _resume(self, index: int) -> str:
        """What stands before the rest of a sentence that was cut, or of a fence."""
        before = self.segmentation.sentences[index - 1] if index else None
        sentence = self.segmentation.sentences[index]
        if before is None or not before.cut or before.document != sentence.document:
            return ""
        if sentence.kind != "code":
            return "" if self.mark_gaps and self.previous is not None else f"{GAP_MARK} "
        first = index - 1
        while first and self.segmentation.sentences[first - 1].cut:
            first -= 1
        opening = _FENCE.match(self.segmentation.sentences[first].text)
        self.fence = opening[1] if opening else ""
        return f"{self.fence}\n" if opening else ""

    def _header(self, previous: int | None, index: int) -> str:
        """What stands before a run that begins with this sentence."""
        sentence = self.segmentation.sentences[index]
        between = "" if previous is None else "\n\n"
        document, headers = sentence.document, self.headers
        if self.format == "plain":
            return between
        if self.format == "text":
            if previous is not None and self._goes_on(previous, index):
                return between
            title = headers.title(document)
            says_it = not title or _bare(sentence.text) == _bare(title)
            return between + ("" if says_it else title + "\n")
        if previous is not None and self._goes_on(previous, index):
            return between
        if self.format == "md":
            return f"{between}{headers.markdown(document)}\n\n"
        outer, inner, content = self.tags
        opened = f"<{outer}>\n" if previous is None else f"\n</{content}>\n</{inner}>\n"
        named = [("source", headers.source(document)), ("title", headers.title(document))]
        elements = "".join(f"<{name}>{escape(value)}</{name}>\n" for name, value in named if value)
        return f'{opened}<{inner} index="{headers.number(document)}">\n{elements}<{content}>\n'

    def _goes_on(self, previous: int, index: int) -> bool:
        """Whether a run is of the same source as the one before it, and further on in it."""
        before, document = (self.segmentation.sentences[i].document for i in (previous, index))
        if before == document:
            return previous < index
        if self.stretches.goes_on(before, document):
            return True
        return self.format != "text" and self.headers.follows(document, before)


def _tags(segmentation: Segmentation, sequence: Sequence[int]) -> tuple[str, str, str]:
    """Names of the XML elements for all, a document and its content: such as no sentence could close."""
    text = "\n".join(segmentation.sentences[i].text for i in sequence)
    names = ("documents", "document", "document_content")
    if "</document" not in text:
        return names
    for n in count(1):
        numbered = tuple(f"{name}_{n}" for name in names)
        if not any(f"</{name}" in text for name in numbered):
            break
    return numbered[0], numbered[1], numbered[2]


def _open_fence(text: str, opened: str) -> str:
    """The marks of the fence that is open behind a piece of code; empty: none is."""
    lines = text.splitlines()
    if not opened:
        fence = _FENCE.match(lines.pop(0))
        opened = fence[1] if fence else ""
    closed = opened and any(
        set(bare) == {opened[0]} and len(bare) >= len(opened)
        for line in lines
        if (bare := line.strip(" \t>"))
    )
    return "" if closed else opened


@dataclass(slots=True)
class _Marks:
    """Writes where in its file a stretch of sentences stands, unless the last mark said so already."""

    last: Place | None = None
    said: str = ""

    def before(self, place: Place | None, *, after_gap: bool) -> str:
        turned = self.last and place and place.unit in _TURNED and place.first != self.last.last
        self.last = place
        if place is None or not (after_gap or turned) or (mark := place.mark()) == self.said:
            return ""
        self.said = mark
        return f"[{one_line(mark)}]"


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
    if block and separator == "\n" and _leaves_list(segmentation, previous, index):
        separator = "\n\n"  # or the sentence would read as one of the item
    if not mark_gaps:
        return separator
    around = separator or " "
    return around + GAP_MARK + around


def _leaves_list(segmentation: Segmentation, previous: int, index: int) -> bool:
    """Whether a sentence follows a list item, and a blank line stands somewhere between them."""
    before, behind = segmentation.sentences[previous], segmentation.sentences[index]
    if before.kind != "list item" or behind.kind != "prose":
        return False
    text = segmentation.documents[before.document].text
    return _BLANK_LINE.search(text, before.end_char, behind.start_char) is not None


def _plain(gap: str) -> str:
    """The weakest plain separator that says what the white space said."""
    return "\n" * min(len(_LINE_END.findall(gap)), 2) or (" " if gap else "")


def _strength(separator: str) -> int:
    return ("", " ", "\n", "\n\n").index(separator)


def _bare(heading: str) -> str:
    """The words of a Markdown heading, without its marks."""
    return one_line(heading).strip("# ")
