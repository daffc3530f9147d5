"""The proxy on transformers: the only module, beside the oracle, that imports torch.

No architecture is patched. A function in transformers' attention registry runs SDPA for the layer's output
and, besides, the softmax of the asked-for query rows alone, pooled to sentences on the spot: no tokens ×
tokens matrix exists. What to read travels with the call as a keyword argument, so the model holds no state,
calls from several threads don't meet, and an exception leaves nothing behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AttentionInterface, AutoModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from ..data import Attention, Progress
from ..errors import ModelError
from ..prompts.passages import Prompt
from ..quiet import no_transformers_bar
from ..text.tokenizing import Tokenizer
from . import batching
from .base import ProxyInfo
from .batching import BatchLimits
from .language_head import LanguageHead
from .reuse import KeyValueStore, Prefix, encode_with
from .stacking import Stacks

_NAME = "ragcompress_probe"
_CPU_TOKENS, _GPU_TOKENS = 2048, 65_536  # of a batch: all on a CPU, the most on a GPU
_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class _Finished(Exception):
    """Ends a forward pass after the last layer that is read."""


@dataclass(slots=True)
class _Recorder:
    """Takes down keys and values (B, KV, T, D) of each layer; the last layer's values are not needed."""

    n_layers: int
    found: list[torch.Tensor] = field(default_factory=list)
    values: list[torch.Tensor] = field(default_factory=list)

    def record(self, key: torch.Tensor, value: torch.Tensor) -> None:
        self.found.append(key)
        if len(self.found) == self.n_layers:
            raise _Finished
        self.values.append(value)


@dataclass(slots=True)
class _Reader:
    """What one forward pass shall read, and what it has read so far.

    positions (B, Q) of the tail's tokens among the queries; weights (R, Q); pool (B, T, S); found: per layer
    (B, R, H, S). Where keys and values of the prefix are given, the pass runs the tail alone: past,
    2·L - 1 times (B, KV, P, D), mask (B, 1, Q, T) which keys each of its tokens may see.
    """

    n_layers: int
    positions: torch.Tensor
    weights: torch.Tensor
    pool: torch.Tensor
    past: Sequence[torch.Tensor] | None = None
    mask: torch.Tensor | None = None
    found: list[torch.Tensor] = field(default_factory=list)

    def prepend_past(self, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the prefix's keys and values before the tail's; for the last layer, its keys."""
        if self.past is None:
            return key, value
        layer = len(self.found)
        key = torch.cat([self.past[layer].to(key), key], 2)
        if layer < self.n_layers - 1:
            value = torch.cat([self.past[self.n_layers + layer].to(value), value], 2)
        return key, value

    def read(
        self, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, scaling: float | None
    ) -> None:
        """Softmax the rows of one layer; query (B, H, Tq, D), key (B, KV, T, D)."""
        b, h, _, d = query.shape
        kv, t, q = key.shape[1], key.shape[2], self.positions.shape[1]
        rows = query.gather(2, self.positions[:, None, :, None].expand(b, h, q, d)).float()
        rows = rows.reshape(b, kv, h // kv * q, d)  # heads that share a key head are stacked
        scores = (rows @ key.float().transpose(2, 3)).reshape(b, h, q, t)
        scores = scores * (d**-0.5 if scaling is None else scaling)
        scores = scores + _row_mask(mask, self.positions, t)
        attention = torch.einsum("rq,bhqt->brht", self.weights, scores.softmax(-1))
        self.found.append(attention @ self.pool[:, None])  # (B, R, H, S)
        if len(self.found) == self.n_layers:
            raise _Finished


def _row_mask(mask: torch.Tensor | None, positions: torch.Tensor, t: int) -> torch.Tensor:
    """Additive mask (B, 1, Q, T) of the rows: the layer's own where it has one, else causal."""
    if mask is None:
        allowed = torch.arange(t, device=positions.device) <= positions[:, :, None]
    else:
        chosen = mask.expand(positions.shape[0], 1, -1, -1)[:, 0]
        allowed = chosen.gather(1, positions[:, :, None].expand(-1, -1, t))
        if allowed.dtype != torch.bool:
            return allowed.float()[:, None]
    zero = torch.zeros((), device=positions.device)
    return torch.where(allowed, zero, torch.full_like(zero, float("-inf")))[:, None]


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    ragcompress_call: _Reader | _Recorder | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    if options.get("softcap") is not None:
        raise ModelError("models that cap their attention logits (Gemma 2) are not supported as a proxy")
    if isinstance(ragcompress_call, _Recorder):
        ragcompress_call.record(key, value)
    elif ragcompress_call is not None:
        key, value = ragcompress_call.prepend_past(key, value)
        attention_mask = attention_mask if ragcompress_call.mask is None else ragcompress_call.mask
        ragcompress_call.read(query, key, attention_mask, scaling)
    result: tuple[torch.Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, **options
    )
    return result


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, sdpa_mask)


