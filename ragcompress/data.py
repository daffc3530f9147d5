"""The values that flow through ragcompress, each frozen and checked at birth.

    documents → Segmentation → Attention → Scores → Selection → CompressedContext

Shape glossary, the same everywhere: L layers, H query heads, T tokens of a prompt, R query rows that are
read, S sentences, D documents, P passages (prompts). Offsets are code points, half open; token spans end
in ``_token``. *ratio* is always kept ÷ original.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from numbers import Real
from operator import index as as_index
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .places import Place, Places

Kind = Literal[
    "prose", "code", "table", "table header", "table row", "list item", "heading", "term", "boilerplate"
]
Syntax = Literal["markdown", "text", "code", "csv"]
Reason = Literal[
    "over_budget",
    "did_not_fit",
    "too_long",
    "enough",
    "document_cap",
    "other_documents",
    "duplicate",
    "near_repeat",
    "boilerplate",
]
FloatArray = NDArray[np.float64]
Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is in all."""


@dataclass(frozen=True, slots=True)
class Document:
    """One retrieved text.

    ``id`` may repeat or be missing: everything in ragcompress maps by position. ``metadata`` is carried
    along untouched (and held read-only; the caller's mapping is never written to).

    Attributes:
        syntax: what its blocks are found by: ``markdown`` (most plain text, too), source ``code`` or ``csv``;
            ``text`` has none, only sentences, as in PDF.
        places: the way back to pages or lines of its file, where it was read from one.
        score: the retriever's relevance, higher is better; None: unknown. Only the ranking that the scores
            make counts, and only where they differ, so any retriever's scale will do.
        language: ISO 639-1 code of its prose, such as ``de``; None: found out from the text.
    """

    text: str
    title: str | None = None
    id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    syntax: Syntax = "markdown"
    places: Places | None = None
    score: float | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("text", self.text),
            ("title", self.title),
            ("id", self.id),
            ("language", self.language),
        ):
            if not (isinstance(value, str) or (value is None and name != "text")):
                raise InputError(f"Document.{name} must be a string, got {type(value).__name__}")
        try:
            (self.text + (self.title or "")).encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"a document holds a lone surrogate at character {error.start}, which is no valid text; "
                "decode its bytes with errors='replace' first"
            ) from None
        if not isinstance(self.metadata, Mapping):
            raise InputError(f"Document.metadata must be a mapping, got {type(self.metadata).__name__}")
        if self.syntax not in get_args(Syntax):
            raise InputError(
                f"Document.syntax must be one of {', '.join(get_args(Syntax))}, not {self.syntax!r}"
            )
        if not (self.places is None or isinstance(self.places, Places)):
            raise InputError(f"Document.places must be Places, got {type(self.places).__name__}")
        if self.score is not None:
            object.__setattr__(self, "score", _finite("Document.score", self.score))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def source(self) -> str | None:
        """What results call it: ``metadata["source"]``, else its id."""
        source = self.metadata.get("source", self.id)
        try:
            return None if source is None else str(source)
        except Exception:  # whatever its author raises
            return self.id

    @property
    def origin(self) -> str:
        """``metadata["source"]`` in words; empty where there is none, or it is nothing that has words."""
        try:
            return str(self.metadata.get("source") or "")
        except Exception:  # such as pandas' NA, which is neither true nor false
            return ""

    @property
    def start_index(self) -> int | None:
        """Where it begins in its source, as text splitters say it in the metadata, in any type of number."""
        value: Any = self.metadata.get("start_index")
        if isinstance(value, bool | np.bool_):  # older versions of NumPy count with theirs
            return None
        try:
            start = as_index(value)
        except TypeError:
            try:
                real = float(value) if isinstance(value, Real | Decimal) else -1.0
            except (ValueError, OverflowError):  # a signaling NaN, a fraction of hundreds of digits
                return None
            # Above this, a float is not one whole number but several.
            start = int(real) if 0 <= real < 2**53 and real.is_integer() else -1
        return start if start >= 0 else None

    def place(self, start: int, end: int) -> Place | None:
        """Where ``text[start:end]`` stands in its file, if that is known."""
        return None if self.places is None else self.places.at(start, end)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A unit that is kept or dropped as a whole: a sentence, or a block such as a table or a code fence.

    ``documents[document].text[start_char:end_char] == text``; ``document`` is a position, not an id.

    Attributes:
        kind: ``term`` is a name that the units below describe, such as an option; ``boilerplate`` leads about
            the pages, or stands on all of them. ``code`` may be a formula.
        cut: the unit continues in the next one: it was longer than any budget, and was cut within a line.
        fragment: its document begins or ends within it, as chunks of text splitters do.
    """

    document: int
    start_char: int
    end_char: int
    text: str
    kind: Kind = "prose"
    cut: bool = False
    fragment: bool = False


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Documents and their sentences, in order, not overlapping, with only white space outside them.

    Raises:
        InputError: if a sentence is not the slice it says, is out of order, or text lies outside.
    """

    documents: tuple[Document, ...]
    sentences: tuple[Sentence, ...]

    def __post_init__(self) -> None:
        document, end = 0, 0
        for index, s in enumerate(self.sentences):
            if not 0 <= s.document < len(self.documents):
                raise InputError(
                    f"sentence {index} belongs to document {s.document} of {len(self.documents)}"
                )
            while document < s.document:
                self._check_blank(document, end, len(self.documents[document].text))
                document, end = document + 1, 0
            if s.document < document or s.start_char < end or s.end_char <= s.start_char:
                raise InputError(f"sentence {index} overlaps the one before it or is out of order")
            if self.documents[document].text[s.start_char : s.end_char] != s.text:
                raise InputError(f"sentence {index} is not the slice of its document that it says it is")
            self._check_blank(document, end, s.start_char)
            end = s.end_char
        for rest in range(document, len(self.documents)):
            self._check_blank(rest, end if rest == document else 0, len(self.documents[rest].text))

    def _check_blank(self, document: int, start: int, end: int) -> None:
        outside = self.documents[document].text[start:end]
        if outside.strip():
            raise InputError(f"document {document} has text outside its sentences: {outside.strip()[:40]!r}")

    def gap_before(self, index: int) -> str:
        """White space between sentence ``index`` and the one before it in its document (or its start)."""
        s = self.sentences[index]
        start = 0
        if index and self.sentences[index - 1].document == s.document:
            start = self.sentences[index - 1].end_char
        return self.documents[s.document].text[start : s.start_char]


