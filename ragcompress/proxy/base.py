"""What a proxy is: the small frozen language model whose attention is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..data import Attention, Progress
from ..prompts.passages import Prompt
from ..text.tokenizing import Tokenizer

"""Called with (prompts done, prompts in all) during the work."""


@dataclass(frozen=True, slots=True)
class ProxyInfo:
    """Which model this is and how it runs.

    Attributes:
        name: as the user named it.
        fingerprint: hash of the weights as published (not of a conversion); a probe is bound to it.
        n_layers, n_heads: L and H of the whole model.
        max_tokens: longest prompt.
        backend: ``onnx``, ``torch`` or ``fake``.
        precision: what the matrix products run in, for instance ``float32``.
    """

    name: str
    fingerprint: str
    n_layers: int
    n_heads: int
    max_tokens: int
    backend: str
    precision: str

    def settings(self) -> dict[str, str]:
        """Return what a result should say of the proxy."""
        return {"proxy": self.name, "backend": self.backend, "precision": self.precision}


class Proxy(Protocol):
    """A frozen causal language model whose query rows can be read. Safe to use from several threads."""

    @property
    def info(self) -> ProxyInfo:
        """Which model this is."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Its tokenizer."""
        ...

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        """Read the prompts' rows in the first ``n_layers`` layers; one ``Attention`` per prompt, in order.

        Raises:
            InputError: if a prompt is longer than ``info.max_tokens``, or ``n_layers`` is not in 1 … L.
        """
        ...


@runtime_checkable
class Encoder(Protocol):
    """What a proxy may do besides: run its layers over token ids without reading any attention."""

    def encode(
        self, prefixes: Sequence[tuple[int, ...]], *, n_layers: int
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield each prefix's index and its keys and values (2·L - 1, KV, P, D), in the order of the batches.

        They are what stores keep (``reuse.KeyValueStore``), but no store is asked or filled.

        Raises:
            InputError: if a prefix is longer than the proxy reads, or ``n_layers`` is not in 1 … L.
        """
        ...


@runtime_checkable
class NextToken(Protocol):
    """What a proxy may do besides: say how a prompt goes on. Scorers that need it say so."""

    def next_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return the id that the whole model, with its language-model head, finds most probable next.

        Raises:
            InputError: if a prompt is longer than the proxy reads.
        """
        ...


@runtime_checkable
class TeacherForced(Protocol):
    """What a proxy may do besides: say how probable it finds a text that is given, token by token."""

    def log_probabilities(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield each prompt's index and what the whole model expects next, in the order of the batches.

        That is the natural logarithm (N, V) of the probability of every token of the vocabulary after each
        of the N tokens of the prompt's only row.

        Raises:
            InputError: if a prompt is longer than the proxy reads.
        """
        ...