def _padded_ids(rows: Sequence[Prefix]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (B, T) and positions of rows; padding stands on the right, where no real token looks."""
    longest = max(map(len, rows))
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    return ids, torch.arange(longest).expand(len(rows), -1)


def choose_device() -> str:
    """CUDA where there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_precision(device: str) -> str:
    """bfloat16 where the hardware multiplies it (CUDA 8.0+, CPUs with AMX or AVX-512 BF16), else float32."""
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bfloat16" if features.get("amx_bf16") or features.get("avx512_bf16") else "float32"


def fitting_tokens(free_bytes: int, config: Any) -> int:
    """Tokens of a batch whose activations take half of the free memory, from 2,048 to 65,536.

    A token holds the inner layer's three arrays, some ten of the hidden size, and keys and values of all
    layers, in four bytes each. What reads the attention has, for each token, some thirty rows of every head.
    """
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    kept = 2 * config.num_hidden_layers * (config.num_key_value_heads or heads) * size
    numbers = 3 * config.intermediate_size + 10 * config.hidden_size + kept + 3 * 30 * heads
    return int(min(_GPU_TOKENS, max(_CPU_TOKENS, free_bytes // (2 * 4 * numbers))))


def _load(folder: Path, precision: str) -> Any:
    """The model of a folder, its attention read by ours."""
    try:
        with no_transformers_bar():
            return AutoModel.from_pretrained(
                folder, dtype=_TYPES[precision], attn_implementation=_NAME, local_files_only=True
            )
    except Exception as error:  # transformers lets errors of many libraries through
        raise ModelError(f"transformers can't load {folder}: {error}") from error


class TorchProxy:
    """Any causal model of transformers whose attention goes through its registry.

    Args:
        folder: model folder in Hugging Face layout; nothing is downloaded, no remote code is run.
        name, fingerprint: for ``info``.
        device: ``cpu``, ``cuda``, ``cuda:1`` …; None: ``choose_device()``.
        precision: ``float32``, ``bfloat16`` or ``float16``; None: ``choose_precision(device)``.
        batch_tokens: most tokens, padding included, of one batch; bounds the memory. None: 2,048 on the CPU,
            on a GPU what fits into half of its free memory.
        store: where passages' keys and values are kept for the next question; None: one pass per prompt.

    Raises:
        ModelError: if transformers can't load the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        fingerprint: str,
        device: str | None = None,
        precision: str | None = None,
        batch_tokens: int | None = None,
        store: KeyValueStore | None = None,
    ) -> None:
        device = device or choose_device()
        precision = precision or choose_precision(device)
        if precision not in _TYPES:
            raise ModelError(f"unknown precision {precision!r}; known are: {', '.join(_TYPES)}")
        self.model = _load(folder, precision).to(device).eval()
        self._device, self._store = device, store
        if device == "cpu":
            self.limits = BatchLimits(batch_tokens or _CPU_TOKENS)
        else:  # starting a run on a GPU costs as much as reading thousands of tokens there
            batch_tokens = batch_tokens or fitting_tokens(
                torch.cuda.mem_get_info(device)[0], self.model.config
            )
            self.limits = BatchLimits(batch_tokens, run_tokens=batch_tokens)
        self._folder, self._lock, self._stacks = folder, threading.Lock(), Stacks()
        self._head: LanguageHead | None = None
        self.tokenizer = Tokenizer.from_folder(folder)
        c = self.model.config
        self.info = ProxyInfo(
            name=name,
            fingerprint=fingerprint,
            n_layers=c.num_hidden_layers,
            n_heads=c.num_attention_heads,
            # Within its window a sliding layer is an ordinary one.
            max_tokens=min(
                c.max_position_embeddings, getattr(c, "sliding_window", None) or c.max_position_embeddings
            ),
            backend="torch",
            precision=precision,
        )

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        """See ``Proxy.probe``."""

        def run(batch: list[Prompt]) -> list[NDArray[np.float32]]:
            store = self._store
            return (
                self._probe_whole(batch, n_layers) if store is None else self._split(batch, n_layers, store)
            )

        return batching.probe_in_batches(prompts, self.info, n_layers, self.limits, run, progress)

    def encode(
        self, prefixes: Sequence[Prefix], *, n_layers: int
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """See ``Encoder.encode``."""

        def run(batch: Sequence[Prefix]) -> list[NDArray[np.float32]]:
            return self._probe_apart(batch, n_layers)

        return batching.encode_in_batches(prefixes, self.info, n_layers, self.limits, run)

    def next_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """See ``NextToken.next_tokens``: one pass over each prompt, apart from what is kept for probing."""
        last = {i: hidden[-1] for i, hidden in self._hidden(prompts)}
        return self._language_head().best(np.stack([last[i] for i in range(len(prompts))])) if last else []

    def log_probabilities(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """See ``TeacherForced.log_probabilities``: one pass over each prompt, too."""
        for i, hidden in self._hidden(prompts):
            ((start, end),) = prompts[i].rows
            tail = hidden[len(prompts[i].prefix) :]
            yield i, self._language_head().log_probabilities(tail[start:end])

    def _hidden(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield each prompt's index and the whole model's normed output (T, hidden), batch by batch."""
        batching.check_lengths(prompts, self.info)
        for batch in batching.batches(prompts, self.limits):
            ids, positions = _padded_ids([prompts[i].prefix + prompts[i].tail for i in batch])
            with torch.inference_mode():
                hidden = self.model(
                    ids.to(self._device), position_ids=positions.to(self._device), use_cache=False
                ).last_hidden_state
            for number, i in enumerate(batch):
                yield i, hidden[number, : len(prompts[i])].float().cpu().numpy()

    def _language_head(self) -> LanguageHead:
        with self._lock:
            self._head = self._head or LanguageHead(self._folder)
            return self._head

    def _probe_whole(self, prompts: list[Prompt], n_layers: int) -> list[NDArray[np.float32]]:
        """Read prompts in one pass each."""
        starts = torch.tensor([len(p.prefix) for p in prompts])
        reader = self._reader(prompts, n_layers, starts, max(map(len, prompts)))
        self._forward([p.prefix + p.tail for p in prompts], reader)
        return self._masses(reader)

    def _probe_apart(self, prefixes: Sequence[Prefix], n_layers: int) -> list[NDArray[np.float32]]:
        """Keys and values of each prefix by itself, as stores keep them."""
        recorder = _Recorder(n_layers)
        self._forward(prefixes, recorder)
        past = torch.stack([*recorder.found, *recorder.values]).float().cpu().numpy()
        return [past[:, row, :, : len(p)] for row, p in enumerate(prefixes)]

    def _split(self, prompts: list[Prompt], n_layers: int, store: KeyValueStore) -> list[NDArray[np.float32]]:
        """Read prompts' tails on top of their prefixes' keys and values, kept or computed."""

        def encode(prefixes: Sequence[Prefix]) -> list[NDArray[np.float32]]:
            return self._probe_apart(prefixes, n_layers)

        arrays = encode_with(store, self.info, n_layers, prompts, encode)
        with self._stacks.pad(arrays) as past:
            return self._read(prompts, past, n_layers)

    def _read(
        self, prompts: list[Prompt], past: list[NDArray[np.float32]], n_layers: int
    ) -> list[NDArray[np.float32]]:
        """Mass (R, L, H, S) of each prompt of a batch; they share their tail."""
        tail, longest = len(prompts[0].tail), past[0].shape[2]
        starts = torch.tensor([len(p.prefix) for p in prompts])
        reader = self._reader(prompts, n_layers, torch.zeros_like(starts), longest + tail)
        reader.past = [torch.from_numpy(part).to(self._device) for part in past]
        before = (torch.arange(longest) < starts[:, None])[:, None, None].expand(-1, 1, tail, -1)
        causal = torch.ones(tail, tail, dtype=torch.bool).tril().expand(len(prompts), 1, -1, -1)
        reader.mask = torch.cat([before, causal], -1).to(self._device)
        self._forward([p.tail for p in prompts], reader, starts)
        return self._masses(reader)

    def _reader(self, prompts: list[Prompt], n_layers: int, starts: torch.Tensor, n_tokens: int) -> _Reader:
        return _Reader(
            n_layers,
            (starts[:, None] + torch.arange(len(prompts[0].tail))).to(self._device),
            torch.from_numpy(batching.row_weights(prompts[0])).to(self._device),
            torch.from_numpy(batching.pool(prompts, n_tokens)).to(self._device),
        )

    @torch.inference_mode()
    def _forward(
        self, rows: Sequence[Prefix], call: _Reader | _Recorder, starts: torch.Tensor | None = None
    ) -> None:
        """Run rows of token ids, from position 0 or ``starts`` on, as far as the call wants."""
        ids, positions = _padded_ids(rows)
        if starts is not None:
            positions = positions + starts[:, None]
        try:
            self.model(
                ids.to(self._device),
                position_ids=positions.to(self._device),
                use_cache=False,
                ragcompress_call=call,
            )
        except _Finished:
            pass
        if len(call.found) != call.n_layers:
            raise ModelError(f"{self.info.name} did not run its attention through transformers' registry")

    def _masses(self, reader: _Reader) -> list[NDArray[np.float32]]:
        mass = torch.stack(reader.found).permute(1, 2, 0, 3, 4)  # (L, B, R, H, S) -> (B, R, L, H, S)
        return list(mass.cpu().numpy())
