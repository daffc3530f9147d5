"""An embedder for tests of indexes that reads no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ragcompress import Tokenizer
from ragcompress.text.terms import terms


class WordVectors:
    """An embedder without a model: a fixed random direction per word, summed."""

    name = "words"

    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.from_folder(folder)

    def embed(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        rows = [sum((self._word(w) for w in terms(t)), np.full(64, 1e-6)) for t in texts]
        found = np.array(rows, dtype=np.float32).reshape(len(rows), 64)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)

    @staticmethod
    def _word(word: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.random.default_rng(list(word.encode())).standard_normal(64)
