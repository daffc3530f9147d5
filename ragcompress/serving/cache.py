"""What was computed for earlier requests, in memory, bounded: keys and values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..proxy.reuse import MemoryStore
from .engine import Seen


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
