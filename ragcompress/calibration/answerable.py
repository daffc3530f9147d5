"""How probable it is that the documents hold an answer at all, from the shape of the scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    """A logistic regression on the shape of the scores.

    Attributes:
        weights: (7,) of the features, as they are.
        bias: of the logit.
        questions: that it was fitted to.
        auc: over these, each measured by a fit without its kind; None: not measured.
    """

    weights: tuple[float, ...]
    bias: float
    questions: int
    auc: float | None = None

    def probability(self, shape: FloatArray | Sequence[float]) -> float:
        """Return the probability that the answer is there, for ``Request.shape``."""
        logit = float(np.asarray(shape)[:USED] @ np.asarray(self.weights)) + self.bias
        return 1 / (1 + math.exp(-min(max(logit, -500.0), 500.0)))
