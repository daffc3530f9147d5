"""The probe's head: from features to probabilities, in two stages.

``look``: a logistic regression on the attention features. ``context``: a small network (one hidden layer,
tanh) on the first stage's logits and what surrounds each sentence (``_context``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import Segmentation
from ..prompting import Passage
from ._context import context_features

Arrays = Mapping[str, NDArray[np.float32]]


def look_logits(arrays: Arrays, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """First stage: logits (N,) from attention features (N, F)."""
    return features.astype(np.float64) @ arrays["look.weight"] + float(arrays["look.bias"][0])


def context_probabilities(arrays: Arrays, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second stage: probabilities (N,) from context features (N, K)."""
    x = (features - arrays["context.mean"]) / arrays["context.scale"]
    hidden = np.tanh(x @ arrays["context.hidden_weight"] + arrays["context.hidden_bias"])
    logits = hidden @ arrays["context.weight"] + float(arrays["context.bias"][0])
    return np.asarray(1 / (1 + np.exp(-logits)))


def apply_head(
    arrays: Arrays,
    features: NDArray[np.float32],
    passages: Sequence[Passage],
    segmentation: Segmentation,
    question: str,
) -> NDArray[np.float64]:
    """Probability (N,) of every part of every passage that the question needs it."""
    if not len(features):
        return np.zeros(0)
    logits = look_logits(arrays, features)
    return context_probabilities(arrays, context_features(logits, passages, segmentation, question))
