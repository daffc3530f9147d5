"""A proxy without a model: scripted attention, for tests of scorers and pipelines."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, processors

from ..data import Attention, Progress
from ..errors import InputError
from ..prompts.passages import Prompt, Span
from ..text.tokenizing import Tokenizer
from .base import ProxyInfo
from .batching import check_lengths

_BEGIN = 256  # ids below are bytes
_PER_TOKEN = 1e-3
_SINK = 1.0


class FakeProxy:
    """Attends to the words that a sentence shares with the question.

    The tokenizer makes one token of each byte of UTF-8 (its id is the byte), after one token
    ``<|begin|>``. A row of the prompt gives a sentence the weight

        number of distinct words it shares with the row's own text · gain of the head + 0.001 · its tokens

    (the row ``last``, a colon, takes the question's words, or the tail's where that row is not read), and
    the first token, the sink, the weight 1.
    The weights divided by their sum are the attention. Gains rise evenly over layers and heads up to 1, so no
    two heads agree. Words are runs of word characters, lower-cased. Safe to share between threads.

    Every prompt goes on with ``says``, byte by byte, and then with line breaks.

    Args:
        n_layers, n_heads: L and H.
        max_tokens: longest prompt.
        says: what the model would write.

    Raises:
        InputError: if one of them is less than 1.
    """

    def __init__(
        self, *, n_layers: int = 2, n_heads: int = 2, max_tokens: int = 2048, says: str = " yes"
    ) -> None:
        if min(n_layers, n_heads, max_tokens) < 1:
            raise InputError("n_layers, n_heads and max_tokens must be at least 1")
        shape = f"{n_layers}x{n_heads}"
        self._info = ProxyInfo(
            name="fake",
            fingerprint=f"fake-{shape}",
            n_layers=n_layers,
            n_heads=n_heads,
            max_tokens=max_tokens,
            backend="fake",
            precision="float32",
        )
        self._tokenizer = Tokenizer(_byte_tokenizer())
        self._gains = np.arange(1, n_layers * n_heads + 1).reshape(n_layers, n_heads) / (n_layers * n_heads)
        self._says = says.encode()
        self._prompts: list[Prompt] = []
        self._lock = threading.Lock()

    @property
    def info(self) -> ProxyInfo:
        """A model called ``fake``; its fingerprint changes with L and H."""
        return self._info

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of bytes."""
        return self._tokenizer

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts that were probed so far, in the order of the calls."""
        with self._lock:
            return tuple(self._prompts)

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        """See ``Proxy.probe``."""
        if not 1 <= n_layers <= self.info.n_layers:
            raise InputError(f"n_layers must be 1 … {self.info.n_layers}, got {n_layers}")
        check_lengths(prompts, self.info)
        with self._lock:
            self._prompts.extend(prompts)
        read = []
        for prompt in prompts:
            read.append(self._read(prompt, n_layers))
            if progress:
                progress(len(read), len(prompts))
        return read

    def next_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """See ``NextToken.next_tokens``."""
        check_lengths(prompts, self.info)
        return [self._next(bytes(i % _BEGIN for i in p.prefix + p.tail)) for p in prompts]

    def _next(self, text: bytes) -> int:
        for done in range(len(self._says), 0, -1):
            if text.endswith(self._says[:done]):
                return (self._says + b"\n")[done]
        return (self._says + b"\n")[0]

    def _read(self, prompt: Prompt, n_layers: int) -> Attention:
        n_tokens = np.array([end - start for start, end in prompt.spans], dtype=np.int64)
        sentences = [_words(prompt.prefix, span) for span in prompt.spans]
        spans = dict(zip(prompt.row_names, prompt.rows, strict=True))
        rows = []
        for name, span in spans.items():
            question_span = spans.get("question", (0, len(prompt.tail)))
            query = _words(prompt.tail, question_span if name == "last" else span)
            shared = np.array([len(query & words) for words in sentences], dtype=np.float64)
            rows.append(self._row(shared, n_tokens, n_layers))
        return Attention(np.stack(rows), n_tokens, prompt.row_names, self.info.fingerprint)

    def _row(
        self, shared: NDArray[np.float64], n_tokens: NDArray[np.int64], n_layers: int
    ) -> NDArray[np.float32]:
        """Attention (L, H, S) of one row; each head's sum is less than 1."""
        weights = self._gains[:n_layers, :, None] * shared + _PER_TOKEN * n_tokens
        mass: NDArray[np.float32] = (weights / (_SINK + weights.sum(-1, keepdims=True))).astype(np.float32)
        return mass


def _words(ids: tuple[int, ...], span: Span) -> frozenset[str]:
    text = bytes(i for i in ids[slice(*span)] if i < _BEGIN).decode("utf-8", "ignore")
    return frozenset(re.findall(r"\w+", text.lower()))


def _byte_tokenizer() -> Backend:
    """BPE without merges: every character falls back to its bytes, and the id of a byte is its value."""
    backend = Backend(models.BPE({f"<0x{b:02X}>": b for b in range(_BEGIN)}, [], byte_fallback=True))
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens(["<|begin|>"])
    backend.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", _BEGIN)]
    )
    return backend
