"""What a look at a question's passages comes to, by the probe's head (``head``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data import Attention, FloatArray, Segmentation
from ...prompts.parts import Parts
from .context import EXPERTS, NAMES, context_features
from .features import attention_features, feature_blocks
from .head import Arrays, Head, Regressions

__all__ = ["Arrays", "Look", "attention_logits", "first_look", "look_logits", "read_logits"]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a question's N parts came to.

    Attributes:
        head: that came to it.
        attentions: of the passages that were read, M parts in all.
        was_read: (N,) which parts were.
        context: (N, K) features of the network.
        names: their K names.
        probabilities: (N,) that the question needs a part.
    """

    head: Head
    attentions: Sequence[Attention]
    was_read: NDArray[np.bool_]
    context: FloatArray
    names: tuple[str, ...]
    probabilities: FloatArray

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the rows that were read."""
        return self.attentions[0].rows if self.attentions else ()

    @property
    def features(self) -> NDArray[np.float32]:
        """(M, F) attention features of the parts that were read; made when asked for."""
        return attention_features(self.attentions)


def read_logits(regressions: Regressions, attentions: Sequence[Attention]) -> FloatArray:
    """First stage: logits (N, E) from the attention in passages of N parts in all."""
    blocks = [regressions.logits(block) for block in feature_blocks(attentions)]
    return np.concatenate(blocks) if blocks else np.zeros((0, len(EXPERTS)))


def attention_logits(arrays: Arrays, attentions: Sequence[Attention], prefix: str = "") -> FloatArray:
    """As ``read_logits``, by the regressions among a probe's arrays; ``prefix`` as for ``Head.load``."""
    return read_logits(Regressions.load(arrays, prefix), attentions)


def look_logits(arrays: Arrays, features: NDArray[np.float32], prefix: str = "") -> FloatArray:
    """Logits (N, E) from attention features (N, F), by the regressions among a probe's arrays."""
    return Regressions.load(arrays, prefix).logits(features)


def first_look(
    head: Head, attentions: Sequence[Attention], parts: Parts, segmentation: Segmentation, question: str
) -> Look:
    """Both stages on the attention in all passages."""
    logits = read_logits(head.regressions, attentions)
    context = context_features(logits, parts, segmentation, question)
    probabilities = head.network.probabilities(context) if len(logits) else np.zeros(0)
    return Look(
        head=head,
        attentions=attentions,
        was_read=np.ones(len(logits), dtype=np.bool_),
        context=context,
        names=NAMES,
        probabilities=probabilities,
    )
