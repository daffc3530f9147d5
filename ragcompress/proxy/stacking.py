"""A batch's keys and values in one piece of memory, which is used again.

They are a hundred megabytes; asking the system for as much anew, and having it cleared, takes several times
as long as copying them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

_FLOAT = NDArray[np.float32]
_MOST_BYTES = 256 << 20


class Stacks:
    """Stacks batches. Safe to use from several threads: the second at a time gets memory of its own."""

    def __init__(self) -> None:
        """Hold nothing yet; at most one piece of 256 MiB later."""
        self._spare: _FLOAT | None = None
        self._lock = threading.Lock()

    @contextmanager
    def pad(self, arrays: Sequence[_FLOAT]) -> Iterator[list[_FLOAT]]:
        """Stack arrays (parts, KV, P, D) of different P to one (B, KV, P, D) for each part.

        Zeros stand behind the shorter ones. What is yielded may not be used after the ``with`` block.
        """
        n_parts, heads, _, size = arrays[0].shape
        longest = max(a.shape[2] for a in arrays)
        shape = (n_parts, len(arrays), heads, longest, size)
        room = self._take(int(np.prod(shape)))
        stacked = room[: int(np.prod(shape))].reshape(shape)
        for row, array in enumerate(arrays):
            length = array.shape[2]
            stacked[:, row, :, :length] = array
            stacked[:, row, :, length:] = 0
        try:
            yield list(stacked)
        finally:
            self._give_back(room)

    def _take(self, n: int) -> _FLOAT:
        """Memory for ``n`` numbers: what is at hand, if it is enough."""
        with self._lock:
            if (room := self._spare) is not None and room.size >= n:
                self._spare = None
                return room
        return np.empty(n, dtype=np.float32)

    def _give_back(self, room: _FLOAT) -> None:
        with self._lock:
            if room.nbytes <= _MOST_BYTES and (self._spare is None or room.size > self._spare.size):
                self._spare = room
