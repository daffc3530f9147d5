"""Rows of a matrix in a file, read when they are asked for.

The table of embeddings is the largest matrix of a small model, and a question with its passages needs a few
hundred rows of it. Mapped into memory, each of them brings its neighbors along: 60 MB for a thousand tokens.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

# Not on Windows, where no process is forked that would share the position in the file.
_PREAD = getattr(os, "pread", None)


class StoredRows:
    """Reads rows of a matrix. Safe to use from threads and forked processes.

    Args:
        path: the file; held open, so that it may be removed meanwhile.
        row: the type of a whole row.
        n: how many rows there are.
        start: where in the file the first one begins, in bytes.

    Raises:
        ModelError: if the file can't be opened.
    """

    def __init__(self, path: Path, row: np.dtype[Any], n: int, start: int = 0) -> None:
        self._path, self._row, self._n, self._start = path, row, n, start
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        weakref.finalize(self, os.close, self._file)

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of these numbers, in their shape.

        Raises:
            ModelError: if they can't be read.
        """
        distinct, places = np.unique(numbers, return_inverse=True)
        if distinct.size and not 0 <= distinct[0] <= distinct[-1] < self._n:
            raise ModelError(f"{self._path} has {self._n} rows, asked for {distinct[0]} to {distinct[-1]}")
        length = self._row.itemsize
        try:
            parts = [self._read(length, self._start + int(n) * length) for n in distinct]
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        if any(len(part) < length for part in parts):
            raise self._unreadable("it ends too early")
        rows = np.frombuffer(b"".join(parts), dtype=self._row)
        return rows[places.reshape(numbers.shape)]

    def _read(self, length: int, offset: int) -> bytes:
        if _PREAD is not None:
            content: bytes = _PREAD(self._file, length, offset)
            return content
        with self._lock:
            os.lseek(self._file, offset, os.SEEK_SET)
            return os.read(self._file, length)

    def _unreadable(self, reason: str) -> ModelError:
        return ModelError(f"the weights {self._path} can't be read: {reason}")
