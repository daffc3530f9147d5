"""Nearest neighbours: the only module that imports FAISS."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, MissingExtra
from ..models.embedding import Vectors

Ids = NDArray[np.int64]
FLAT_UP_TO = 100_000
# HNSW (Malkov and Yashunin, arXiv 1603.09320): links per node; candidates while building, while searching.
_LINKS, _BUILDING, _SEARCHING = 32, 200, 256


def write(path: Path, chunks: Iterable[tuple[Ids, Vectors]], n: int, *, flat_up_to: int = FLAT_UP_TO) -> None:
    """Write an index of ``n`` vectors: exact (flat) up to ``flat_up_to`` of them, HNSW beyond."""
    faiss = _faiss()
    index: Any = None
    for ids, vectors in chunks:
        if index is None:
            inner = _empty(faiss, vectors.shape[1], flat=n <= flat_up_to)
            index = faiss.IndexIDMap(inner)
        index.add_with_ids(vectors, ids)
    faiss.write_index(index if index is not None else faiss.IndexIDMap(faiss.IndexFlatIP(1)), str(path))


def check() -> None:
    """Find out before the work begins whether FAISS is there.

    Raises:
        MissingExtra: if it is not.
    """
    _faiss()


def read(path: Path) -> Any:
    """Open an index that was written; a flat one is mapped into memory, not loaded.

    Raises:
        DataError: if it can't be read.
    """
    faiss = _faiss()
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as error:
        if not path.exists():
            raise FileNotFoundError(path) from None
        raise DataError(f"{path} can't be read as a FAISS index; build the index again") from error


def nearest(index: Any, vector: Vectors, n: int) -> list[int]:
    """Ids of the vectors with the largest inner product, best first; fewer if there are not that many."""
    n = min(n, index.ntotal)
    if not n:
        return []
    faiss = _faiss()
    inner = faiss.downcast_index(index.index)
    if isinstance(inner, faiss.IndexHNSW):
        settings = faiss.SearchParametersHNSW(efSearch=max(_SEARCHING, n))
        _, found = index.search(vector[None], n, params=settings)
    else:
        _, found = index.search(vector[None], n)
    return [int(i) for i in found[0] if i >= 0]


def _empty(faiss: Any, dimensions: int, *, flat: bool) -> Any:
    if flat:
        return faiss.IndexFlatIP(dimensions)
    index = faiss.IndexHNSWFlat(dimensions, _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _BUILDING
    return index


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra("an index", "index") from error
    return faiss
