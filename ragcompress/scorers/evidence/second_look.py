"""The second look: passages in doubt are read again, with the best sentences given before the question.

That a sentence matters because of what another document says, as the second step of a question of two steps
does, no look at one passage can know. How it is done is told in ``passage_probe.second_look``. Here the
passages may be ones that the gate left out, and the first look's result is one signal among the others.
"""

from __future__ import annotations

import numpy as np

from ...data import FloatArray, Segmentation
from ..passage_probe.second_look import Chosen
from . import surroundings
from .late_interaction import Vectors

NETWORK = "second"
"""The head's network for the second look."""
NAMES = (*surroundings.NAMES, "is_fact")
"""The columns of ``features``; those named ``cheap`` are about the first look's logits."""


def features(
    question: str,
    segmentation: Segmentation,
    attention: FloatArray,
    first: FloatArray,
    signals: FloatArray,
    chosen: Chosen,
    vectors: Vectors | None = None,
) -> FloatArray:
    """Features (S, K) of every sentence after the second look, K as in ``NAMES``.

    Args:
        attention: (S, E) logits of the second look's regressions; NaN in sentences that were not read again.
        first: (S,) logits after the first look.
        signals, vectors: as for ``surroundings.surroundings``.
        chosen: what stood before the question.
    """
    around = surroundings.surroundings(question, segmentation, attention, first, signals, vectors)
    return np.column_stack([around, np.isin(np.arange(len(around)), chosen.facts).astype(np.float64)])


def combine(first: FloatArray, second: FloatArray) -> FloatArray:
    """What counts after both looks, from the logits (S,) of each: their mean.

    A sentence that the second look adds comes in, and what the first saw is not lost where the facts were the
    wrong ones. On questions that the networks had not seen that kept more than either alone.
    """
    return (first + second) / 2
