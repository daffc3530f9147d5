"""Drawn weights of MiniLM's shape."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ragcompress.models.bert_graph import HIDDEN, INNER
from ragcompress.models.embedding import MiniLM

FLOAT = NDArray[np.float32]


def drawn_weights(layers: int = 6) -> dict[str, FLOAT]:
    """Weights of the size that trained ones have; one channel of the stream sticks out."""
    draw = np.random.default_rng(0)

    def matrix(*shape: int) -> FLOAT:
        return draw.normal(0, 1 / math.sqrt(shape[-1]), shape).astype(np.float32)

    def norm(name: str) -> dict[str, FLOAT]:
        return {
            f"{name}.weight": draw.uniform(0.5, 1.5, HIDDEN).astype(np.float32),
            f"{name}.bias": draw.normal(0, 0.2, HIDDEN).astype(np.float32),
        }

    found = {
        "embeddings.word_embeddings.weight": matrix(MiniLM.vocabulary.size, HIDDEN),
        "embeddings.position_embeddings.weight": matrix(512, HIDDEN),
        "embeddings.token_type_embeddings.weight": matrix(2, HIDDEN),
        **norm("embeddings.LayerNorm"),
    }
    for layer in range(layers):
        base = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            found[f"{base}.attention.{part}.weight"] = matrix(HIDDEN, HIDDEN)
            found[f"{base}.attention.{part}.bias"] = matrix(1, HIDDEN)[0]
        found[f"{base}.intermediate.dense.weight"] = matrix(INNER, HIDDEN)
        found[f"{base}.intermediate.dense.bias"] = matrix(1, INNER)[0]
        found[f"{base}.output.dense.weight"] = matrix(HIDDEN, INNER)
        found[f"{base}.output.dense.bias"] = matrix(1, HIDDEN)[0]
        found[f"{base}.output.dense.bias"][7] = 12
        found |= norm(f"{base}.attention.output.LayerNorm") | norm(f"{base}.output.LayerNorm")
    return found
