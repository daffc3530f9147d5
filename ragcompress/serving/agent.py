"""What agents may ask for: the parts of files or of an index that a question needs, and what is around."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from ..budget import Budget
from ..compressor import Compressor
from ..context import CompressedContext
from ..data import Document, Progress, Segmentation, Sentence
from ..documents.reading import SUFFIXES, read_file, suffix_of
from ..errors import DataError, InputError, RagCompressError, UnknownName
from ..text.segmentation import segment
from ..text.tool_results import cut_lines, shape_of
from ..tool_results import LOGS, for_logs
from .roots import Roots

if TYPE_CHECKING:
    from ..index import Index

_LOG = logging.getLogger("ragcompress.serving")
MOST_TOKENS = 9_000
"""Agents warn above 10,000 tokens of one result."""
_FILE_BYTES, _FILES, _CHARACTERS = 20 << 20, 2_000, 4_000_000


class Excerpt(BaseModel):
    """A part of a file, word for word."""

    path: str
    start: int = Field(description="Code points from the start of the file's text.")
    end: int
    location: str = Field(description="path:line, or a page.")
    score: float = Field(description="Higher is better; a probability where the scorer gives one.")


class Found(BaseModel):
    """Text with its places."""

    text: str
    excerpts: list[Excerpt]
    tokens_before: int
    tokens_after: int
    notes: list[str] = Field(default_factory=list)


Place = Callable[[Sentence], tuple[int, int]]
"""Where a sentence stands in the text of its file."""


class Agent:
    """The tools, without the protocol.

    Args:
        load: makes the compressor, at the first call.
        roots: what may be read.
        indexes: opened at the first call, by name.
    """

    def __init__(
        self, load: Callable[[], Compressor], roots: Roots, indexes: dict[str, Callable[[], Index]]
    ) -> None:
        self._load, self._roots, self._indexes = load, roots, indexes
        self._compressor: Compressor | None = None
        self._loading = threading.Lock()

    def read_relevant(
        self, question: str, paths: Sequence[str], max_tokens: int, progress: Progress | None = None
    ) -> Found:
        """Read files and keep what the question needs.

        Raises:
            InputError: for a path outside the roots, or too much text.
        """
        notes: list[str] = []
        documents = self._documents(paths, notes)
        if not documents:
            return Found(text="", excerpts=[], tokens_before=0, tokens_after=0, notes=[*notes, "no text"])
        reader, parts = self._reader(documents)
        context = self._compress(reader, question, parts, max_tokens, progress)
        return self._fit(context, notes, max_tokens)

    def search_relevant(
        self, question: str, index: str, max_tokens: int, progress: Progress | None = None
    ) -> Found:
        """Search an index and keep what the question needs.

        Raises:
            UnknownName: if there is no such index.
        """
        if index not in self._indexes:
            raise UnknownName("index", index, sorted(self._indexes))
        opened = self._indexes[index]()
        hits = opened.search(question, 50)
        if not hits:
            return Found(text="", excerpts=[], tokens_before=0, tokens_after=0, notes=["nothing found"])
        parts = opened.segmentation(hits)
        context = self._compress(self._ready(), question, parts, max_tokens, progress)

        def place(sentence: Sentence) -> tuple[int, int]:
            passage = hits[sentence.document].passage
            return passage.in_document(sentence.start_char, sentence.end_char)

        return self._fit(context, [], max_tokens, place)

    def expand(self, path: str, start: int, end: int, around: int = 2) -> Found:
        """The text at a place, with so many sentences before and after it.

        Raises:
            InputError: for a path outside the roots, or a place that is not in the file.
        """
        real = self._roots.file(path)
        (document,) = self._read(real, [])
        if not 0 <= start < end <= len(document.text):
            raise InputError(
                f"[{start}:{end}] is no place in {path}, which has {len(document.text)} characters"
            )
        sentences = segment([document]).sentences
        inside = _sentences_at(sentences, start, end)
        target = min(len(sentences) - 1, inside[-1] + around)
        count = self._ready().count
        nearest = _shrink(document.text, sentences, max(0, inside[0] - around), target, inside[0], count)
        if nearest is None:
            raise InputError(f"what stands at [{start}:{end}] is longer than {MOST_TOKENS} tokens")
        first, last = nearest
        a, b = sentences[first].start_char, sentences[last].end_char
        text = document.text[a:b]
        excerpt = Excerpt(path=path, start=a, end=b, location=_location(document, path, a, b), score=1.0)
        more = (
            [] if last == target else [f"ends at {b}: more is longer than {MOST_TOKENS} tokens; go on there"]
        )
        return Found(
            text=f"{excerpt.location}\n{text}", excerpts=[excerpt], tokens_before=count(document.text),
            tokens_after=count(text), notes=more,
        )  # fmt: skip

    def _ready(self) -> Compressor:
        with self._loading:
            if self._compressor is None:
                self._compressor = self._load()
            return self._compressor

    def _reader(self, documents: Sequence[Document]) -> tuple[Compressor, Sequence[Document] | Segmentation]:
        """Who reads them: a log is cut by its entries, and what failed counts."""
        if len(documents) == 1 and (shape := shape_of(documents[0].text)) in LOGS:
            units = cut_lines(documents[0].text, shape)
            return for_logs(self._ready()), Segmentation((documents[0],), units)
        return self._ready(), documents

    def _compress(
        self,
        reader: Compressor,
        question: str,
        documents: Sequence[Document] | Segmentation,
        max_tokens: int,
        progress: Progress | None,
    ) -> CompressedContext:
        # A quarter is for the places that stand before the excerpts.
        budget = Budget(max_tokens=max(1, min(max_tokens, MOST_TOKENS) * 3 // 4))
        return reader(question, documents, budget=budget, progress=progress)

    def _documents(self, paths: Sequence[str], notes: list[str]) -> list[Document]:
        files = [file for path in paths for file in self._roots.files(path)]
        if len(files) > _FILES:
            raise InputError(
                f"{len(files)} files; name a folder with at most {_FILES}, or use search_relevant"
            )
        documents: list[Document] = []
        for file in files:
            if len(files) > 1 and (suffix := suffix_of(file)) and suffix not in SUFFIXES:
                continue
            try:
                documents += self._read(file, notes)
            except RagCompressError as error:
                if len(files) == 1:
                    raise
                notes.append(f"left out: {error}")
        if (total := sum(len(d.text) for d in documents)) > _CHARACTERS:
            raise DataError(f"{total:,} characters of text; at most {_CHARACTERS:,} are read at a time")
        return documents

    def _read(self, file: str | Path, notes: list[str]) -> list[Document]:
        """Read a file; an agent is told its path as it is shown, not where the folder lies.

        Raises:
            DataError: if it can't be read.
        """

        def public(message: str) -> str:
            return message.replace(str(file), self._roots.display_path(str(file)))

        try:
            return read_file(
                file,
                note=lambda text: notes.append(public(text)),
                max_file_size=_FILE_BYTES,
                json_as_text=True,
            )
        except RagCompressError as error:
            raise DataError(public(str(error))) from error

    def _fit(
        self, context: CompressedContext, notes: list[str], limit: int, place: Place | None = None
    ) -> Found:
        """As many of the best excerpts as fit with their places into what an agent wants to read."""
        place = place or (lambda s: (s.start_char, s.end_char))
        values, sentences = context.scores.values, [piece.sentence for piece in context.pieces]
        best = sorted(range(len(sentences)), key=lambda i: (-values[sentences[i]], i))
        n = len(best)
        while True:
            shown = self._excerpts(context, [sentences[i] for i in sorted(best[:n])], place)
            shown.notes = notes[:20]
            if n < len(best):
                shown.notes.append(f"{len(best) - n} more did not fit with their places into max_tokens")
            size = self._ready().count(shown.model_dump_json())
            if size <= min(limit, MOST_TOKENS) or n <= 1:
                return shown
            n = max(1, min(n - 1, n * limit // size))

    def _excerpts(self, context: CompressedContext, chosen: Sequence[int], place: Place) -> Found:
        """Text and places of sentences; neighbors in one line are one excerpt."""
        excerpts: list[Excerpt] = []
        lines: list[str] = []
        last, last_document = -2, -1
        for index in chosen:
            sentence = context.segmentation.sentences[index]
            document = context.segmentation.documents[sentence.document]
            path = self._roots.display_path(document.source or "")
            start, end = place(sentence)
            location = _location(document, path, sentence.start_char, sentence.end_char)
            score = float(context.scores.values[index])
            before = excerpts[-1] if (last + 1, last_document) == (index, sentence.document) else None
            if before is not None and before.location == location and before.end <= start:
                excerpts[-1] = before.model_copy(update={"end": end, "score": max(before.score, score)})
                lines.append(sentence.text)
            else:
                excerpts.append(Excerpt(path=path, start=start, end=end, location=location, score=score))
                lines.append(f"{location}\n{sentence.text}")
            last, last_document = index, sentence.document
        text = "\n".join(lines)
        return Found(
            text=text, excerpts=excerpts, tokens_before=context.tokens_before,
            tokens_after=self._ready().count(text),
        )  # fmt: skip


def _sentences_at(sentences: Sequence[Sentence], start: int, end: int) -> list[int]:
    """The sentences that a stretch touches; of a gap what stands before and behind it."""
    inside = [i for i, s in enumerate(sentences) if s.start_char < end and s.end_char > start]
    if inside:
        return inside
    behind = next((i for i, s in enumerate(sentences) if s.start_char >= end), len(sentences))
    return [*range(max(0, behind - 1), min(behind + 1, len(sentences)))]


def _shrink(
    text: str,
    sentences: Sequence[Sentence],
    first: int,
    last: int,
    begin: int,
    count: Callable[[str], int],
) -> tuple[int, int] | None:
    """Leave out sentences until the rest has few enough tokens: those before ``begin`` first, then the last.

    Returns:
        The first and the last that stay; None where a single one is too long.
    """
    sizes = {i: count(sentences[i].text) for i in range(first, last + 1)}
    size = sum(sizes.values())  # about: the exact one would count texts of megabytes again and again
    while size > 2 * MOST_TOKENS and first < last:
        size -= sizes[first if first < begin else last]
        first, last = (first + 1, last) if first < begin else (first, last - 1)
    while count(text[sentences[first].start_char : sentences[last].end_char]) > MOST_TOKENS:
        if first == last:
            return None
        first, last = (first + 1, last) if first < begin else (first, last - 1)
    return first, last


def _location(document: Document, path: str, start: int, end: int) -> str:
    """``path:line``, as agents and editors write it, or with a page."""
    place = document.place(start, end)
    if place is None:
        return f"{path}:{document.text.count(chr(10), 0, start) + 1}"
    return f"{path}:{place.first}" if place.unit == "line" else f"{path} {place.mark()}"
