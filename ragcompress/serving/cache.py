"""What was computed for earlier requests, in memory, bounded: keys and values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..proxy.reuse import MemoryStore
from .engine import OnLookup


class CountedStore:
    """Keeps the most recently used entries in memory, by hash of their content, and tells of hits.

    Args:
        max_bytes: ceiling on the arrays held.
        on_lookup: told of every look-up whether it found something.
    """

    def __init__(self, max_bytes: int, on_lookup: OnLookup) -> None:
        self._store, self._on_lookup = MemoryStore(max_bytes), on_lookup

    def get(self, key: str) -> NDArray[np.float32] | None:
        """See ``KeyValueStore``."""
        entry = self._store.get(key)
        self._on_lookup(entry is not None)
        return entry

    def put(self, key: str, array: NDArray[np.float32]) -> None:
        """See ``KeyValueStore``."""
        self._store.put(key, array)
