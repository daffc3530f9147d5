"""What was computed for earlier requests, in memory, bounded: keys and values, vectors of sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import Progress
from ..models.embedding import MiniLM
from ..proxy.reuse import MemoryStore
from .engine import Seen

_FLOAT = NDArray[np.float32]


class CountedStore:
    """Keeps the most recently used entries in memory, by hash of their content, and tells of hits.

    Args:
        max_bytes: ceiling on the arrays held.
        seen: told of every look-up whether it found something.
    """

    def __init__(self, max_bytes: int, seen: Seen) -> None:
        self._store, self._seen = MemoryStore(max_bytes), seen

    def get(self, key: str) -> NDArray[np.float32] | None:
        """See ``KeyValueStore``."""
        found = self._store.get(key)
        self._seen(found is not None)
        return found

    def put(self, key: str, array: NDArray[np.float32]) -> None:
        """See ``KeyValueStore``."""
        self._store.put(key, array)


class RememberingMiniLM(MiniLM):
    """MiniLM that keeps the vectors of texts: the same sentences come again with every question about them.

    The states of windows are kept by the scorer that reads them (``evidence.late_interaction.WindowCache``).

    Args:
        max_bytes: ceiling on the arrays held; the least recently used go.
        download, progress: as ``MiniLM`` has them.
    """

    def __init__(self, max_bytes: int, *, download: bool = True, progress: Progress | None = None) -> None:
        super().__init__(download=download, progress=progress)
        self._store = MemoryStore(max_bytes)

    def embed(self, texts: Sequence[str]) -> _FLOAT:
        """See ``Embedder.embed``."""
        keys = [_key(text) for text in texts]
        rows = [self._store.get(key) for key in keys]
        fresh = [i for i, row in enumerate(rows) if row is None]
        if fresh:
            for i, vector in zip(fresh, super().embed([texts[i] for i in fresh]), strict=True):
                rows[i] = vector
                self._store.put(keys[i], vector)
        return np.stack([row for row in rows if row is not None]) if rows else super().embed(texts)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
