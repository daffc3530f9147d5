"""How probable it is that the documents hold an answer at all, from the scores and the strongest signals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..data import FloatArray

FEATURES = (
    "log_best", "second_below_best", "fifth_below_second", "log_sum", "log_even_number", "log_middle",
    "best_document_share",
)  # fmt: skip
"""Those of ``request.SHAPE`` that it goes by: how long the documents are, and how many, is no sign."""
USED = len(FEATURES)


@dataclass(frozen=True, slots=True)
class Answerable:
    """A logistic regression on the shape of the scores, and on the scorer's strongest signals.

    Attributes:
        weights: (7 + n,) of the features and then of n signals, as they are.
        bias: of the logit.
        questions: that it was fitted to.
        auc: over these, each measured by a fit without its kind; None: not measured.
        signals, means: (n,) names, and what the mean was in the fit.
    """

    weights: tuple[float, ...]
    bias: float
    questions: int
    auc: float | None = None
    signals: tuple[str, ...] = ()
    means: tuple[float, ...] = ()

    def probability(
        self, shape: FloatArray | Sequence[float], strongest: Mapping[str, float | None]
    ) -> float:
        """Return the probability that the answer is there.

        Args:
            shape: as in ``Request``.
            strongest: as in ``Scores``; a signal that is missing counts as its mean.
        """
        row = row_of(shape, strongest, self.signals, self.means)
        logit = float(row @ np.asarray(self.weights)) + self.bias
        return 1 / (1 + math.exp(-min(max(logit, -500.0), 500.0)))


def row_of(
    shape: FloatArray | Sequence[float],
    strongest: Mapping[str, float | None],
    signals: Sequence[str],
    means: Sequence[float],
) -> FloatArray:
    """What a regression reads of a request, (7 + n,)."""
    values = (strongest.get(name) for name in signals)
    held = [m if v is None else v for v, m in zip(values, means, strict=True)]
    return np.array([*shape[:USED], *held], dtype=np.float64)
