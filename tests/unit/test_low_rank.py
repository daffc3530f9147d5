"""Changes of low rank: as they are kept, and as they are added."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ragcompress.errors import DataError, ModelError
from ragcompress.models import low_rank
from ragcompress.models.embedders import for_evidence
from ragcompress.models.low_rank import Changes

DRAW = np.random.default_rng(0)
WEIGHTS = {
    "x.weight": DRAW.normal(size=(4, 3)).astype(np.float32),
    "y.weight": DRAW.normal(size=(2, 2)).astype(np.float32),
}
CHANGES = {
    "x.a": DRAW.normal(size=(2, 3)).astype(np.float16),
    "x.b": DRAW.normal(size=(4, 2)).astype(np.float16),
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "changes.safetensors"
    low_rank.write(path, CHANGES)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    found = Changes(path, sha256).read()
    assert found.keys() == CHANGES.keys()
    assert all((found[k] == CHANGES[k]).all() and found[k].dtype == np.float32 for k in found)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "changes.safetensors"
    low_rank.write(path, CHANGES)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match="damaged"):
        Changes(path, sha256).read()


@pytest.mark.parametrize(("name", "layers"), [("minilm", 6), ("multilingual", 12)])
def test_the_file_that_ships_is_the_one_the_code_knows(name: str, layers: int) -> None:
    kind = for_evidence(name)
    changes = kind._graphs[kind._file]
    assert changes is not None
    assert len(changes.read()) == 2 * 6 * layers  # query, key, value, output; up, down
    assert changes.version in kind.name
    assert changes.card["trained_on"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be written"):
        low_rank.write(tmp_path / "no" / "changes.safetensors", CHANGES)


def test_changes_are_added_to_the_matrix_they_name() -> None:
    found = low_rank.apply(WEIGHTS, {k: v.astype(np.float32) for k, v in CHANGES.items()})
    x = np.random.default_rng(1).normal(size=3).astype(np.float32)
    wanted = WEIGHTS["x.weight"] @ x + CHANGES["x.b"] @ (CHANGES["x.a"] @ x)
    assert np.allclose(found["x.weight"] @ x, wanted, atol=1e-2)
    assert (found["y.weight"] == WEIGHTS["y.weight"]).all()


@pytest.mark.parametrize("name", ["z", "y"])
def test_changes_that_fit_nothing_are_refused(name: str) -> None:
    changes = {f"{name}.{k[-1]}": v.astype(np.float32) for k, v in CHANGES.items()}
    with pytest.raises(ModelError, match=f"{name}.weight"):
        low_rank.apply(WEIGHTS, changes)