@dataclass(frozen=True, slots=True)
class Attention:
    """What one prompt's query rows look at, pooled to sentences.

    Attributes:
        mass: float32 (R, L, H, S): softmaxed attention summed over a sentence's tokens; a row that stands
            for several tokens (the question) is their mean. Each (row, layer, head) sums to at most 1; the
            rest went to the template, the title, the tail itself, and above all to the first token.
        n_tokens: (S,) tokens of each sentence in this prompt, at least 1 each.
        rows: names of the R rows.
        proxy: fingerprint of the proxy that was probed.
    """

    mass: NDArray[np.float32]
    n_tokens: NDArray[np.int64]
    rows: tuple[str, ...]
    proxy: str

    def __post_init__(self) -> None:
        if self.mass.ndim != 4 or self.mass.shape[0] != len(self.rows):
            raise InputError(
                f"attention mass must be (rows, layers, heads, sentences), got {self.mass.shape}"
            )
        if self.mass.shape[3] != len(self.n_tokens):
            raise InputError(f"{self.mass.shape[3]} sentences but {len(self.n_tokens)} token counts")
        if not np.isfinite(self.mass).all() or (self.mass < 0).any():
            raise InputError("attention mass must be finite and not negative")
        if self.mass.size and float(self.mass.sum(-1).max()) > 1.0 + 1e-3:
            raise InputError("a row of attention sums to more than 1")


