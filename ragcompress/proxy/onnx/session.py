"""The proxy on ONNX Runtime.

A prompt runs in two steps: its prefix (template head and passage) gives keys and values, its tail (the
question) is run on top of them and read. In a causal model this equals one pass over the whole prompt, and
the first step does not depend on the question.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cores import thread_limit
from ...data import Attention, Progress
from ...errors import ModelError
from ...models import protobuf
from ...models.ort import onnxruntime as ort
from ...models.stored_rows import StoredRows
from ...prompts.passages import Prompt
from ...text.tokenizing import Tokenizer
from .. import batching
from ..base import ProxyInfo
from ..batching import BatchLimits
from ..language_head import LanguageHead
from ..reuse import KeyValueStore, Prefix, encode_with
from ..stacking import Stacks
from . import weights
from .graph import WHOLE, GraphBuilder, Shape
from .int8 import rotation

_FLOAT = NDArray[np.float32]
# Tokens from which a prompt's tokens × tokens scores, tens of megabytes a layer, are not kept allocated.
_LONG = 2048
# A tail has few tokens, and a run that reads all weights for few tokens is slow: prompts whose prefixes fill
# so many batches are read together.
_READ_TOGETHER = 3
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
# Threads that wait would keep their cores busy: a little faster alone, much slower beside other work.
_SPINNING = "session.intra_op.allow_spinning"
_MASKED = np.float32(-1e30)
DEFAULT_PRECISION = "int8"
PRECISIONS = ("float32", *WHOLE)


def _read_shape(folder: Path) -> Shape:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{folder / 'config.json'} can't be read: {error}") from error
    return Shape.from_config(config)


class OnnxProxy:
    """A Llama-shaped model in ONNX Runtime, on the CPU.

    Args:
        folder: model folder in Hugging Face layout.
        cache: where the weight file is kept.
        name, fingerprint: for ``info``.
        precision: of the products with weights, ``float32``, ``int8`` or ``int7``; all else is float32. What
            is asked for as ``int8`` runs as ``int7`` where the CPU can't sum int8's products exactly, and
            ``info`` says so. None: the default.
        threads: threads of one run; None leaves it to ONNX Runtime (one per core).
        batch_tokens: most tokens, padding included, of one batch of passages; three batches' keys and values
            are held to read the question on them. Bounds the memory.
        store: where passages' keys and values are kept for the next question; None keeps nothing.

    Raises:
        ModelError: for a shape that is not supported, or broken files.
    """

    def __init__(
        self,
        folder: Path,
        cache: Path,
        *,
        name: str,
        fingerprint: str,
        precision: str | None = None,
        threads: int | None = None,
        batch_tokens: int = 1024,
        store: KeyValueStore | None = None,
    ) -> None:
        precision = precision or DEFAULT_PRECISION
        if precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise ModelError(f"unknown precision {precision!r} of the onnx backend; known are: {known}")
        self._shape = _read_shape(folder)
        self._folder, self._cache = folder, cache
        self._form = "int8" if precision in WHOLE else precision
        self._index, self._is_intact = self._weights(), False
        self._embeddings = self._open_embeddings()
        if precision == "int8" and not sums_exactly():
            precision = "int7"
        self._threads, self._limits = threads, BatchLimits(batch_tokens)
        self._read_limits = BatchLimits(_READ_TOGETHER * batch_tokens, tail_tokens=batch_tokens)
        self._store = store
        self._sessions: dict[int, ort.InferenceSession] = {}
        self._writer: tuple[ort.InferenceSession, LanguageHead] | None = None
        self._lock, self._stacks = threading.Lock(), Stacks()
        self.tokenizer = Tokenizer.from_folder(folder)
        longest = min(self._shape.max_tokens, self._shape.window or self._shape.max_tokens)
        self.info = ProxyInfo(
            name=name,
            fingerprint=fingerprint,
            n_layers=self._shape.n_layers,
            n_heads=self._shape.n_heads,
            max_tokens=longest,
            backend="onnx",
            precision=precision,
        )

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        """See ``Proxy.probe``."""

        def encode(prefixes: Sequence[Prefix]) -> list[_FLOAT]:
            encoded = dict(self.encode(prefixes, n_layers=n_layers))
            return [encoded[i] for i in range(len(prefixes))]

        def run(batch: list[Prompt]) -> list[_FLOAT]:
            arrays = encode_with(self._store, self.info, n_layers, batch, encode)
            with self._stacks.pad(arrays) as parts:
                past = dict(zip(_past_names(n_layers), parts, strict=True))
                return self._read(batch, past, self._session(n_layers), n_layers)

        return batching.probe_in_batches(prompts, self.info, n_layers, self._read_limits, run, progress)

    def encode(self, prefixes: Sequence[Prefix], *, n_layers: int) -> Iterator[tuple[int, _FLOAT]]:
        """See ``Encoder.encode``."""

        def run(batch: Sequence[Prefix]) -> list[_FLOAT]:
            return self._probe_apart(batch, self._session(n_layers), n_layers)

        return batching.encode_in_batches(prefixes, self.info, n_layers, self._limits, run)

    def next_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """See ``NextToken.next_tokens``: one pass over each prompt, apart from what is kept for probing."""
        last = {i: hidden[-1] for i, hidden in self._hidden(prompts)}
        return self._whole_model()[1].best(np.stack([last[i] for i in range(len(prompts))])) if last else []

    def log_probabilities(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, _FLOAT]]:
        """See ``TeacherForced.log_probabilities``: one pass over each prompt, too."""
        for i, hidden in self._hidden(prompts):
            ((start, end),) = prompts[i].rows
            tail = hidden[len(prompts[i].prefix) :]
            yield i, self._whole_model()[1].log_probabilities(tail[start:end])

    def _hidden(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, _FLOAT]]:
        """Yield each prompt's index and the whole model's normed output (T, hidden), batch by batch."""
        batching.check_lengths(prompts, self.info)
        session, head = self._whole_model()
        past = [*_past_names(self._shape.n_layers), f"past_value_{self._shape.n_layers - 1}"]
        for batch in batching.batches(prompts, self._limits):
            rows = [prompts[i].prefix + prompts[i].tail for i in batch]
            (hidden,) = _run(session, ["hidden"], self._fresh(rows, past))
            if self.info.precision in WHOLE:
                hidden = hidden @ rotation(self._shape.hidden).T
            for number, i in enumerate(batch):
                yield i, head.normed(hidden[number, : len(rows[number])], self._shape.eps)

    def _whole_model(self) -> tuple[ort.InferenceSession, LanguageHead]:
        """The whole model, loaded when it is first asked for."""
        with self._lock:
            if self._writer is None:
                self._writer = self._load(self._shape.n_layers, whole=True), LanguageHead(self._folder)
            return self._writer

    def _probe_apart(
        self, prefixes: Sequence[Prefix], session: ort.InferenceSession, n_layers: int
    ) -> list[_FLOAT]:
        """Keys and values of each prefix by itself, as stores keep them."""
        past = self._encode(prefixes, session, n_layers).values()
        return [np.stack([part[row, :, : len(p)] for part in past]) for row, p in enumerate(prefixes)]

    def _session(self, n_layers: int) -> ort.InferenceSession:
        with self._lock:
            if n_layers not in self._sessions:
                self._sessions[n_layers] = self._load(n_layers)
            return self._sessions[n_layers]

    def _load(self, n_layers: int, whole: bool = False) -> ort.InferenceSession:
        """Load the graph, and check the weight file meanwhile: what is damaged is made anew, never used."""
        precision = self.info.precision
        builder = GraphBuilder(self._shape, n_layers, "0.q_bias" in self._index["tensors"], whole, precision)
        builder.build()
        # The graph is made anew each time, in 30 ms: no stale or damaged file can be picked up.
        graph = builder.model(weights.external(self._index))
        with ThreadPoolExecutor(1) as pool:
            intact = pool.submit(lambda: self._is_intact or weights.is_intact(self._index, self._cache))
            session = self._session_of(graph)
            if not intact.result():
                self._index = self._weights(anew=True)
                self._embeddings = self._open_embeddings()
                session = self._session_of(graph)
        self._is_intact = True
        return session

    def _weights(self, *, anew: bool = False) -> Mapping[str, Any]:
        """Index of the weight file, which is written if need be."""
        shape = self._shape
        return weights.ensure(
            self._folder, self._cache, shape.n_layers, shape.head_size, self._form, anew=anew
        )

    def _open_embeddings(self) -> StoredRows:
        entry = self._index["tensors"]["embedding"]
        n, size = (int(length) for length in entry["shape"])
        row = np.dtype(("<f4", (size,)))
        return StoredRows(self._cache / self._index["file"], row, n, int(entry["offset"]))

    def _session_of(self, graph: bytes) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.add_session_config_entry(_WEIGHTS_FOLDER, str(self._cache))
        options.add_session_config_entry(_SPINNING, "0")
        # One block for each shape of input that comes a second time: hundreds of megabytes, and no faster.
        options.enable_mem_pattern = False
        options.intra_op_num_threads = self._threads or thread_limit()
        options.log_severity_level = 3
        try:
            return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own, without a common public base
            file = self._cache / self._index["file"]
            raise ModelError(f"onnxruntime can't load the weights {file}: {error}") from error

    def _encode(
        self, prefixes: Sequence[Prefix], session: ort.InferenceSession, n_layers: int
    ) -> dict[str, _FLOAT]:
        """Keys and values (B, KV, P, D) of each layer, right-padded."""
        past = _past_names(n_layers)
        outputs = _run(session, [name.removeprefix("past_") for name in past], self._fresh(prefixes, past))
        return dict(zip(past, outputs, strict=True))

    def _fresh(self, rows: Sequence[Prefix], past: Sequence[str]) -> dict[str, Any]:
        """Inputs for rows of token ids that nothing stands before, right-padded; no attention is read."""
        n, longest = len(rows), max(map(len, rows))
        ids = np.zeros((n, longest), dtype=np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
        empty = np.zeros((n, self._shape.n_key_heads, 0, self._shape.head_size), dtype=np.float32)
        feed: dict[str, Any] = dict.fromkeys(past, empty)
        return feed | {
            "embedded": self._embeddings[ids],
            "positions": np.broadcast_to(np.arange(longest), ids.shape),
            # Padding stands on the right, where no real token looks: the causal mask alone is enough.
            "mask": np.broadcast_to(_causal(longest), (n, 1, 1, longest, longest)),
            "row_weights": np.zeros((0, longest), dtype=np.float32),
            "pool": np.zeros((n, 1, longest, 0), dtype=np.float32),
        }

    def _read(
        self, prompts: list[Prompt], past: dict[str, _FLOAT], session: ort.InferenceSession, n_layers: int
    ) -> list[_FLOAT]:
        """Mass (R, L, H, S) of each prompt of a batch; they share their tail."""
        tail, n, longest = prompts[0].tail, len(prompts), past["past_key_0"].shape[2]
        starts = np.array([len(p.prefix) for p in prompts])
        mask = np.zeros((n, 1, 1, len(tail), longest + len(tail)), dtype=np.float32)
        mask[..., :longest] = np.where(np.arange(longest) < starts[:, None], 0, _MASKED)[:, None, None, None]
        mask[..., longest:] = _causal(len(tail))
        embedded = self._embeddings[np.array(tail, dtype=np.int64)]
        feed: dict[str, Any] = past | {
            "embedded": np.broadcast_to(embedded, (n, *embedded.shape)),
            "positions": starts[:, None] + np.arange(len(tail)),
            "mask": mask,
            "row_weights": batching.row_weights(prompts[0]),
            "pool": batching.pool(prompts, longest + len(tail))[:, None],
        }
        masses = _run(session, [f"mass_{layer}" for layer in range(n_layers)], feed)
        return list(np.stack(masses).transpose(1, 3, 0, 2, 4))  # (L, B, H, R, S) -> (B, R, L, H, S)


@cache
def sums_exactly() -> bool:
    """Whether products of 8 by 8 bits are summed without overflow on this CPU; tried out."""
    most, weight = np.full((4, 64), 255, dtype=np.uint8), np.full((64, 16), 127, dtype=np.int8)
    graph = protobuf.model(
        "try",
        nodes=[protobuf.node("MatMulInteger", ["x", "w"], ["y"])],
        inputs=[protobuf.value("x", "uint8", [4, 64])],
        outputs=[protobuf.value("y", "int32", [4, 16])],
        tensors=[protobuf.tensor("w", weight)],
        operators={"": 17},
    )
    (total,) = ort.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {"x": most})
    return bool((total == 255 * 127 * 64).all())


def _run(session: ort.InferenceSession, outputs: list[str], feed: dict[str, Any]) -> list[_FLOAT]:
    """Run the graph; what a long prompt took is given back, where the arena would keep it for good."""
    options = None
    if feed["mask"].shape[-1] > _LONG:
        options = ort.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    arrays: list[_FLOAT] = session.run(outputs, feed, options)
    return arrays


def _past_names(n_layers: int) -> list[str]:
    return [f"past_key_{i}" for i in range(n_layers)] + [f"past_value_{i}" for i in range(n_layers - 1)]


def _causal(n: int) -> _FLOAT:
    return np.triu(np.full((n, n), _MASKED), 1)
