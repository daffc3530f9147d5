"""Damaged and made-up bytes into everything that reads them: an answer, or an error of the one family.

A few cases each with the other tests; ``make fuzz`` takes many, other ones each time. What it finds becomes a
test of its own.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from damage import BITS, FUZZ, flipped
from fake_probe import fake_probe
from hypothesis import given
from hypothesis import strategies as st
from promises import by_words
from tiny_gguf import write_gguf

from ragcompress import Budget, Compressor, Document, RagCompressError, read_documents, run_request, segment
from ragcompress.models.gguf_file import GgufFile
from ragcompress.probes import load
from ragcompress.proxy.reuse import DiskStore
from ragcompress.scorers import bm25

SYNTAXES = ("markdown", "text", "code", "csv")
_BLOCKS = "# a,| a | b |,|---|,- x,```,<table>,</td>,<pre>,1) ,<!--,$$,[^1]".split(",")
_MARKS = [*'\n\r\t \x00",;{}é\u200d', "\n\n", "a.", "b! ", "桥。", "&amp;"]
MARKUP = st.lists(st.sampled_from([*_BLOCKS, *_MARKS]), max_size=80).map("".join)


@FUZZ
@given(MARKUP | st.text(), st.sampled_from(SYNTAXES))
def test_segmentation(text: str, syntax: str) -> None:
    parts = segment([Document(text, syntax=syntax)])  # type: ignore[arg-type]
    assert "".join("".join(s.text.split()) for s in parts.sentences) == "".join(text.split())


@FUZZ
@given(
    st.sampled_from(
        [".html", ".md", ".csv", ".json", ".jsonl", ".txt", ".xml", ".pdf", ".docx", ".xlsx", ".py"]
    ),
    st.binary() | MARKUP.map(str.encode),
)
def test_loaders(suffix: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a{suffix}")
        path.write_bytes(content)
        try:
            found = read_documents([str(path)], note=lambda text: None)
        except RagCompressError:
            return
        assert all(isinstance(d, Document) for d in found)


@FUZZ
@given(
    st.binary()
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_requests(line: bytes) -> None:
    compressor = Compressor(bm25.Scorer(), counter=by_words, budget=Budget(max_tokens=9))
    json.loads(run_request(compressor, None, 1, line).line)


@FUZZ
@given(BITS, st.booleans())
def test_probes(bits: list[tuple[int, int]], card: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fake_probe().save(Path(folder, "p"))
        path = Path(folder, "p.json" if card else "p.safetensors")
        path.write_bytes(flipped(path.read_bytes(), bits))
        try:
            load(Path(folder, "p"))
        except RagCompressError:
            return


@FUZZ
@given(BITS, st.sampled_from(["float32", "float16", "bfloat16", "int8"]))
def test_stores(bits: list[tuple[int, int]], precision: str) -> None:
    array = np.linspace(-1, 1, 120, dtype=np.float32).reshape(3, 2, 4, 5)
    with tempfile.TemporaryDirectory() as folder:
        store = DiskStore(Path(folder), precision=precision)
        store.put("ab" * 16, array)
        whole = store.get("ab" * 16)
        (path,) = Path(folder).glob("*/*")
        path.write_bytes(flipped(path.read_bytes(), bits))
        found = store.get("ab" * 16)
        assert whole is not None
        assert found is None or (found.shape == whole.shape and (found == whole).all())


@FUZZ
@given(BITS, st.none() | st.integers(0, 3000))
def test_gguf(bits: list[tuple[int, int]], end: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.gguf")
        write_gguf(path)
        path.write_bytes(flipped(path.read_bytes(), [(place % 3000, bit) for place, bit in bits])[:end])
        try:
            with GgufFile(path) as file:
                list(file.tensors)
        except RagCompressError:
            return
