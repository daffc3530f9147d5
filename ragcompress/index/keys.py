"""Keys and values of an index's passages, computed ahead so that a question reads only itself."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from ..data import Progress
from ..errors import DataError
from ..files import open_regular, write_whole
from ..proxy.reuse import DiskStore
from ..scorers import Scorer
from .passages import assemble
from .searching import Index

_TOGETHER = 32  # passages scored at once
_FULL = 0.9  # share of the ceiling to fill: beyond it a store begins to drop what it has
_ABOUT = "about.json"


def open_store(folder: Path, max_bytes: int | None = None) -> DiskStore | None:
    """Open the store of an index.

    Args:
        folder: ``Index.keys``.
        max_bytes: its ceiling from now on; None: the one it has, or no store if there is none.
    """
    about = folder / _ABOUT
    if max_bytes is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(about, json.dumps({"max_bytes": max_bytes}).encode())
    try:
        with open_regular(about) as file:
            return DiskStore(folder, json.loads(file.read())["max_bytes"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{about} can't be read ({error}); remove {folder}, and store the keys again"
        ) from error


def fill(index: Index, scorer: Scorer, store: DiskStore, *, progress: Progress | None = None) -> int:
    """Read every passage with the scorer's proxy, which keeps keys and values in ``store``.

    What is there already is not computed again. Stops when the store is full.

    Args:
        scorer: its proxy uses ``store``.
        progress: called with (passages done, passages in all).

    Returns:
        How many of the passages are stored.
    """
    done = 0
    passages = index.passages()
    while group := list(islice(passages, _TOGETHER)):
        if store.n_bytes > _FULL * store.max_bytes:
            break
        # Any question will do: what comes before it does not depend on it.
        scorer.score("What does it say?", assemble(group))
        done += len(group)
        if progress:
            progress(done, len(index))
    return done
