"""Weights as whole numbers of 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LARGEST = 127


def quantize(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return whole numbers (input, output) and scales (output,) whose product is near the matrix."""
    scales = np.maximum(np.abs(matrix).max(0) / _LARGEST, np.finfo(np.float32).tiny).astype(np.float32)
    return np.rint(matrix / scales).astype(np.int8), scales
