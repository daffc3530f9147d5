"""Which passages the proxy reads: those in which the cheap signals can't rule out evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...data import FloatArray
from ...prompts.passages import Passage


@dataclass(frozen=True, slots=True)
class Gate:
    """When to stop reading; the head's card holds it.

    Attributes:
        missed: passages are read, the most promising first, until the rest holds at most this share of the
            evidence that the cheap signals expect.
        tokens: so many of the most promising passages are read in any case, so short inputs are read whole.
        times_kept: beyond these, so many times what can be kept are read at most.
    """

    missed: float = 0.25
    tokens: int = 2000
    times_kept: float = 4.0


def reading_order(cheap: FloatArray, passages: Sequence[Passage]) -> list[int]:
    """Positions of the passages, the one with the most evidence to expect first; ties by position.

    Args:
        cheap: probabilities (S,) of the sentences by the cheap signals.
    """
    expected = expectations(cheap, passages)
    return [int(p) for p in np.argsort(-expected, kind="stable")]


def expectations(cheap: FloatArray, passages: Sequence[Passage]) -> FloatArray:
    """How many sentences of each passage are evidence, as the cheap signals expect, (P,)."""
    return np.array([sum(float(cheap[i]) for i in sorted(set(p.sentences))) for p in passages])


def choose(cheap: FloatArray, passages: Sequence[Passage], gate: Gate, share: float = 1.0) -> list[int]:
    """Positions of the passages to read, ascending.

    Args:
        cheap: probabilities (S,) of the sentences by the cheap signals.
        share: the largest share of the text that can be kept.
    """
    if not passages:
        return []
    order, expected = reading_order(cheap, passages), expectations(cheap, passages)
    left = float(expected.sum()) - np.cumsum(expected[order])
    enough = int(np.searchsorted(-left, -gate.missed * float(expected.sum()), side="left")) + 1
    read = np.cumsum([len(passages[p].prefix) for p in order])
    in_any_case = int((read <= gate.tokens).sum())
    at_most = int((read <= gate.times_kept * share * read[-1]).sum())
    return sorted(order[: max(1, in_any_case, min(enough, at_most))])
