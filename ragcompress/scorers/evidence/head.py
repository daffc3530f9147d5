"""The head's networks: one hidden layer (tanh), several averaged; a signal that is missing counts as its mean.

``cheap`` reads the cheap signals alone (``signals``): it decides what is read, and stands for the attention
where nothing was read. ``main`` reads everything (``surroundings``). The regressions from attention features
to logits are those of ``passage_probe.looks``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...data import FloatArray

Arrays = Mapping[str, NDArray[np.float32]]
CHEAP, MAIN = "cheap", "main"
PARTS = ("mean", "scale", "hidden_weight", "hidden_bias", "weight", "bias")
"""The arrays of a network, named ``{network}.{part}``."""
_CLIP = 8.0  # standard deviations: further out than anything that was learned from


def standardised(features: FloatArray, mean: NDArray[np.float32], scale: NDArray[np.float32]) -> FloatArray:
    """Features (S, K) in standard deviations from their mean; 0 where they are NaN."""
    scaled = (features - mean.astype(np.float64)) / scale.astype(np.float64)
    return np.clip(np.nan_to_num(scaled, nan=0.0), -_CLIP, _CLIP)


def network_logits(arrays: Arrays, network: str, features: FloatArray) -> FloatArray:
    """Logits (S,) of a network, from its features (S, K)."""
    mean, scale, hidden_weight, hidden_bias, weight, bias = (arrays[f"{network}.{p}"] for p in PARTS)
    scaled = standardised(features, mean, scale)
    # Not a product by BLAS: it rounds by a row's place, and ties between equal sentences would turn.
    hidden = np.einsum("nf,fk->nk", scaled, hidden_weight.astype(np.float64), optimize=False)
    hidden = np.tanh(hidden + hidden_bias)
    logits = np.einsum("nk,k->n", hidden, weight.astype(np.float64), optimize=False)
    return np.asarray(logits + float(bias[0]))


def probabilities(logits: FloatArray) -> FloatArray:
    """Probabilities of logits."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -40, 40))))
