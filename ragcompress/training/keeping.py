"""What proxy and embedder read, kept on disk: a second run, or one with another head, reads nothing again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragcompress.data import Attention, Progress
from ragcompress.models.embedding import TokenEmbedder
from ragcompress.prompts.passages import Prompt
from ragcompress.proxy.base import Proxy
from ragcompress.text.tokenizing import PlainTokenizer

from .store import key, load_or_read

Arrays = Mapping[str, NDArray[Any]]


class KeptProxy:
    """A proxy that reads no prompt twice, not in a later run either.

    Args:
        proxy: what reads.
        store: folder of one file per prompt, bound to the proxy, its precision and the layers.

    Raises:
        DataError: on reading, if the store can't be written or is damaged.
    """

    def __init__(self, proxy: Proxy, store: Path) -> None:
        self._proxy, self._store = proxy, store / "attention"
        self.info, self.tokenizer = proxy.info, proxy.tokenizer

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        """See ``Proxy.probe``."""
        names = [self._name(p, n_layers) for p in prompts]
        new = [i for i, name in enumerate(names) if not (self._store / f"{name}.safetensors").exists()]
        read: list[Attention] = []
        if new:
            read = self._proxy.probe([prompts[i] for i in new], n_layers=n_layers, progress=progress)
        fresh = dict(zip(new, read, strict=True))
        found = []
        for i, (prompt, name) in enumerate(zip(prompts, names, strict=True)):
            arrays = load_or_read(self._store, name, partial(_arrays, fresh, i))
            found.append(
                Attention(arrays["mass"], arrays["n_tokens"], prompt.row_names, self.info.fingerprint)
            )
        return found

    def _name(self, prompt: Prompt, n_layers: int) -> str:
        info = self.info
        return key(
            info.fingerprint, info.backend, info.precision, n_layers, prompt.prefix, prompt.tail,
            prompt.spans, prompt.rows, prompt.row_names,
        )  # fmt: skip


class KeptEmbedder:
    """An embedder that reads no window of tokens twice, not in a later run either.

    Args:
        embedder: what reads.
        store: folder of one file per window, bound to the embedder's name.

    Raises:
        DataError: on reading, if the store can't be written or is damaged.
    """

    def __init__(self, embedder: TokenEmbedder, store: Path) -> None:
        self._embedder, self._store, self.name = embedder, store / "states", embedder.name

    @property
    def tokenizer(self) -> PlainTokenizer:
        """See ``TokenEmbedder.tokenizer``."""
        return self._embedder.tokenizer

    def states_of_each(self, texts: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """See ``TokenEmbedder.states_of_each``; rounded to half precision, as the evidence model does."""
        names = [key(self.name, list(ids)) for ids in texts]
        new = [i for i, name in enumerate(names) if not (self._store / f"{name}.safetensors").exists()]
        read = self._embedder.states_of_each([texts[i] for i in new]) if new else []
        fresh = dict(zip(new, read, strict=True))
        found = [load_or_read(self._store, name, partial(_states, fresh, i)) for i, name in enumerate(names)]
        return [arrays["states"].astype(np.float32) for arrays in found]


def _arrays(read: Mapping[int, Attention], index: int) -> Arrays:
    return {"mass": read[index].mass, "n_tokens": read[index].n_tokens}


def _states(read: Mapping[int, NDArray[np.float32]], index: int) -> Arrays:
    return {"states": read[index].astype(np.float16)}
