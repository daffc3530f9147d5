"""The 4-bit file of multilingual E5, written here after its description, and read back."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Regex, models, normalizers, pre_tokenizers

from ragcompress import ModelError
from ragcompress.models.e5_file import E5File, read_e5
from ragcompress.models.pieces import Pieces

FLOAT = NDArray[np.float32]
HIDDEN, INNER, WORDS = 32, 64, 12
PIECES = {
    "<s>": 0.0, "<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0, "▁": -4.0, "▁Turm": -6.0, "hoch": -6.0, "s": -5.0,
    "<": -7.0, ">": -7.0, "5": -5.0, "塔": -8.0,
}  # fmt: skip
CHARACTERS = {0x07: "", 0x0A: " ", 0x200B: " ", 0xFF15: "5"}


def in_blocks(array: FLOAT) -> bytes:
    """Q4_0: of each 32 weights a float16 scale, then the first half's 4 bits low, the second's high."""
    raw = b""
    for row in array.reshape(-1, 32):
        scale = np.float16(np.abs(row).max() / 7)
        whole = np.clip(np.round(row / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        raw += scale.tobytes() + (whole[:16] | whole[16:] << 4).tobytes()
    return raw


def write_e5(path: Path, tensors: Mapping[str, FLOAT], in_four_bits: Sequence[str]) -> None:
    texts = [piece.encode() for piece in PIECES]
    bounds = np.cumsum([0, *map(len, texts)]).astype("<u4")
    characters = b"".join(
        struct.pack(f"<IB{len(to)}I", char, len(to), *map(ord, to)) for char, to in CHARACTERS.items()
    )
    head = b"E5S1" + struct.pack("<8i", 1, HIDDEN, 1, 4, INNER, WORDS, 8, 1) + struct.pack("<fi", 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, texts)))
    head += bounds.tobytes() + np.array(list(PIECES.values()), "<f4").tobytes() + b"".join(texts)
    head += struct.pack("<iI", len(CHARACTERS), len(characters)) + characters
    raws = {n: in_blocks(a) if n in in_four_bits else a.astype("<f4").tobytes() for n, a in tensors.items()}
    start = len(head) + 4 + sum(2 + len(name) + 21 for name in tensors)
    head += struct.pack("<i", len(tensors))
    for name, raw in raws.items():
        size = tensors[name].size
        head += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", 1, size, start, len(raw))
        start += len(raw)
    path.write_bytes(head + b"".join(raws.values()))


def drawn() -> dict[str, FLOAT]:
    draw = np.random.default_rng(0)
    shapes = {"emb.word": (WORDS, HIDDEN), "emb.pos": (8, HIDDEN), "emb.type": (1, HIDDEN)}
    shapes |= {f"emb.ln.{kind}": (HIDDEN,) for kind in "wb"}
    for part in ("q", "k", "v", "ao"):
        shapes |= {f"l0.{part}.w": (HIDDEN, HIDDEN), f"l0.{part}.b": (HIDDEN,)}
    shapes |= {"l0.fi.w": (INNER, HIDDEN), "l0.fi.b": (INNER,), "l0.fo.w": (HIDDEN, INNER)}
    shapes |= {f"l0.{name}": (HIDDEN,) for name in ("fo.b", "aln.w", "aln.b", "oln.w", "oln.b")}
    return {name: draw.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}


NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
    "l0.q.w": "encoder.layer.0.attention.self.query.weight",
    "l0.ao.b": "encoder.layer.0.attention.output.dense.bias",
    "l0.fo.w": "encoder.layer.0.output.dense.weight",
    "l0.fi.b": "encoder.layer.0.intermediate.dense.bias",
    "l0.aln.w": "encoder.layer.0.attention.output.LayerNorm.weight",
    "l0.oln.b": "encoder.layer.0.output.LayerNorm.bias",
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> E5File:
    path = tmp_path_factory.mktemp("e5") / "e5.bin"
    tensors = drawn()
    blocks = [
        name for name, array in tensors.items() if array.ndim == 2 and name not in ("emb.pos", "emb.type")
    ]
    write_e5(path, tensors, blocks)
    return read_e5(path)


def test_every_weight_is_there_under_berts_name(read: E5File) -> None:
    tensors = drawn()
    assert len(read.weights) == len(tensors)
    for name, bert in NAMES.items():
        found, wanted = read.weights[bert], tensors[name]
        assert found.dtype == np.float32
        assert found.shape == wanted.shape
        if wanted.ndim == 2 and name != "emb.pos":  # in 4 bits
            step = np.abs(wanted.reshape(-1, 32)).max(1, keepdims=True) / 7
            assert (np.abs(found - wanted).reshape(-1, 32) <= step * 0.51).all()
        else:
            np.testing.assert_array_equal(found, wanted)


@pytest.fixture(scope="module")
def pieces(read: E5File, tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    folder = tmp_path_factory.mktemp("tokenizer")
    for name, content in read.tokenizer.items():
        (folder / name).write_bytes(content)
    return Pieces.from_folder(folder)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Turm hoch", ["▁Turm", "▁", "hoch"]),
        ("Turm\n \u200bhoch", ["▁Turm", "▁", "hoch"]),
        ("Tu\x07rm", ["▁Turm"]),
        ("５ 塔", ["▁", "5", "▁", "塔"]),
        ("<s>", ["▁", "<", "s", ">"]),  # what documents say is plain text, never a special token
    ],
)
def test_text_is_cut_as_xlm_r_cuts_it(pieces: Pieces, text: str, wanted: list[str]) -> None:
    (ids,) = pieces.encode([text])
    assert [list(PIECES)[i] for i in ids] == wanted
    assert pieces.count_all([text, ""]) == [len(wanted), 0]


def as_tokenizers_cut() -> tokenizers.Tokenizer:
    """The oracle: the same model, run by the package ``tokenizers``."""
    never = -1e4  # no text's best cut has what is special
    scored = [(piece, score if score else never) for piece, score in PIECES.items()]
    made = tokenizers.Tokenizer(models.Unigram(scored, unk_id=3, byte_fallback=False))
    steps = [normalizers.Replace(char, to) for char, to in ((chr(c), to) for c, to in CHARACTERS.items())]
    made.normalizer = normalizers.Sequence(
        [*steps, normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    return made


WORDS_OR_BLANKS = st.text(st.sampled_from("Turmhochs<pad>5５塔x \n\u200b\x07ﬁ▁"), max_size=24)


@given(st.lists(WORDS_OR_BLANKS.map(lambda text: f"s{text}"), max_size=5))
def test_text_is_cut_as_another_package_cuts_it(pieces: Pieces, texts: list[str]) -> None:
    wanted = as_tokenizers_cut().encode_batch(texts, add_special_tokens=False)
    assert pieces.encode(texts) == [encoding.ids for encoding in wanted]


@pytest.mark.parametrize("text", ["", " ", "\n\u200b", "\x07"])
def test_blanks_alone_have_no_pieces(pieces: Pieces, text: str) -> None:
    assert pieces.encode([text]) == [[]]


@pytest.mark.parametrize("name", ["pieces.model", "characters.json"])
@pytest.mark.parametrize("content", [None, b"", b"[1]", b"{\xff", b"nothing of the kind"])
def test_a_damaged_tokenizer_is_named(read: E5File, tmp_path: Path, name: str, content: bytes | None) -> None:
    for file, own in read.tokenizer.items():
        (tmp_path / file).write_bytes(own)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=re.escape(str(tmp_path))):
        Pieces.from_folder(tmp_path)
