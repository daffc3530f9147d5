"""Rows of a file, against the matrix in memory."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ragcompress import ModelError
from ragcompress.models.stored_rows import StoredRows

MATRIX = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
ROW = np.dtype(("<f4", (7,)))
PAIR = np.dtype([("values", "i1", (3,)), ("scale", "<f4")])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"\0" * 12 + MATRIX.tobytes() + b"\0" * 9)
    return path


@pytest.mark.parametrize("shape", [(0,), (1,), (9,), (3, 4), (2, 0)])
def test_rows_are_those_of_the_matrix(path: Path, shape: tuple[int, ...]) -> None:
    numbers = np.random.default_rng(1).integers(0, 50, shape)
    found = StoredRows(path, ROW, 50, 12)[numbers]
    assert found.shape == (*shape, 7)
    np.testing.assert_array_equal(found, MATRIX[numbers])


def test_a_row_may_be_a_record(tmp_path: Path) -> None:
    table = np.zeros(9, PAIR)
    table["values"], table["scale"] = np.arange(27).reshape(9, 3), np.arange(9) / 7
    (tmp_path / "words.bin").write_bytes(table.tobytes())
    numbers = np.array([[8, 0], [3, 8]])
    np.testing.assert_array_equal(StoredRows(tmp_path / "words.bin", PAIR, 9)[numbers], table[numbers])


def test_without_pread_threads_get_their_own_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragcompress.models.stored_rows._PREAD", None)
    rows, asked = StoredRows(path, ROW, 50, 12), np.random.default_rng(2).integers(0, 50, (200, 5))
    with ThreadPoolExecutor(8) as pool:
        for numbers, found in zip(asked, pool.map(rows.__getitem__, asked), strict=True):
            np.testing.assert_array_equal(found, MATRIX[numbers])


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_removed_file_goes_on_being_read_and_a_shortened_one_is_said(path: Path) -> None:
    rows = StoredRows(path, ROW, 50, 12)
    os.truncate(path, 100)
    np.testing.assert_array_equal(rows[np.array([0, 2])], MATRIX[[0, 2]])
    with pytest.raises(ModelError, match="weights.bin can't be read: it ends too early"):
        rows[np.array([0, 3])]
    path.unlink()
    np.testing.assert_array_equal(rows[np.array([1])], MATRIX[[1]])


def test_what_can_not_be_had_is_an_error_that_says_so(path: Path, tmp_path: Path) -> None:
    for wrong in (-1, 50):
        with pytest.raises(ModelError, match="has 50 rows"):
            StoredRows(path, ROW, 50, 12)[np.array([wrong, 3])]
    with pytest.raises(ModelError, match="none can't be read: No such file"):
        StoredRows(tmp_path / "none", ROW, 50)
