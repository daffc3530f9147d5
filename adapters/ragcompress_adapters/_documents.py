"""From the documents of a framework to those of the core, and from a compressed context back to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite, isnan
from numbers import Real
from operator import index as as_index
from typing import Any, Literal, TypeVar

import numpy as np

from ragcompress import CompressedContext, Document, InputError, Piece, score_by_rank

Syntax = Literal["markdown", "text", "code", "csv"]
"""As of ``ragcompress.Document``."""

KEY = "ragcompress"
"""The one key of a document's metadata under which everything of ours is."""
_NO_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Source:
    """A framework's document, in terms that all frameworks share.

    Attributes:
        text: None where it holds something else than text.
        metadata: may hold, under ``KEY``, what an earlier compression left.
        start, end: where the text is in its file, in code points, as the framework says it.
        score: the retriever's relevance, higher is better, as the framework says it.
    """

    text: str | None
    id: str | None
    metadata: Mapping[str, Any]
    start: object = None
    end: object = None
    score: object = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What one document kept.

    Attributes:
        index: its place in the input.
        text: its kept sentences, as they are in the context.
        score: of its best sentence.
        start, end: where the text lies in the document, if it is an unbroken part of it, else None.
        details: what goes under ``KEY``, JSON-able.
        metadata: a deep copy of the source's.
    """

    index: int
    text: str
    score: float
    start: int | None
    end: int | None
    details: dict[str, Any]
    metadata: dict[str, Any]


_Any = TypeVar("_Any")


def to_list(given: Iterable[_Any], attribute: str, what: str) -> list[_Any]:
    """The documents of a framework, from any iterable.

    Args:
        attribute: that each has.
        what: their class is called.

    Raises:
        InputError: if one is something else, such as a text.
    """
    documents = list(given)
    for position, document in enumerate(documents):
        if not hasattr(document, attribute):
            raise InputError(f"document {position} must be a {what}, got {type(document).__name__}")
    return documents


def to_documents(
    sources: Sequence[Source], title_key: str | None, *, ranked: bool, syntax: Syntax = "markdown"
) -> Sequence[Document]:
    """Documents of the core.

    Args:
        title_key: of the metadata, for a document's title.
        ranked: whether the list has the retriever's order, the best first. It counts where not every document
            has a score.
        syntax: of the texts, as of ``ragcompress.Document``.

    Half a surrogate pair in a text, which is no character, becomes U+FFFD; the metadata say so.

    Raises:
        InputError: if one holds no text.
    """
    documents = []
    for position, source in enumerate(sources):
        if not isinstance(source.text, str):
            raise InputError(
                f"document {position} ({source.id}) holds no text but {type(source.text).__name__}; "
                "only text can be compressed"
            )
        title = _title(source.metadata, title_key)
        score = finite(source.score)
        text = _NO_CHARACTER.sub("\ufffd", source.text)
        documents.append(Document(text, title, source.id, source.metadata, score=score, syntax=syntax))
    if ranked and any(d.score is None for d in documents):
        return score_by_rank(documents)
    return documents


def kept_of(context: CompressedContext, sources: Sequence[Source]) -> list[Kept]:
    """Cut a context in which documents stand together into documents, in the order of the context.

    Args:
        context: from a ``Compressor``, in the format ``plain``.
        sources: one per document of the context.
    """
    assert context.layout
    members: dict[int, list[Piece]] = {}
    for piece in context.pieces:
        members.setdefault(context.segmentation.sentences[piece.sentence].document, []).append(piece)
    kept = []
    for index, pieces in members.items():
        document = context.segmentation.documents[index]
        begin = pieces[0].start
        text = context.text[begin : pieces[-1].end]
        start = context.segmentation.sentences[pieces[0].sentence].start_char
        unbroken = document.text[start : start + len(text)] == text
        stretches = _stretches(sources[index])
        spans = [span for p in pieces for span in _spans(context, p, begin, stretches)]
        details = {
            "index": index,
            "spans": spans,
            "tokens_before": context.layout.count(document.text),
            "tokens_after": context.layout.count(text),
            "scorer": context.scores.scorer,
            **_count_replaced(sources[index : index + 1]),
        }
        kept.append(
            Kept(
                index,
                text,
                score=max(span["score"] for span in spans),
                start=start if unbroken else None,
                end=start + len(text) if unbroken else None,
                details=details,
                metadata=_copy_metadata(sources[index].metadata),
            )
        )
    return kept


def merge_details(context: CompressedContext, sources: Sequence[Source]) -> tuple[float, dict[str, Any]]:
    """Score of the best sentence, and what goes under ``KEY``, for one document with the whole context."""
    stretches = [_stretches(source) for source in sources]
    spans = []
    for piece in context.pieces:
        index = context.segmentation.sentences[piece.sentence].document
        spans += [{"index": index, **s} for s in _spans(context, piece, 0, stretches[index])]
    details = {
        "ids": [source.id for source in sources],
        "spans": spans,
        "tokens_before": context.tokens_before,
        "tokens_after": context.tokens_after,
        "scorer": context.scores.scorer,
        **_count_replaced(sources),
    }
    return max(span["score"] for span in spans), details


def _count_replaced(sources: Sequence[Source]) -> dict[str, int]:
    """How many halves of characters their texts hold, if any."""
    n = sum(len(_NO_CHARACTER.findall(source.text or "")) for source in sources)
    return {"replaced_characters": n} if n else {}


def mark_passthrough(metadata: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Metadata of a document that was not compressed: the reason, and what was there."""
    earlier = metadata.get(KEY)
    return {
        **metadata,
        KEY: {**(earlier if isinstance(earlier, Mapping) else {}), "passthrough": reason},
    }


