"""Any cross-encoder of sentence-transformers: question and sentence read together. Needs extra ``minilm``."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..data import FloatArray, Progress, Scores, Segmentation
from ..errors import InputError, MissingExtra, ModelError, ModelNotFound
from ..quiet import no_transformers_bar
from ..text.tokenizing import Tokenizer
from ._halves import halves

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

DEFAULT_MODEL = "cross-encoder/ms-marco-MiniLM-L6-v2"
_CHUNK = 256


class Scorer:
    """What a cross-encoder gives question and sentence, each sentence by itself; titles play no part.

    Passage re-ranking with BERT (Nogueira and Cho, arXiv 1901.04085): one pass over both texts, one number
    out, through the model's own activation. A sentence too long for the model is halved until its parts fit,
    and the best part counts. Nothing is ever downloaded.

    Args:
        model: folder of a cross-encoder with safetensors weights and one output, or the id of one that is in
            the Hugging Face cache; None: ``cross-encoder/ms-marco-MiniLM-L6-v2`` from there.

    Raises:
        MissingExtra: if sentence-transformers is not installed.
        ModelNotFound: if the model is not on this machine.
        ModelError: if it can't be read, or gives more than one number.
    """

    name: ClassVar[str] = "cross-encoder"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, *, model: str | None = None) -> None:
        self.model = model
        self._encoder = _load(model or DEFAULT_MODEL)
        backend = self._encoder.tokenizer.backend_tokenizer
        self._tokenizer = Tokenizer(backend)
        longest = min(self._encoder.tokenizer.model_max_length, self._encoder.config.max_position_embeddings)
        self._longest = int(longest) - backend.num_special_tokens_to_add(True)
        # predict() changes its tokenizer's padding, which fails when two threads do it at once.
        self._lock = threading.Lock()

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Score pairs of question and sentence.

        Raises:
            InputError: if the question leaves no room for a sentence.
        """
        room = self._longest - self._tokenizer.count(question)
        if room < 1:
            raise InputError(
                f"the question has {self._longest - room} tokens; with a sentence the model reads "
                f"{self._longest}: shorten it"
            )
        values = np.full(len(segmentation.sentences), -np.inf)
        parts = [
            (i, part)
            for i, s in enumerate(segmentation.sentences)
            for part in halves(s.text, lambda text: self._tokenizer.count(text) <= room)
        ]
        for start in range(0, len(parts), _CHUNK):
            chunk = parts[start : start + _CHUNK]
            of_chunk = self._predict([(question, text) for _, text in chunk])
            np.maximum.at(values, [i for i, _ in chunk], of_chunk)
            if progress:
                progress(min(start + _CHUNK, len(parts)), len(parts))
        name = Path(self.model).name if self.model and Path(self.model).is_dir() else self.model
        return Scores(values, self.name, settings={"model": name or DEFAULT_MODEL})

    def _predict(self, pairs: list[tuple[str, str]]) -> FloatArray:
        with self._lock:
            logits = self._encoder.predict(pairs, show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(logits, dtype=np.float64)


def _load(model: str) -> CrossEncoder:
    """The cross-encoder, on the CPU, from safetensors only (never a pickle)."""
    try:
        from sentence_transformers import CrossEncoder
    except ImportError as error:
        raise MissingExtra("the scorer 'cross-encoder'", "minilm") from error
    folder = Path(model).is_dir()
    try:
        with no_transformers_bar():
            encoder = CrossEncoder(
                model, device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
            )
    except (OSError, ValueError, KeyError) as error:
        if folder:
            raise ModelError(f"the model in {model} can't be read: {error}") from error
        raise ModelNotFound(
            f"the cross-encoder {model!r} is not on this machine; fetch it with `hf download {model}`, "
            "or name a folder that holds one"
        ) from error
    if encoder.num_labels != 1:
        raise ModelError(f"{model} gives {encoder.num_labels} numbers for a pair; a ranker gives one")
    return encoder
