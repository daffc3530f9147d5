"""What an index gives for a question, on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data import Progress, Segmentation
from ..models.embedders import EmbedderName, for_search
from ..proxy.reuse import KeyValueStore
from .console import byte_bar
from .options import CONVERTING

if TYPE_CHECKING:
    from ..index import Embedder, Hit, Index


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What an index gave for a question, and its store of keys and values, if it has one."""

    hits: tuple[Hit, ...]
    segmentation: Segmentation
    store: KeyValueStore | None

    def to_sources(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """The result with offsets into the files."""
        from ..index import to_sources

        return to_sources(result, self.hits)


def retrieve(path: Path, question: str, top_k: int) -> Retrieved:
    """The passages that an index has for a question."""
    from ..index.keys import open_store

    index = open_index(path)
    hits = index.search(question, top_k)
    return Retrieved(tuple(hits), index.segmentation(hits), open_store(index.keys))


def open_index(path: Path) -> Index:
    """An index, and the embedder that it was built with; fetched with a bar."""
    from ..index import Index

    with _bar() as progress:
        return Index(path, progress=progress)


def load_embedder(name: EmbedderName) -> Embedder:
    """Load an embedding model; fetched with a bar."""
    with _bar() as progress:
        return for_search(name)(progress=progress)


def _bar() -> AbstractContextManager[Progress]:
    return byte_bar("downloading the embedding model", CONVERTING)
