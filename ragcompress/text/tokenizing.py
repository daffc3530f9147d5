"""The proxy's tokenizer, and counters of tokens.

Text of users is always encoded as plain text: a special-token string in a document (``<|im_end|>``) becomes
ordinary tokens and can't end or open a turn in the proxy's prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tokenizers

from ..errors import InputError, ModelError, RagCompressError

Counter = Callable[[str], int]


class PlainTokenizer(Protocol):
    """What embedders need of a tokenizer. Safe to share between threads."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, without special tokens."""
        ...

    def count_all(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        ...


class Tokenizer:
    """A fast tokenizer that reads special-token strings as plain text.

    Safe to share between threads: nothing is changed after construction.

    Args:
        backend: a ``tokenizers.Tokenizer``; it is copied, the caller's object stays as it is.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        self._set_up(tokenizers.Tokenizer.from_str(backend.to_str()))

    def _set_up(self, backend: tokenizers.Tokenizer) -> None:
        """Set up a backend that nobody else holds."""
        self._backend = backend
        # What the model's own post-processor puts before a text: [bos] for Llama, nothing for SmolLM2.
        self.prefix_ids: tuple[int, ...] = tuple(self._backend.encode("").ids[:1])
        self._backend.encode_special_tokens = True
        self._backend.no_truncation()
        self._backend.no_padding()

    @classmethod
    def from_folder(cls, folder: Path) -> Tokenizer:
        """Read ``tokenizer.json`` of a model folder.

        Raises:
            ModelError: if there is none, or it can't be read.
        """
        path = folder / "tokenizer.json"
        try:
            result = cls.__new__(cls)
            # Not by the constructor: to copy a vocabulary takes as long as reading it.
            result._set_up(tokenizers.Tokenizer.from_file(str(path)))
            return result
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelError(f"{path} can't be read as a tokenizer: {error}") from error

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, without special tokens."""
        return [encoding.ids for encoding in self._encoded(texts)]

    def _encoded(self, texts: Sequence[str]) -> list[tokenizers.Encoding]:
        # Fast: places in the text are left out.
        return self._backend.encode_batch_fast(list(texts), add_special_tokens=False)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""
        return self._backend.decode(list(ids), skip_special_tokens=False)

    def starts(self, text: str) -> list[int]:
        """Return where each token of a text starts, in code points."""
        return [start for start, _ in self._backend.encode(text, add_special_tokens=False).offsets]

    def count(self, text: str) -> int:
        """Return the number of tokens of one text."""
        return self.count_all([text])[0]

    def count_all(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [len(encoding) for encoding in self._encoded(texts)]


def as_counter(source: Any) -> Counter:
    """Turn what a caller has into a counter ``str -> int``.

    Args:
        source: a ``Tokenizer`` of this module, a ``tokenizers.Tokenizer``, a Hugging Face tokenizer (its
            ``encode`` is called without special tokens), or any callable ``str -> int``.

    Raises:
        InputError: if it is none of these. When it counts: if it fails, or returns no whole number ≥ 0.
    """
    if isinstance(source, Tokenizer):
        return source.count
    if isinstance(source, tokenizers.Tokenizer):
        return Tokenizer(source).count
    if hasattr(source, "encode") and hasattr(source, "convert_ids_to_tokens"):
        return _checked(lambda text: len(source.encode(text, add_special_tokens=False)))
    if not callable(source):
        raise InputError(
            f"a counter must be a tokenizer or a callable str -> int, got {type(source).__name__}"
        )

    return _checked(source)


def _checked(count: Callable[[str], Any]) -> Counter:
    """A counter whose faults are told from ours."""

    def checked(text: str) -> int:
        try:
            n = count(text)
        except RagCompressError:
            raise
        except Exception as error:
            raise InputError(f"the token counter failed: {type(error).__name__}: {error}") from error
        try:
            whole = -1 if isinstance(n, bool | np.bool_) else index(n)
        except TypeError:
            whole = -1
        if whole < 0:
            raise InputError(f"the token counter returned {n!r}; it must return a whole number ≥ 0")
        return whole

    return checked