@dataclass(frozen=True, slots=True)
class Scores:
    """One number per sentence, higher is better.

    Attributes:
        values: float64 (S,), read-only, finite; a probability in [0, 1] where ``calibrated``.
        scorer: name of the scorer.
        settings: what the scorer was set to, JSON-able; the same for every question.
        details: what happened with this question, such as how many passages were read; JSON-able.
        vectors: float32 (S, V), read-only, each of length 1, or of zeros where a sentence has none; their
            cosines say which sentences are near repeats. None: the scorer makes none.
        strongest: by name, the largest value of each of the scorer's signals; None where it is missing. They
            help to tell whether the documents hold an answer.
    """

    values: FloatArray
    scorer: str
    calibrated: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    vectors: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    strongest: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        if values.ndim != 1 or not np.isfinite(values).all():
            raise InputError(f"scores of {self.scorer!r} must be a finite vector, got shape {values.shape}")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))
        object.__setattr__(self, "strongest", MappingProxyType(dict(self.strongest)))
        if self.vectors is not None:
            object.__setattr__(self, "vectors", self._check_vectors(self.vectors))

    def _check_vectors(self, vectors: NDArray[Any]) -> NDArray[np.float32]:
        """A copy of the vectors that can't be written to."""
        array = np.array(vectors, dtype=np.float32)
        if array.ndim != 2 or len(array) != len(self.values) or not np.isfinite(array).all():
            raise InputError(
                f"vectors of {self.scorer!r} must be finite, of shape ({len(self.values)}, V), "
                f"got {array.shape}"
            )
        array.flags.writeable = False
        return array

    def ranking(self) -> tuple[int, ...]:
        """Sentence indices, best first; ties by position."""
        return tuple(int(i) for i in np.argsort(-self.values, kind="stable"))


def score_by_rank(documents: Sequence[Document]) -> tuple[Document, ...]:
    """Return copies of the documents of a list that is sorted by relevance, best first, each with a score.

    For retrievers that give an order and no numbers: the document of rank r, counted from 1, gets 1 / r. A
    document that has a score loses it.
    """
    return tuple(replace(document, score=1 / rank) for rank, document in enumerate(documents, 1))


def _finite(name: str, value: object) -> float:
    """Return any real number, NumPy's too, as a float.

    Raises:
        InputError: for anything else, NaN and infinity.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(f"{name} must be a finite number or None, got {value!r}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sentences stay, and why the others go.

    Attributes:
        kept: sentence indices, ascending.
        dropped: reason code for every other sentence:

            - ``over_budget``: ranks below all that were kept.
            - ``did_not_fit``: better ones left too little room; a shorter one further down fitted.
            - ``too_long``: does not fit even by itself.
            - ``enough``: the recall asked for is reached without it.
            - ``document_cap``: its document keeps as many as it may. One that is five times as long as most
              of four others or more may keep a third of the budget, or its three best sentences.
            - ``other_documents``: its document is not among the best, which alone may keep something.
            - ``duplicate``: another document says the same.
            - ``near_repeat``: one that is kept says nearly the same, and what is left of its worth ranks
              below all that were kept.
            - ``boilerplate``: navigation, footers and their like.
        duplicate_of: for each ``duplicate`` the better sentence that says the same, for each ``near_repeat``
            the kept one that says nearly the same.
    """

    kept: tuple[int, ...]
    dropped: Mapping[int, Reason]
    duplicate_of: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if list(self.kept) != sorted(set(self.kept)):
            raise InputError("kept sentences must be unique and ascending")
        if set(self.kept) & set(self.dropped):
            raise InputError("a sentence can't be both kept and dropped")
        object.__setattr__(self, "dropped", MappingProxyType(dict(self.dropped)))
        object.__setattr__(self, "duplicate_of", MappingProxyType(dict(self.duplicate_of)))


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a kept sentence stands: ``text[start:end]`` of the output is that sentence, unaltered."""

    start: int
    end: int
    sentence: int
