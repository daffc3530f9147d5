"""Logistic regressions on principal components of the attention features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragcompress import MissingExtra
from ragcompress.data import FloatArray
from ragcompress.scorers.passage_probe.context import EXPERTS

from .evidence_cases import BoolArray, Settings

Arrays = dict[str, NDArray[np.float32]]
_FEWEST = 20  # questions for a regression of its own


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of standardised features: ``(x - mean) / scale @ basis``."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    basis: NDArray[np.float32]

    def of(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(M, C) of features (M, F)."""
        return np.asarray(((features - self.mean) / self.scale) @ self.basis, dtype=np.float32)

    def weights(self, regressions: FloatArray, biases: FloatArray) -> Arrays:
        """The regressions on features as they are."""
        weight = (regressions @ self.basis.T.astype(np.float64)) / self.scale
        return {
            "look.weight": weight.astype(np.float32),
            "look.bias": (biases - weight @ self.mean).astype(np.float32),
        }


def components_of(features: Sequence[NDArray[np.float32]], settings: Settings) -> Components:
    """Principal components of all parts' features (M, F) each; nothing is told of labels."""
    from sklearn.utils.extmath import randomized_svd

    total = sum(map(len, features))
    mean = np.sum([f.sum(0, dtype=np.float64) for f in features], axis=0) / total
    square = np.sum([np.einsum("nf,nf->f", f, f) for f in features], axis=0, dtype=np.float64) / total
    scale = np.sqrt(np.maximum(square - mean**2, 0)) + 1e-3
    mean32, scale32 = mean.astype(np.float32), scale.astype(np.float32)
    n = len(mean)
    covariance = np.zeros((n, n), dtype=np.float32)
    for block in _blocks(features, 4096):
        own = (block - mean32) / scale32
        covariance += own.T @ own
    basis, _, _ = randomized_svd(
        covariance / total, min(n, settings.components), n_iter=3, random_state=settings.seed
    )
    return Components(mean32, scale32, np.ascontiguousarray(basis, dtype=np.float32))


def _blocks(features: Sequence[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    held: list[NDArray[np.float32]] = []
    for rows in features:
        held.append(rows)
        if sum(map(len, held)) >= size:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the regressions learn from one question, of whose sentences M parts were read.

    Attributes:
        own: (M, C) components.
        labels: (M,) whether a part is of a sentence that is needed.
        is_spread: whether what is needed stands in several documents.
        weight: of the question.
    """

    own: NDArray[np.float32]
    labels: BoolArray
    is_spread: bool
    weight: float


def fit_regressions(questions: Sequence[Parts], settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Weights (E, C) and biases (E,), E as in ``EXPERTS``."""
    found: list[tuple[FloatArray, float]] = []
    for expert in range(len(EXPERTS)):
        use = [q for q in questions if expert == 0 or q.is_spread == (expert == 2)]
        if expert and len(use) < _FEWEST:
            found.append(found[0])
            continue
        rows, labels = np.concatenate([q.own for q in use]), np.concatenate([q.labels for q in use])
        each = np.concatenate([np.full(len(q.own), q.weight / np.sqrt(max(1, len(q.own)))) for q in use])
        found.append(_logistic(rows, labels, each, settings.penalty))
    return np.stack([w for w, _ in found]), np.array([b for _, b in found])


def _logistic(
    rows: NDArray[np.float32], labels: BoolArray, weights: FloatArray, penalty: float
) -> tuple[FloatArray, float]:
    """Minimise the weighted mean of log losses plus penalty/2 · ‖w‖² by L-BFGS."""
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingExtra("training", "train") from error
    sign = np.where(labels, 1, -1).astype(np.float32)
    share = (weights / weights.sum()).astype(np.float32)

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        weight = values[:-1].astype(np.float32)
        margin = sign * (rows @ weight + np.float32(values[-1]))
        slope = -share * sign / (1 + np.exp(np.clip(margin, -30, 30)))
        total = float((share * np.logaddexp(0, -margin)).sum()) + penalty / 2 * float(
            values[:-1] @ values[:-1]
        )
        gradient = (slope @ rows).astype(np.float64) + penalty * values[:-1]
        return total, np.append(gradient, float(slope.sum()))

    start = np.zeros(rows.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return found[:-1], float(found[-1])


def attention_of(
    n: int, part: NDArray[np.int64], own: NDArray[np.float32], regressions: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Logits (n, E) of a question's n sentences; NaN where nothing was read. A sentence's best part counts.

    Args:
        part: (M,) sentences of the parts that were read.
        own: (M, C) their components.
    """
    logits = own @ regressions[0].T + regressions[1]
    result = np.full((n, logits.shape[1]), -np.inf)
    np.maximum.at(result, part, logits)
    return np.where(np.isfinite(result), result, np.nan)
