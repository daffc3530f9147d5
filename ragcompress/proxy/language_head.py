"""The language-model head, apart from the graphs that probe: only who asks for next tokens pays for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .onnx.weights import open_tensors

_FLOAT = NDArray[np.float32]


class LanguageHead:
    """From last hidden states to next tokens.

    Held in float32, in memory: SmolLM2-135M's takes 113 MB.

    Args:
        folder: model folder in Hugging Face layout; without ``lm_head.weight`` the head is the embedding.

    Raises:
        ModelError: if a file is broken or a tensor is missing.
    """

    def __init__(self, folder: Path) -> None:
        where, read = open_tensors(folder)
        prefix = "model." if "model.embed_tokens.weight" in where else ""
        tied = "lm_head.weight" not in where
        try:
            self._norm = read(f"{prefix}norm.weight")
            self._matrix = read(f"{prefix}embed_tokens.weight" if tied else "lm_head.weight")
        except KeyError as error:
            raise ModelError(f"{folder} lacks the tensor {error}") from None

    def normed(self, hidden: _FLOAT, eps: float) -> _FLOAT:
        """RMSNorm of the last layer's output (B, hidden)."""
        scale = np.sqrt((hidden.astype(np.float64) ** 2).mean(-1, keepdims=True) + eps)
        result: _FLOAT = (hidden / scale * self._norm).astype(np.float32)
        return result

    def best(self, hidden: _FLOAT) -> list[int]:
        """Ids of the most probable tokens from normed hidden states (B, hidden); ties go to the lower id."""
        return [int(i) for i in (hidden @ self._matrix.T).argmax(-1)]

    def log_probabilities(self, hidden: _FLOAT) -> _FLOAT:
        """Natural logarithms (N, V) of next tokens' probabilities from normed hidden states (N, hidden)."""
        logits = hidden @ self._matrix.T
        logits -= logits.max(-1, keepdims=True)
        result: _FLOAT = logits - np.log(np.exp(logits).sum(-1, keepdims=True, dtype=np.float64))
        return result.astype(np.float32)
