"""Weights for products of whole numbers: rotated so that no channel sticks out, then rounded.

Rounding to 8 bits is as coarse as the largest value of a row demands, and language models have a few
channels that are many times larger than the rest. An orthogonal matrix spreads them over all channels, and
nothing else changes, because RMSNorm does not see it (QuaRot, arXiv 2404.00456, section 4). The residual
stream is rotated by what writes to it (embedding, ``o``, ``down``), and rotated back by what reads it
(``q``, ``k``, ``v``, ``gate``, ``up``). A head's values are rotated by ``v`` and back by ``o``. All is within
the stored weights, at no cost. What ``down`` reads, the product of two outputs, can't be rotated in advance:
the graph does it, in groups of channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.rounding import quantize

_FLOAT = NDArray[np.float32]
Named = tuple[str, NDArray[Any]]
_LARGEST_GROUP = 64
_NORM_OF = {"q": "norm", "k": "norm", "v": "norm", "gate": "norm2", "up": "norm2"}
READS_NORM = frozenset(_NORM_OF)
_WRITES = ("o", "down")


def rotation(n: int) -> _FLOAT:
    """An orthogonal matrix (n, n) without large entries: the cosine transform (DCT-II), signs drawn once."""
    k, j = np.arange(n)[:, None], np.arange(n)
    basis = np.cos(np.pi * (2 * j + 1) * k / (2 * n)) * np.sqrt(np.where(k == 0, 1, 2) / n)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], n)
    return np.asarray((basis * signs).T, dtype=np.float32)


def group_size(n: int) -> int:
    """Channels of ``down``'s input that are rotated together: the most, up to 64, that divide ``n``."""
    return max(size for size in range(1, _LARGEST_GROUP + 1) if n % size == 0)


def rotate(tensors: Iterable[Named], head_size: int) -> Iterator[Named]:
    """Yield the weights of a model that computes the same, its norms' weights moved into what reads them.

    Args:
        tensors: as ``weights.tensors`` yields them, a layer's vectors before its matrices.
        head_size: numbers of a value.
    """
    turn, norms = np.zeros((0, 0), np.float32), {}
    head = rotation(head_size)
    for name, array in tensors:
        layer, _, part = name.rpartition(".")
        if name == "embedding":
            turn = rotation(array.shape[1])
            yield name, array @ turn
        elif part in ("norm", "norm2"):
            norms[name] = array
            yield name, np.ones_like(array)
        elif part in _NORM_OF:
            array = turn.T @ (norms[f"{layer}.{_NORM_OF[part]}"][:, None] * array)
            yield name, _turned_groups(array.T, head).T if part == "v" else array
        elif part == "v_bias":
            yield name, _turned_groups(array, head)
        elif part in _WRITES:
            yield (
                name,
                _turned_groups(array, head if part == "o" else rotation(group_size(len(array)))) @ turn,
            )
        else:
            yield name, array


def convert(tensors: Iterable[Named], head_size: int) -> Iterator[Named]:
    """Yield what the graph in int8 reads: rotated, its matrices as whole numbers with their scales."""
    turned: NDArray[np.float32] | None = None
    for name, array in rotate(tensors, head_size):
        part = name.rpartition(".")[2]
        if part not in (*_NORM_OF, *_WRITES):
            yield name, array
            continue
        whole, scales = quantize(array)
        yield name, whole
        yield f"{name}_scale", scales
        if part == "down" and turned is None:
            turned = rotation(group_size(len(array)))
            yield "turn", turned


def _turned_groups(array: _FLOAT, turn: _FLOAT) -> _FLOAT:
    """The array, groups of its first axis rotated by ``turn``."""
    groups = turn.T @ array.reshape(-1, len(turn), array[0].size)
    return np.ascontiguousarray(groups.reshape(array.shape), dtype=np.float32)
