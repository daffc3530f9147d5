"""The probe's head: from features to probabilities. A look at the passages has two stages.

``look``: three logistic regressions on the attention features, fitted to all questions, to those with
evidence in one document, and to those with evidence in several. The heads that find the one passage with an
answer are not those that follow a chain, and which kind a question is, nobody says. ``context``: a small
network (one hidden layer, tanh) on the first stage's logits and what surrounds each sentence (``_context``).
A probe may have a second look (``_second_look``), with numbers of its own, named ``second.…``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data import Attention, FloatArray, Segmentation
from ...prompts.passages import Passage
from .context import EXPERTS, NAMES, context_features
from .features import attention_features, feature_blocks

Arrays = Mapping[str, NDArray[np.float32]]
SECOND = "second."


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a question's N parts of passages came to.

    Attributes:
        stage: what the names of the arrays begin with: nothing, or ``SECOND``.
        rows: names of the rows that were read.
        attentions: of the passages that were read, M parts in all.
        read: (N,) which parts were.
        context: (N, K) features of the network.
        names: their K names.
        probabilities: (N,) that the question needs a part.
    """

    stage: str
    rows: tuple[str, ...]
    attentions: Sequence[Attention]
    read: NDArray[np.bool_]
    context: FloatArray
    names: tuple[str, ...]
    probabilities: FloatArray

    @property
    def features(self) -> NDArray[np.float32]:
        """(M, F) attention features of the parts that were read; made when asked for."""
        return attention_features(self.attentions)


def attention_logits(arrays: Arrays, attentions: Sequence[Attention], stage: str = "") -> FloatArray:
    """First stage: logits (N, E) from the attention in passages of N parts in all."""
    blocks = [look_logits(arrays, block, stage) for block in feature_blocks(attentions)]
    return np.concatenate(blocks) if blocks else np.zeros((0, len(EXPERTS)))


def look_logits(arrays: Arrays, features: NDArray[np.float32], stage: str = "") -> FloatArray:
    """First stage: logits (N, E), E as in ``EXPERTS``, from attention features (N, F)."""
    return (
        _product(features.astype(np.float64), arrays[f"{stage}look.weight"].T) + arrays[f"{stage}look.bias"]
    )


def context_probabilities(arrays: Arrays, features: FloatArray, stage: str = "") -> FloatArray:
    """Second stage: probabilities (N,) from context features (N, K)."""

    def part(name: str) -> NDArray[np.float32]:
        return arrays[f"{stage}context.{name}"]

    scaled = (features - part("mean")) / part("scale")
    hidden = np.tanh(_product(scaled, part("hidden_weight")) + part("hidden_bias"))
    logits = _product(hidden, part("weight")[:, None])[:, 0] + float(part("bias")[0])
    return np.asarray(1 / (1 + np.exp(-logits)))


def first_look(
    arrays: Arrays,
    attentions: Sequence[Attention],
    passages: Sequence[Passage],
    segmentation: Segmentation,
    question: str,
) -> Look:
    """Both stages on the attention in all passages."""
    logits = attention_logits(arrays, attentions)
    context = context_features(logits, passages, segmentation, question)
    probabilities = context_probabilities(arrays, context) if len(logits) else np.zeros(0)
    rows = attentions[0].rows if attentions else ()
    read = np.ones(len(logits), dtype=np.bool_)
    return Look("", rows, attentions, read, context, NAMES, probabilities)


def _product(rows: FloatArray, matrix: NDArray[np.float32]) -> FloatArray:
    """``rows @ matrix``, equal for equal rows: BLAS rounds by a row's place, and ties would turn."""
    return np.asarray(np.einsum("nf,fk->nk", rows, matrix.astype(np.float64), optimize=False))
