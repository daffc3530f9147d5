"""The head's networks: a linear part beside one hidden layer (tanh); a missing signal counts as its mean.

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
PARTS = ("mean", "scale", "linear", "hidden_weight", "hidden_bias", "weight", "bias")
"""The arrays of a network, named ``{network}.{part}``."""
_CLIP = 6.0  # standard deviations: further out than anything that was learned from


def shapes_of(arrays: Arrays, network: str, n_features: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's arrays by name, for K features and as many units as it has."""
    units = arrays.get(f"{network}.hidden_bias")
    n_hidden = 0 if units is None else units.size
    shapes: dict[str, tuple[int, ...]] = {
        "mean": (n_features,),
        "scale": (n_features,),
        "linear": (n_features,),
        "hidden_weight": (n_features, n_hidden),
        "hidden_bias": (n_hidden,),
        "weight": (n_hidden,),
        "bias": (1,),
    }
    return {f"{network}.{part}": shape for part, shape in shapes.items()}


def standardised(features: FloatArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Features (S, K) in standard deviations from their mean; 0 where they are NaN."""
    return np.clip(np.nan_to_num((features - mean) / scale, nan=0.0), -_CLIP, _CLIP)


def network_logits(arrays: Arrays, network: str, features: FloatArray) -> FloatArray:
    """Logits (S,) of a network, from its features (S, K)."""
    mean, scale, linear, hidden_weight, hidden_bias, weight, bias = (
        arrays[f"{network}.{part}"].astype(np.float64) for part in PARTS
    )
    scaled = standardised(features, mean, scale)
    # Not products by BLAS: it rounds by a row's place, and ties between equal sentences would turn.
    hidden = np.tanh(np.einsum("nf,fk->nk", scaled, hidden_weight, optimize=False) + hidden_bias)
    logits = np.einsum("nk,k->n", hidden, weight, optimize=False) + np.einsum(
        "nf,f->n", scaled, linear, optimize=False
    )
    return np.asarray(logits + bias[0])


def probabilities(logits: FloatArray) -> FloatArray:
    """Probabilities of logits."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -40, 40))))
