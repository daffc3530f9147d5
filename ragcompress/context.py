"""What a compression returns: the context for the main LLM, with everything needed to trace it back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import Any

from .calibration import Outlook, Promise
from .data import Document, Piece, Scores, Segmentation, Selection, Sentence
from .errors import InputError
from .files import to_bytes
from .selection.layout import Layout


@dataclass(frozen=True, slots=True)
class CompressedContext:
    """What goes to the main LLM, with everything needed to trace it back.

    Attributes:
        text: the rendered context.
        pieces: one per kept sentence, in the order of the output; ``text[p.start:p.end]`` is its sentence.
        tokens_before: tokens of all documents, rendered the same way, in source order, nothing dropped.
        tokens_after: tokens of ``text``; at most ``limit``.
        limit: the budget in tokens.
        order: name of the order.
        settings: everything that decided the result, JSON-able.
        seconds: wall time per stage.
        passthrough: why nothing was compressed (``on_error="passthrough"``), else None.
        promise: what was promised about the recall, and whether it stands; None where none was asked.
        outlook: what a calibration says of the request; None without one.
        best_effort: why the documents may hold no answer (``abstain_below``); None where they may well.
        layout: what laid it out and counted it, so that another budget can be tried; None: not at hand.
    """

    text: str
    question: str
    segmentation: Segmentation
    scores: Scores
    selection: Selection
    pieces: tuple[Piece, ...]
    tokens_before: int
    tokens_after: int
    limit: int
    order: str
    settings: Mapping[str, Any]
    seconds: Mapping[str, float]
    passthrough: str | None = None
    promise: Promise | None = None
    outlook: Outlook | None = field(default=None, repr=False, compare=False)
    best_effort: str | None = None
    layout: Layout | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if sorted(p.sentence for p in self.pieces) != list(self.selection.kept):
            raise InputError("the rendered pieces are not the selected sentences")
        for p in self.pieces:
            if self.text[p.start : p.end] != self.segmentation.sentences[p.sentence].text:
                raise InputError(f"sentence {p.sentence} was altered by rendering")
        if self.passthrough is None and self.tokens_after > self.limit:
            raise InputError(f"{self.tokens_after} tokens rendered, {self.limit} allowed")
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        object.__setattr__(self, "seconds", MappingProxyType(dict(self.seconds)))

    @property
    def ratio(self) -> float:
        """Kept ÷ original, in tokens of the counter; 1.0 for an empty original."""
        return self.tokens_after / self.tokens_before if self.tokens_before else 1.0

    @property
    def sufficiency(self) -> float | None:
        """Is the answer likely in here at all? A probability, in [0, 1].

        With a calibration that has one, the probability that the documents hold an answer. Without, the
        highest probability of a kept sentence: a low one is reason to doubt, a high one says that a sentence
        of the kind is there, not that all of them are. None where the scores are no probabilities.
        """
        if self.outlook is not None and self.outlook.sufficiency is not None:
            return self.outlook.sufficiency
        if not self.scores.calibrated:
            return None
        return max((float(self.scores.values[i]) for i in self.selection.kept), default=0.0)

    @property
    def shift(self) -> float | None:
        """How like the calibration questions this request is: a p-value in (0, 1], small where it is unlike.

        None without a calibration, or with too small a one.
        """
        return None if self.outlook is None else self.outlook.shift

    def cite(self, index: int) -> str:
        """Where a sentence is: its source, with page or lines where they are known, and its code points."""
        s = self.segmentation.sentences[index]
        document = self.segmentation.documents[s.document]
        place = document.place(s.start_char, s.end_char)
        name = document.source or f"document {s.document + 1}"
        citation = " ".join((name if place is None else place.cite(name)).split())
        return f"{citation} [{s.start_char}:{s.end_char}]"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of ``ragcompress compress --format json`` (design contract, section 5)."""
        repeating = self._find_repeats()
        result: dict[str, Any] = {
            "text": self.text,
            "question": self.question,
            "tokens_before": self.tokens_before,
            "tokens_after": self.tokens_after,
            "limit": self.limit,
            "ratio": self.ratio,
            "sufficiency": self.sufficiency,
            "promise": None if self.promise is None else self.promise.to_dict(),
            "shift": self.shift,
            "best_effort": self.best_effort,
            "pieces": [
                {"start": p.start, "end": p.end, **self._place(p.sentence, repeating)} for p in self.pieces
            ],
            "dropped": [
                {**self._place(i, repeating), "reason": reason, **self._duplicate(i)}
                for i, reason in sorted(self.selection.dropped.items())
            ],
            "order": self.order,
            "settings": dict(self.settings),
            "reading": dict(self.scores.details),
            "seconds": dict(self.seconds),
        }
        if self.passthrough is not None:
            result["passthrough"] = self.passthrough
        return result

    def _place(self, index: int, repeating: Collection[int] = ()) -> dict[str, Any]:
        """A sentence's source, place and score; whether it repeats the question, where it does."""
        s = self.segmentation.sentences[index]
        document = self.segmentation.documents[s.document]
        return {
            "document": s.document,
            "source": _to_json(document.metadata.get("source", document.id)),
            "start_char": s.start_char,
            "end_char": s.end_char,
            "location": _location(document, s),
            "score": float(self.scores.values[index]),
            **({"repeats_question": True} if index in repeating else {}),
        }

    def _duplicate(self, index: int) -> dict[str, Any]:
        """The place of the sentence that says the same, where there is one."""
        other = self.selection.duplicate_of.get(index)
        keys = ("document", "source", "start_char", "end_char")
        return {} if other is None else {"duplicate_of": {key: self._place(other)[key] for key in keys}}

    def _find_repeats(self) -> set[int]:
        """The sentences that repeat the question, or whose document's title does."""
        repeats = self.scores.details.get("repeats_question", {})
        titles = set(repeats.get("titles", ()))
        under = {i for i, s in enumerate(self.segmentation.sentences) if titles and s.document in titles}
        return under | set(repeats.get("sentences", ()))

    def texts(self) -> list[str]:
        """What each document kept, in the order of the input; empty for one that kept nothing.

        Meant for contexts in which each document stands together (``keep_together``).
        """
        spans: dict[int, tuple[int, int]] = {}
        for piece in self.pieces:
            document = self.segmentation.sentences[piece.sentence].document
            start, _ = spans.get(document, (piece.start, piece.end))
            spans[document] = start, piece.end
        return [self.text[slice(*spans.get(i, (0, 0)))] for i in range(len(self.segmentation.documents))]

    def to_html(self, *, compare: CompressedContext | None = None) -> str:
        """Return a report as one self-contained page: what was kept, why, and what more would cost.

        The page holds the selections that the library makes for other budgets; they are made here, which
        takes a second or a few for long documents. Without ``layout`` the page has no slider.

        Args:
            compare: what another scorer made of the same sentences, to be shown beside.

        Raises:
            InputError: if ``compare`` is about other sentences or another question.
        """
        from . import report

        return report.page(self, compare)

    def _repr_html_(self) -> str:
        """Show the report in a notebook, in a frame of its own."""
        from . import report

        return report.notebook(self)


def _to_json(source: Any) -> Any:
    """A source as JSON has it: what it has no word for, such as a path, a date or NaN, as a string."""
    if isinstance(source, str):
        return to_bytes(source).decode("utf-8")
    if source is None or isinstance(source, bool | int) or (isinstance(source, float) and isfinite(source)):
        return source
    try:
        return to_bytes(str(source)).decode("utf-8")
    except Exception:  # it has no words: whatever its author raises
        return None


def _location(document: Document, sentence: Sentence) -> dict[str, Any] | None:
    """The sentence's place in its file, as JSON; None where there is no file or the way back is not known."""
    place = document.place(sentence.start_char, sentence.end_char)
    return None if place is None else {"cite": place.cite(document.source or ""), **asdict(place)}
