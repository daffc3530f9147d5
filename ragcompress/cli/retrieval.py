"""What an index gives for a question, on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data import Segmentation
from ..proxy.reuse import KeyValueStore
from .console import byte_bar
from .options import CONVERTING

if TYPE_CHECKING:
    from ..index import Hit, MiniLM


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
    from ..index import Index
    from ..index.building import readable
    from ..index.keys import open_store

    readable(path)  # an embedder may have to be fetched: after this check
    index = Index(path, embedder=load_embedder())
    hits = index.search(question, top_k)
    return Retrieved(tuple(hits), index.segmentation(hits), open_store(index.keys))


def load_embedder() -> MiniLM:
    """Load the embedding model; fetched with a bar."""
    from ..index import MiniLM

    with byte_bar("downloading the embedding model", CONVERTING) as progress:
        return MiniLM(progress=progress)
