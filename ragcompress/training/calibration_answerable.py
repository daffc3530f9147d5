"""Fits the probability that an answer is there, and measures it on kinds that the fit has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ragcompress.calibration import Case
from ragcompress.calibration.answerable import Answerable, row_of
from ragcompress.data import FloatArray

from .metrics import auc

_FEWEST = 20  # of either sort
_PENALTY = 10.0


def fit_answerable(
    cases: Sequence[Case], strongest: Sequence[Mapping[str, float | None]]
) -> Answerable | None:
    """Fit a logistic regression on cases of which it is known; None with fewer than 20 of either sort.

    Questions with and without an answer weigh the same in all: the probability is the one at even odds.

    Args:
        strongest: of the scores of each case, as in ``Scores``. Signals that all of them have are used.
    """
    pairs = [(c, s) for c, s in zip(cases, strongest, strict=True) if c.answerable is not None]
    known = [c for c, _ in pairs]
    there = np.array([c.answerable for c in known], dtype=np.bool_)
    if min(int(there.sum()), int((~there).sum())) < _FEWEST:
        return None
    signals = tuple(name for name in pairs[0][1] if all(s.get(name) is not None for _, s in pairs))
    means = tuple(float(np.mean([s[name] for _, s in pairs])) for name in signals)
    rows = np.array([row_of(c.shape, s, signals, means) for c, s in pairs])
    weights, bias = _fit(rows, there)
    measured = _left_out_auc(known, rows, there)
    return Answerable(tuple(float(w) for w in weights), bias, len(known), measured, signals, means)


def _fit(rows: FloatArray, there: NDArray[np.bool_]) -> tuple[FloatArray, float]:
    from sklearn.linear_model import LogisticRegression  # Costs a second, and only fitting needs it.

    middle, scale = rows.mean(0), np.maximum(rows.std(0), 1e-9)
    model = LogisticRegression(C=1 / _PENALTY, class_weight="balanced", max_iter=1000)
    model.fit((rows - middle) / scale, there)
    weights = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - weights @ middle)


def _left_out_auc(
    known: Sequence[Case], rows: FloatArray, there: NDArray[np.bool_], folds: int = 5
) -> float | None:
    """Kinds are left out in turn; None where that leaves nothing to tell apart."""
    kinds = sorted({c.kind for c in known})
    if len(kinds) < 2:
        return None
    fold = np.array([kinds.index(c.kind) % min(folds, len(kinds)) for c in known])
    logits = np.zeros(len(known))
    for f in np.unique(fold):
        among = fold != f
        if there[among].all() or not there[among].any():
            return None
        weights, bias = _fit(rows[among], there[among])
        logits[fold == f] = rows[fold == f] @ weights + bias
    return round(auc(logits, there), 4)
