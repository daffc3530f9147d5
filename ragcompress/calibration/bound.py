"""Conformal risk control: a threshold that keeps the expected loss of evidence below what was asked.

Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal Risk Control" (arXiv 2208.02814). The loss L of a
question at a threshold t is the share of its evidence whose value lies below t, or 1 where any of it does.
It grows with t and is at most 1. With n questions that are exchangeable with the next one, the largest t with

    (L_1(t) + … + L_n(t) + 1) ÷ (n + 1) ≤ α = 1 - recall

has an expected loss of at most α on the next question, whatever the distribution. Nothing is estimated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..budget import RecallOf
from ..data import FloatArray
from ..errors import InputError

_ROUNDING = 1e-9  # 1 - 0.9 is 0.09999999999999998, and 9 questions are enough for it


def smallest_n(recall: float) -> int:
    """So many questions are needed before any threshold but "keep all" can promise this recall.

    Raises:
        InputError: for a recall outside (0, 1): all of it can be promised by keeping all alone.
    """
    if not 0 < recall < 1:
        raise InputError(f"a recall that questions can promise lies between 0 and 1, got {recall!r}")
    return math.ceil((1 - _ROUNDING) / (1 - recall) - 1)


def threshold(evidence: Sequence[Sequence[float]], recall: float, of: RecallOf = "share") -> float | None:
    """The largest threshold that the bound allows; what has at least this value is kept.

    Args:
        evidence: values of the evidence sentences of each question, at least one each.
        recall: what is asked, in (0, 1].
        of: ``share`` of the evidence, or the chance that ``all`` of it is kept.

    Returns:
        One of the values. None: only keeping everything is sure enough.

    Raises:
        InputError: for a question without evidence.
    """
    if any(not len(question) for question in evidence):
        raise InputError("a question without evidence says nothing about recall")
    if not evidence:
        return None
    values, weights = _steps(evidence, of)
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    # Lost at a threshold: what lies strictly below it, so equal values count from their first one.
    lost = np.concatenate([[0.0], np.cumsum(weights)])[np.searchsorted(values, values, side="left")]
    allowed = (1 - recall) * (len(evidence) + 1) - 1
    fits = lost <= allowed + _ROUNDING
    return float(values[fits].max()) if fits.any() else None


def bounded_recall(evidence: Sequence[Sequence[float]], at: float, of: RecallOf = "share") -> float:
    """What the bound promises at a threshold, in [0, 1]: the other direction of ``threshold``."""
    values, weights = _steps(evidence, of)
    lost = float(weights[values < at].sum())
    return max(0.0, 1 - (lost + 1) / (len(evidence) + 1))


def _steps(evidence: Sequence[Sequence[float]], of: RecallOf) -> tuple[FloatArray, FloatArray]:
    """At which values a question loses something, and how much."""
    if of == "all":
        return np.array([min(question) for question in evidence], dtype=np.float64), np.ones(len(evidence))
    values = np.concatenate([np.asarray(question, dtype=np.float64) for question in evidence])
    return values, np.concatenate([np.full(len(question), 1 / len(question)) for question in evidence])