def _copy_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy, but for values that can't be copied, such as an open connection: these are shared."""
    return {key: _copy(value) for key, value in metadata.items()}


def _copy(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:  # whatever its author raises
        return value


def _stretches(source: Source) -> Sequence[Mapping[str, Any]]:
    """Stretches of a document's text with their places in its file.

    Those that an earlier compression left, unless the text was cut or merged since and they are not of this
    text; else one that starts where the framework says.
    """
    text = source.text or ""
    earlier = source.metadata.get(KEY)
    spans: Any = earlier.get("spans") if isinstance(earlier, Mapping) else None
    if _are_stretches(spans) and "index" not in spans[-1] and spans[-1]["end"] == len(text):
        stretches: Sequence[Mapping[str, Any]] = spans
        return stretches
    start, end = to_offset(source.start), to_offset(source.end)
    replaced = start is not None and end is not None and end - start != len(text)
    # A splitter that did not find its own text again says -1.
    unknown = start is None and not _is_missing(source.start)
    if replaced or unknown:
        # The text was replaced, say by a window around it, and its place was not.
        return [{"start": 0, "end": len(text), "start_char": None}]
    return [{"start": 0, "end": len(text), "start_char": start or 0}]


def _are_stretches(spans: Any) -> bool:
    """Whether they are what we left there: stores and users may have changed them."""
    return (
        isinstance(spans, list)
        and bool(spans)
        and all(
            isinstance(span, Mapping)
            and all(to_offset(span.get(key)) is not None for key in ("start", "end"))
            and (span.get("start_char") is None or to_offset(span["start_char"]) is not None)
            for span in spans
        )
    )


def _spans(
    context: CompressedContext, piece: Piece, begin: int, stretches: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The places of a kept sentence, and its score.

    ``start``, ``end`` are in what is returned, ``start_char``, ``end_char`` in the document. Where its place
    in a file is known they are in the file; None where the place is known to be wrong.

    Args:
        begin: where in the context the returned text begins.
        stretches: of the sentence's document.
    """
    sentence = context.segmentation.sentences[piece.sentence]
    score = float(context.scores.values[piece.sentence])
    shift = piece.start - begin - sentence.start_char
    for stretch in stretches:
        start, end = max(sentence.start_char, stretch["start"]), min(sentence.end_char, stretch["end"])
        if start < end:
            back = None if stretch["start_char"] is None else stretch["start_char"] - stretch["start"]
            yield {
                "start": start + shift,
                "end": end + shift,
                "start_char": None if back is None else start + back,
                "end_char": None if back is None else end + back,
                "score": score,
            }


def _title(metadata: Mapping[str, Any], key: str | None) -> str | None:
    title = metadata.get(key) if key else None
    return _NO_CHARACTER.sub("\ufffd", title) if isinstance(title, str) and title.strip() else None


def to_offset(value: object) -> int | None:
    """A whole number of any type, NumPy's and a float without a fraction among them; None: there is none."""
    try:
        number = None if isinstance(value, bool | np.bool_) else as_index(value)  # type: ignore[arg-type]
    except TypeError:
        real = finite(value)
        # Above this, a float is not one whole number but several.
        exact = real is not None and real.is_integer() and real < 2.0**53
        number = int(real) if real is not None and exact else None
    return number if number is not None and number >= 0 else None


def _is_missing(value: object) -> bool:
    """Whether there is no value: None, or NaN, which tables have for it."""
    return value is None or (isinstance(value, float) and isnan(value))


def finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):  # a signaling NaN, a fraction of hundreds of digits
        return None
    return number if isfinite(number) else None
