"""What the passages of a question are made of, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data import FloatArray
from .passages import Passage

IndexArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Parts:
    """The N parts of a question's passages, in order.

    A part is a sentence, or a piece of one that is too long for one prompt.

    Attributes:
        sentence, passage, document: (N,) which of each a part is of.
        n_tokens: (N,) its length.
    """

    sentence: IndexArray
    passage: IndexArray
    document: IndexArray
    n_tokens: IndexArray

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> Parts:
        """The parts of passages."""
        sizes = [len(p.spans) for p in passages]
        return cls(
            np.array([i for p in passages for i in p.sentences], dtype=np.int64),
            np.repeat(np.arange(len(passages)), sizes),
            np.repeat(np.array([p.document for p in passages], dtype=np.int64), sizes),
            np.array([end - start for p in passages for start, end in p.spans], dtype=np.int64),
        )

    def __len__(self) -> int:
        """N."""
        return len(self.sentence)

    def best_of_sentences(self, values: FloatArray, n_sentences: int, *, least: float) -> FloatArray:
        """(n_sentences,) the largest of each sentence's parts' values; ``least`` for one without parts."""
        best = np.full(n_sentences, least)
        np.maximum.at(best, self.sentence, values)
        return best
