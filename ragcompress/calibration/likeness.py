"""How unlike the calibration questions a request is: two distances, each ranked among theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data import FloatArray

_NEIGHBOURS = 5
_FEWEST = 20  # fewer questions have no neighborhood to speak of
_RIDGE = 1e-2
_DIGITS = 5
_CONSTANT = 1e-3


@dataclass(frozen=True, slots=True)
class _Cloud:
    """Points, and how far each is from its neighbors among the others."""

    points: FloatArray
    distances: FloatArray

    @classmethod
    def of(cls, points: FloatArray) -> _Cloud:
        apart = _distances(points, points)
        np.fill_diagonal(apart, np.inf)
        return cls(points, np.sort(_nearest(apart)))

    def rank(self, point: FloatArray) -> float:
        distance = float(_nearest(_distances(point[None], self.points))[0])
        farther = len(self.distances) - int(np.searchsorted(self.distances, distance, side="left"))
        return (1 + farther) / (1 + len(self.distances))


class Likeness:
    """Tells how unlike the calibration questions a request is.

    A distance is the mean one to the five nearest questions: once by the shape of the scores, decorrelated
    over all questions, once by words (Hellinger). Its rank among the distances that the questions have from
    each other is a conformal p-value: for a request like them it is uniform, near enough.

    Args:
        shapes: (n, ·) of the questions.
        words: (n, ·) of the questions.
    """

    def __init__(self, shapes: FloatArray, words: FloatArray) -> None:
        self._shapes: _Cloud | None = None
        if len(shapes) < _FEWEST:
            return
        self._middle, scale = shapes.mean(0), shapes.std(0)
        # What is the same in all questions deviates by rounding alone: nothing is to be divided by that.
        self._scale = np.where(scale > _CONSTANT, scale, 1.0)
        plain = (shapes - self._middle) / self._scale
        covariance = plain.T @ plain / len(plain) + _RIDGE * np.eye(plain.shape[1])
        self._turn: FloatArray = np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float64)
        self._shapes, self._words = _Cloud.of(plain @ self._turn), _Cloud.of(words)

    def p_value(self, shape: FloatArray, words: FloatArray) -> float | None:
        """Return the smaller of both p-values, doubled, in (0, 1]; None with fewer than 20 questions."""
        if self._shapes is None:
            return None
        plain = ((shape - self._middle) / self._scale) @ self._turn
        return min(1.0, 2 * min(self._shapes.rank(plain), self._words.rank(words)))


def _distances(some: FloatArray, others: FloatArray) -> FloatArray:
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1) - 2 * some @ others.T
    # The square root makes much of the last digits of what is the same.
    return np.asarray(np.round(np.sqrt(np.maximum(squares, 0)), _DIGITS), dtype=np.float64)


def _nearest(apart: FloatArray) -> FloatArray:
    k = min(_NEIGHBOURS, apart.shape[1] - 1)
    mean: FloatArray = np.sort(apart, axis=1)[:, :k].mean(1)
    return mean
