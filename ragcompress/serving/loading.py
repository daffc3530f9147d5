"""From a plan to the server's compressor, with memory for what was read before; indexes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..compressor import Compressor
from ..plan import Plan
from .cache import CountedStore
from .engine import OnLookup

if TYPE_CHECKING:
    from ..index import Index

CACHE = 512 << 20
"""Bytes of memory for what was read before, unless said otherwise."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Makes the server's compressor; can be sent to another process.

    Attributes:
        cache: bytes of memory for what was read before: keys and values. What the scorer keeps of
            its embedder's comes on top (64 MB).
        download: whether models that are not there are fetched.
    """

    plan: Plan
    cache: int = CACHE
    download: bool = True

    def __call__(self, on_lookup: OnLookup) -> Compressor:
        """Load it.

        Args:
            on_lookup: told of each passage that is looked up whether it was there.
        """
        store = CountedStore(self.cache, on_lookup)
        return Compressor.from_plan(self.plan, store=store, download=self.download)


def indexes_by_name(named: Mapping[str, Path]) -> dict[str, Callable[[], Index]]:
    """Indexes that are opened at the first search, each once."""

    def opener(path: Path) -> Callable[[], Index]:
        @cache
        def open_once() -> Index:
            from ..index import Index

            return Index(path)

        return open_once

    return {name: opener(path) for name, path in named.items()}
