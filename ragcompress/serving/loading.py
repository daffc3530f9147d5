"""From a plan to the server's compressor, with memory for what was read before; indexes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .. import scorers
from ..compressor import Compressor
from ..errors import ModelNotFound
from ..plan import Plan
from .cache import CountedStore, RememberingMiniLM
from .engine import Seen

if TYPE_CHECKING:
    from ..index import Index

CACHE = 512 << 20
"""Bytes of memory for what was read before, unless said otherwise."""
_SHARE_OF_VECTORS = 1 / 8


@dataclass(frozen=True, slots=True)
class Loading:
    """Makes the server's compressor; can be sent to another process.

    Attributes:
        cache: bytes of memory for what was read before: keys and values, and vectors of sentences.
        download: whether models that are not there are fetched.
    """

    plan: Plan
    cache: int = CACHE
    download: bool = True

    def __call__(self, seen: Seen) -> Compressor:
        """Load it.

        Args:
            seen: told of each passage that is looked up whether it was there.
        """
        plan, for_vectors = self.plan, int(self.cache * _SHARE_OF_VECTORS)
        if scorers.has_setting(plan.scorer, "embedder") and "embedder" not in plan.scorer_settings:
            try:
                embedder = RememberingMiniLM(for_vectors, download=self.download)
            except ModelNotFound:
                pass  # it may not be fetched: the scorer does without
            else:
                plan = replace(plan, scorer_settings={**plan.scorer_settings, "embedder": embedder})
        store = CountedStore(self.cache - for_vectors, seen)
        return Compressor.from_plan(plan, store=store, download=self.download)


def indexes_by_name(named: Mapping[str, Path]) -> dict[str, Callable[[], Index]]:
    """Indexes that are opened at the first search, each once."""

    def opener(path: Path) -> Callable[[], Index]:
        @cache
        def opened() -> Index:
            from ..index import Index

            return Index(path)

        return opened

    return {name: opener(path) for name, path in named.items()}
