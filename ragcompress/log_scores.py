"""For logs: another scorer's numbers, and what stands out by itself. Few units are read by a model."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from . import scorers
from .data import Document, FloatArray, Progress, Scores, Segmentation, Sentence
from .text.log_lines import outstanding, repetition

_OF_OUTSTANDING = 0.6  # against 1 for the best match of words, and 1 for the best by the other scorer
_READ_CHARACTERS = 12_000
_BETWEEN = "\n"
_WORDS = "bm25"


class LogScorer:
    """Words, severity and rarity give every unit a number; the best are read by another scorer as well.

    "Why did the build fail?" shares no word with the line that says why, and a log has more lines than a
    model can read in time. What a program says again and again counts less each time.

    Args:
        scorer: reads the units that promise most; None: words alone.
    """

    name: ClassVar[str] = "log-lines"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, scorer: scorers.Scorer | None = None) -> None:
        self.words = scorers.make(_WORDS)
        self.scorer = None if scorer is None or scorer.name == _WORDS else scorer

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Score the units of one log."""
        units = [s.text for s in segmentation.sentences]
        values = _share_of_best(self.words.score(question, segmentation).values)
        values = values + _OF_OUTSTANDING * outstanding(units)
        if self.scorer is not None and units:
            chosen = _most_promising(values / (1 + repetition(units, values)), units)
            scores = self.scorer.score(question, _excerpt(segmentation, chosen), progress=progress)
            values[chosen] += scores.values if scores.calibrated else _share_of_best(scores.values)
        values = values / (1 + 0.5 * repetition(units, values))
        reader = None if self.scorer is None else self.scorer.name
        return Scores(values, self.name, settings={"scorer": reader})


def _share_of_best(values: FloatArray) -> FloatArray:
    above = np.maximum(values, 0.0)
    best = above.max(initial=0.0)
    return above / best if best > 0 else above


def _most_promising(values: FloatArray, units: list[str]) -> list[int]:
    """As many units as may be read, in their order; one at least."""
    room = _READ_CHARACTERS
    chosen: list[int] = []
    for i in np.argsort(-values, kind="stable"):
        room -= len(units[i]) + len(_BETWEEN)
        if room < 0 and chosen:
            break
        chosen.append(int(i))
    return sorted(chosen)


def _excerpt(segmentation: Segmentation, chosen: list[int]) -> Segmentation:
    """A document of these units alone."""
    (document,) = segmentation.documents
    sentences, parts, start = [], [], 0
    for i in chosen:
        text = segmentation.sentences[i].text
        sentences.append(Sentence(0, start, start + len(text), text, segmentation.sentences[i].kind))
        parts.append(text)
        start += len(text) + len(_BETWEEN)
    return Segmentation((Document(_BETWEEN.join(parts), document.title, syntax="text"),), tuple(sentences))
