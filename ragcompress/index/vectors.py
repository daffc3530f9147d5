"""Nearest neighbors: the only module that imports FAISS."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, InputError, MissingExtra, RagCompressError
from ..files import open_regular, write_whole
from ..models.bert import Vectors
from ..models.embedding import Embedder

Ids = NDArray[np.int64]
FLAT_UP_TO = 100_000
# HNSW (Malkov and Yashunin, arXiv 1603.09320): links per node; candidates while building, while searching.
_LINKS, _BUILDING, _SEARCHING = 32, 200, 256


def write(path: Path, chunks: Iterable[tuple[Ids, Vectors]], n: int, *, flat_up_to: int = FLAT_UP_TO) -> int:
    """Write an index of ``n`` vectors: exact (flat) up to ``flat_up_to`` of them, HNSW beyond.

    Returns:
        CRC-32 of the file.
    """
    faiss = _faiss()
    index: Any = None
    for ids, vectors in chunks:
        if index is None:
            inner = _empty(faiss, vectors.shape[1], flat=n <= flat_up_to)
            index = faiss.IndexIDMap(inner)
        index.add_with_ids(vectors, ids)
    whole = faiss.serialize_index(index if index is not None else faiss.IndexIDMap(faiss.IndexFlatIP(1)))
    write_whole(path, whole.tobytes(), private=True)
    return zlib.crc32(whole)


def embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """What an embedder gives for texts, (N, dimensions), float32.

    Raises:
        InputError: where one of the caller's own fails, or gives something else.
    """
    try:
        vectors = np.asarray(embedder.embed(texts), dtype=np.float32)
    except RagCompressError:
        raise
    except Exception as error:
        raise InputError(f"the embedder {embedder.name} failed: {type(error).__name__}: {error}") from error
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        finite = "" if np.isfinite(vectors).all() else " with numbers that are not finite"
        raise InputError(
            f"the embedder {embedder.name} gave an array {vectors.shape}{finite} for {len(texts)} texts; "
            "it must give one row of numbers for each"
        )
    return vectors


def check() -> None:
    """Find out before the work begins whether FAISS is there.

    Raises:
        MissingExtra: if it is not.
    """
    _faiss()


def read(path: Path, checksum: int | None, size: int | None = None) -> Any:
    """Load an index that was written; not mapped, so that a file cut under one's feet ends no process.

    Args:
        checksum: what ``write`` returned.
        size: bytes of the file; None: not known, as of indexes that older versions made.

    Raises:
        DataError: if it can't be read, or is not what was written.
        FileNotFoundError: if it isn't there.
    """
    faiss = _faiss()
    try:
        with open_regular(path) as file:
            if size is not None and os.fstat(file.fileno()).st_size != size:
                raise DataError(f"{path} is damaged; build the index again")
            whole = np.frombuffer(file.read(), dtype=np.uint8)
        if zlib.crc32(whole.data) != checksum:
            raise DataError(f"{path} is damaged; build the index again")
        return faiss.deserialize_index(whole)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} can't be read as a FAISS index ({error}); build the index again") from error


def nearest(index: Any, vector: Vectors, n: int) -> list[int]:
    """Ids of the vectors with the largest inner product, best first; fewer if there are not that many."""
    n = min(n, index.ntotal)
    if not n:
        return []
    if vector.shape != (index.d,):
        raise InputError(
            f"the embedder gives vectors of shape {vector.shape}; those of the index have {index.d}"
        )
    faiss = _faiss()
    inner = faiss.downcast_index(index.index)
    settings: dict[str, Any] = {}
    if isinstance(inner, faiss.IndexHNSW):
        settings["params"] = faiss.SearchParametersHNSW(efSearch=max(_SEARCHING, n))
    with _one_thread(faiss):
        _, nearest_ids = index.search(vector[None], n, **settings)
    return [int(i) for i in nearest_ids[0] if i >= 0]


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    """Start no threads for one question: they gain nothing, and a process that forks would wait for them.

    OpenMP keeps this setting per thread, so other threads of the process keep theirs.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


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
