"""How sure a number is: the bootstrap over questions (Efron and Tibshirani, 1993, chapters 6 and 13).

All scorers of one set of questions are resampled alike, so the differences of their resampled values are
paired: what makes a question hard for both of them cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragcompress import InputError

from .metrics import BoolArray, FloatArray, pair_wins

N_RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and what it would have been on other draws of the questions.

    Attributes:
        value: on the questions themselves.
        samples: (B,), on each resample.
    """

    value: float
    samples: FloatArray

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Percentile interval that holds the share ``level`` of the resampled values."""
        low, high = np.quantile(self.samples, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def minus(self, other: Estimate) -> Estimate:
        """The paired difference; both must stem from the same resamples of the same questions."""
        return Estimate(self.value - other.value, self.samples - other.samples)


def resample(n: int, *, seed: int, n_resamples: int = N_RESAMPLES) -> NDArray[np.int64]:
    """Draw questions with replacement.

    Returns:
        (B, n) how often each question was drawn; every row sums to ``n``. The same for the same seed.

    Raises:
        InputError: if there is nothing to draw from.
    """
    if n < 1 or n_resamples < 1:
        raise InputError(f"can't draw {n_resamples} resamples of {n} questions")
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return counts.astype(np.int64)


def mean(values: FloatArray, counts: NDArray[np.int64]) -> Estimate:
    """Mean over the questions, with one value each."""
    return Estimate(float(values.mean()), counts @ values / len(values))


def pooled_auc(
    scores: Sequence[FloatArray], gold: Sequence[BoolArray], counts: NDArray[np.int64]
) -> Estimate:
    """AUC over all sentences of all questions (``metrics.auc``), resampled by question.

    Resamples without a sentence of either kind, possible only with very few questions, are left out.

    Raises:
        InputError: if all sentences are gold, or none is.
    """
    wins = pair_wins(scores, gold)
    n_gold = np.array([g.sum() for g in gold], dtype=np.float64)
    n_other = np.array([(~g).sum() for g in gold], dtype=np.float64)
    pairs = n_gold.sum() * n_other.sum()
    if not pairs:
        raise InputError("AUC needs sentences of both kinds")
    drawn_pairs = (counts @ n_gold) * (counts @ n_other)
    drawn_wins = ((counts @ wins) * counts).sum(axis=1)
    usable = drawn_pairs > 0
    return Estimate(float(wins.sum() / pairs), drawn_wins[usable] / drawn_pairs[usable])
