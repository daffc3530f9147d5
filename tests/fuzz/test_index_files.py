"""Damaged files of an index: the right words of a source, or an error of the one family; never others."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from damage import BITS, FUZZ, flipped
from hypothesis import given
from hypothesis import strategies as st
from word_vectors import WordVectors

from ragcompress import RagCompressError
from ragcompress.index import Index, build_index

pytestmark = pytest.mark.slow

TEXTS = {f"{n}.md": f"# Town {n}\n\nThe mayor of town{n} is person{n}. Larks sing.\n" for n in range(6)}


@pytest.fixture(scope="module")
def embedder(counting_folder: Path) -> WordVectors:
    return WordVectors(counting_folder)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: WordVectors) -> Path:
    folder = tmp_path_factory.mktemp("index")
    (folder / "texts").mkdir()
    for name, text in TEXTS.items():
        (folder / "texts" / name).write_text(text, encoding="utf-8")
    build_index(folder / "texts", folder / "index", embedder=embedder, passage_tokens=60)
    return folder / "index"


@FUZZ
@given(st.integers(0, 99), BITS, st.none() | st.integers(0, 5000))
def test_damage_is_found(
    index: Path, embedder: WordVectors, number: int, bits: list[tuple[int, int]], end: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(index, Path(folder, "index")))
        files = sorted(path for path in copy.rglob("*") if path.is_file() and path.stat().st_size)
        path = files[number % len(files)]
        path.write_bytes(flipped(path.read_bytes(), bits)[:end])
        try:
            found = Index(copy, embedder=embedder).search("Who is the mayor of town3?", 6)
        except RagCompressError:
            return
        for hit in found:
            document = hit.passage.document
            assert document.text in TEXTS[Path(str(document.source)).name]
