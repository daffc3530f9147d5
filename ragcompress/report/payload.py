"""The data of the page: JSON in ASCII that can't end the script element it stands in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..data import Piece, Selection
from .markup import scale
from .sweep import Stop

if TYPE_CHECKING:
    from ..context import CompressedContext

# One letter for each state of a sentence; what a person reads stands beside it.
STATES: dict[str, tuple[str, str]] = {
    "kept": ("k", "Kept."),
    "over_budget": ("o", "Dropped: the budget was full; it ranks below all that were kept."),
    "did_not_fit": (
        "d",
        "Dropped: better ones left too little room for it; a shorter one further down fitted.",
    ),
    "too_long": ("t", "Dropped: it is longer than the budget by itself."),
    "enough": ("e", "Dropped: the recall asked for is expected to be reached without it."),
    "document_cap": ("c", "Dropped: its document keeps as many sentences as it may."),
    "boilerplate": ("b", "Dropped: it leads about the pages, or stands on all of them."),
    "duplicate": ("r", "Dropped: another document says the same, word for word."),
    "near_repeat": ("n", "Dropped: one that is kept says nearly the same, which makes it worth less."),
    "other_documents": ("x", "Dropped: its document is not among the best, and only they keep anything."),
}


def payload(views: Sequence[CompressedContext], stops: Sequence[tuple[Stop, ...]]) -> str:
    """Return the JSON.

    ``views[].stops`` holds ``[limit, tokens, states, pieces, recall]`` wherever something differs from the
    budget before: a letter per sentence, the sentences in output order, each behind the number of the text
    before it (``views[].between``), and the recall that a calibration bounds, or null. ``limits`` are all
    budgets tried.
    """
    context = views[0]
    data = {
        "states": {letter: text for letter, text in STATES.values()},
        "before": context.tokens_before,
        "limits": [s.limit for s in stops[0]],
        "sentences": [
            {"d": s.document, "t": s.text, "at": context.cite(i)}
            for i, s in enumerate(context.segmentation.sentences)
        ],
        "views": [_view(v, view_stops) for v, view_stops in zip(views, stops, strict=True)],
    }
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _view(context: CompressedContext, stops: Sequence[Stop]) -> dict[str, Any]:
    between: dict[str, int] = {}
    n = len(context.segmentation.sentences)

    outlook = context.outlook

    def record(limit: int, tokens: int, chosen: Selection, text: str, pieces: Sequence[Piece]) -> list[Any]:
        sequence, end = [], 0
        for p in pieces:
            sequence += [between.setdefault(text[end : p.start], len(between)), p.sentence]
            end = p.end
        recall = None if outlook is None else outlook.recall(chosen)
        return [limit, tokens, _states(chosen, n), sequence, recall]

    run = record(context.limit, context.tokens_after, context.selection, context.text, context.pieces)
    changes: list[list[Any]] = []
    for s in stops:
        view = record(s.limit, s.tokens, s.selection, s.rendered.text, s.rendered.pieces)
        if not changes or changes[-1][1:] != view[1:]:
            changes.append(view)
    levels, _ = scale(context.scores)
    return {
        "scorer": context.scores.scorer,
        "calibrated": context.scores.calibrated,
        "scores": context.scores.values.tolist(),
        "levels": levels,
        "order": context.order,
        "run": run,
        "start": _start(context, stops),
        "stops": changes,
        "between": list(between),
    }


def _states(chosen: Selection, n: int) -> str:
    letters = ["k"] * n
    for i, reason in chosen.dropped.items():
        letters[i] = STATES[reason][0]
    return "".join(letters)


def _start(context: CompressedContext, stops: Sequence[Stop]) -> int:
    """The budget at which the slider stands for the run itself: a recall aimed at has none of its own."""
    by_recall = "enough" in context.selection.dropped.values()
    limit = context.tokens_after if by_recall else min(context.limit, context.tokens_before)
    return max((s.limit for s in stops if s.limit <= limit), default=limit)
