"""Sentences that say nearly what a kept one says: they are worth less, the more the closer they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import FloatArray, Scores, Segmentation

_ALIKE = 0.5
"""Cosine up to which two sentences may be about one thing without saying the same."""
_HELD = 1 << 23
"""Likenesses that are held, 64 MB; what goes beyond is made anew."""


class NearRepeats:
    """What sentences are worth beside those that are taken.

    Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998, eq. 1) takes, again and again, the sentence
    with the highest

        λ · relevance − (1 − λ) · (greatest likeness to one that is taken)

    Here likeness takes away a share of the worth, not a number, so that any scorer's scale will do:

        worth · (1 − weight · (greatest likeness to one that is taken))

    where the worth is a probability, or by how much a score lies above the lowest, and the likeness a cosine:
    what it is above one half, so that it lies in [0, 1] and the mere subject counts for nothing. Sentences of
    one document are not alike: there, the same words belong to something else, and vectors that know what
    stands around them (``evidence``) are close to their neighbors'.

    Args:
        segmentation: the documents and their sentences.
        scores: with vectors; without, nothing is known to be alike.
        weight: share of its worth that a sentence loses which says the same as one that is taken, in [0, 1].
    """

    def __init__(self, segmentation: Segmentation, scores: Scores, weight: float) -> None:
        self._documents = np.array([s.document for s in segmentation.sentences], dtype=np.int64)
        lowest = 0.0 if scores.calibrated else float(scores.values.min(initial=np.inf))
        self._worths = np.maximum(scores.values - lowest, 0.0)
        self._vectors = scores.vectors
        self._weight = weight if scores.vectors is not None else 0.0
        self._rows: dict[int, FloatArray] = {}

    def __bool__(self) -> bool:
        """Whether anything is worth less for what it repeats."""
        return self._weight > 0

    def in_order(self, ranking: Sequence[int], taken: Sequence[int]) -> Iterator[int]:
        """The sentences of a ranking, each time the one that is worth most beside those taken by then.

        Args:
            ranking: sentence indices, best first; of equal worths the first in it counts.
            taken: may grow while the order is gone through.
        """
        if not self:
            yield from ranking
            return
        left = np.array(ranking, dtype=np.int64)
        alike, n_seen = np.zeros(len(left)), 0
        waiting = np.ones(len(left), dtype=bool)
        for _ in ranking:
            for i in taken[n_seen:]:
                alike = np.maximum(alike, self._likeness(i)[left])
            n_seen = len(taken)
            best = int(np.where(waiting, self._left(left, alike), -1.0).argmax())
            waiting[best] = False
            yield int(left[best])

    def apart(self, ranking: Sequence[int]) -> tuple[tuple[int, ...], FloatArray]:
        """All sentences of a ranking in order, and what each is worth beside those before it."""
        if not self:
            return tuple(ranking), self._worths[list(ranking)]
        ordered: list[int] = []
        worths = []
        alike = np.zeros(len(self._worths))
        for i in self.in_order(ranking, ordered):
            worths.append(float(self._left(np.array([i]), alike[[i]])[0]))
            ordered.append(i)
            alike = np.maximum(alike, self._likeness(i))
        return tuple(ordered), np.array(worths)

    def closest(self, sentence: int, kept: Sequence[int]) -> int:
        """The kept sentence that says most nearly the same; of equal ones the first."""
        return kept[int(self._likeness(sentence)[list(kept)].argmax())]

    def _left(self, sentences: NDArray[np.int64], alike: FloatArray) -> FloatArray:
        worths: FloatArray = self._worths[sentences] * (1 - self._weight * alike)
        return worths

    def _likeness(self, sentence: int) -> FloatArray:
        """To all sentences (S,), in [0, 1]."""
        assert self._vectors is not None  # asked only where they are there
        if sentence in self._rows:
            return self._rows[sentence]
        cosines = (self._vectors @ self._vectors[sentence]).astype(np.float64)
        likeness: FloatArray = np.clip((cosines - _ALIKE) / (1 - _ALIKE), 0.0, 1.0)
        likeness[self._documents == self._documents[sentence]] = 0.0
        if (len(self._rows) + 1) * len(likeness) <= _HELD:
            self._rows[sentence] = likeness
        return likeness
