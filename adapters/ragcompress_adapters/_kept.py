"""From one compressed context to what each document kept, with the way back to its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragcompress import CompressedContext, Piece

KEY = "ragcompress"
"""The one key of a document's metadata under which everything of ours stands."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a framework's document comes from.

    Attributes:
        offset: where its text starts in its file, if that is known.
        spans: of an earlier compression of it, whose offsets reach further back than its own.
    """

    offset: int = 0
    spans: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What one document kept.

    Attributes:
        index: its place in the input.
        text: its kept sentences, as they stand in the context.
        score: of its best sentence.
        start, end: where the text lies in the document, if it is an unbroken part of it, else None.
        details: what goes under ``KEY``, JSON-able.
    """

    index: int
    text: str
    score: float
    start: int | None
    end: int | None
    details: dict[str, Any]


def kept_of(context: CompressedContext, sources: Sequence[Source]) -> Iterator[Kept]:
    """Cut a context in which documents stand together into documents, in the order of the context.

    Args:
        context: from a ``Compressor``, in the format ``plain``.
        sources: one per document of the context.
    """
    assert context.layout
    members: dict[int, list[Piece]] = {}
    for piece in context.pieces:
        members.setdefault(context.segmentation.sentences[piece.sentence].document, []).append(piece)
    for index, pieces in members.items():
        document = context.segmentation.documents[index]
        begin = pieces[0].start
        text = context.text[begin : pieces[-1].end]
        start = context.segmentation.sentences[pieces[0].sentence].start_char
        unbroken = document.text[start : start + len(text)] == text
        spans = [span for p in pieces for span in spans_of(context, p, begin, sources[index])]
        score = max(span["score"] for span in spans)
        details = {
            "index": index,
            "spans": spans,
            "tokens_before": context.layout.count(document.text),
            "tokens_after": context.layout.count(text),
            "scorer": context.scores.scorer,
        }
        yield Kept(
            index, text, score, start if unbroken else None, start + len(text) if unbroken else None, details
        )


def spans_of(
    context: CompressedContext, piece: Piece, begin: int, source: Source
) -> Iterator[dict[str, Any]]:
    """The places of a kept sentence: ``start``, ``end`` in what is returned, ``start_char``, ``end_char`` in
    the document (in its file, where its own place in it is known), and its score.

    Args:
        begin: where in the context the returned text begins.
        source: of the sentence's document.
    """
    sentence = context.segmentation.sentences[piece.sentence]
    score = float(context.scores.values[piece.sentence])
    shift = piece.start - begin - sentence.start_char
    whole = {"start": 0, "end": sentence.end_char, "start_char": source.offset}
    for span in [whole] if source.spans is None else source.spans:
        start, end = max(sentence.start_char, span["start"]), min(sentence.end_char, span["end"])
        if start < end:
            back = span["start_char"] - span["start"]
            yield {
                "start": start + shift, "end": end + shift,
                "start_char": start + back, "end_char": end + back, "score": score,
            }  # fmt: skip


def source_of(metadata: Mapping[str, Any], text: str, offset: object) -> Source:
    """Read a document's place in its file.

    Args:
        metadata: of the document, which may have been compressed before.
        text: of the document. Spans of an earlier compression that are not spans of this text, because it
            was cut or merged since, don't count.
        offset: where the framework says that its text starts in its file.
    """
    earlier = metadata.get(KEY)
    spans = earlier.get("spans") if isinstance(earlier, Mapping) else None
    if spans and ("index" in spans[-1] or spans[-1]["end"] != len(text)):
        spans = None
    known = isinstance(offset, int) and not isinstance(offset, bool) and offset >= 0
    return Source(offset if known else 0, spans)  # type: ignore[arg-type]


def passed_on(metadata: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """What goes under ``KEY`` of a document that was not compressed: the reason, and what stood there."""
    earlier = metadata.get(KEY)
    return {**(earlier if isinstance(earlier, Mapping) else {}), "passthrough": reason}


def title_of(metadata: Mapping[str, Any], key: str | None) -> str | None:
    """The title that a document's metadata holds."""
    title = metadata.get(key) if key else None
    return title if isinstance(title, str) and title.strip() else None
