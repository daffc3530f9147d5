"""``ragcompress index`` with the real models, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from ragcompress import models
from ragcompress.cli.app import app
from ragcompress.index import MiniLM

TOWNS = ("Oslo", "Turin", "Lagos")


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert (result.exit_code, "Traceback" in result.output) == (code, False), result.output
    return result


@pytest.mark.model
def test_build_compress_and_keys(tmp_path: Path, default_folder: models.ModelFolder) -> None:
    docs, index = tmp_path / "docs", tmp_path / "idx"
    docs.mkdir()
    for i, town in enumerate(TOWNS):
        text = f"The bridge of {town} is old. It was built by engineer number {i}. Larks sing at dawn."
        (docs / f"{town}.txt").write_text(text)
    said = run("index", "build", docs, "-o", index, "--store-keys", "0.05").stderr
    assert "3 files new, 0 changed, 0 deleted, 0 left out" in said
    assert "keys and values of 3 of 3 passages" in said
    stored = {p: p.read_bytes() for p in (index / "keys").rglob("*.safetensors")}
    assert len(stored) == 3

    def compressed(*options: object, command: tuple[str, ...] = ("compress",)) -> dict[str, Any]:
        fixed = ("--index", index, "--top-k", 2, "--budget", 25, "--format", "json")
        found: dict[str, Any] = json.loads(
            run(*command, "Who built Turin's bridge?", *fixed, *options).stdout
        )
        return found

    one, other = compressed(), compressed(command=("index", "compress"))
    assert {**one, "seconds": None} == {**other, "seconds": None}
    assert one["text"].startswith("The bridge of Turin is old. It was built by engineer number 1.")
    assert one["pieces"][0]["source"] == str(docs / "Turin.txt")
    assert {p: p.read_bytes() for p in (index / "keys").rglob("*.safetensors")} == stored
    (index / "keys").rename(tmp_path / "elsewhere")
    exact = [p["score"] for p in compressed()["pieces"]]
    assert np.allclose([p["score"] for p in one["pieces"]], exact, atol=0.02)


@pytest.mark.model
def test_a_text_longer_than_the_embedder_reads_is_read_to_its_end() -> None:
    embedder = MiniLM()
    filler = "Ferries cross the fjord at noon. " * 40
    vectors = embedder.embed(
        [filler, f"{filler} The mayor of Turin plays chess.", "Who plays chess in Turin?"]
    )
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[1] @ vectors[2] > vectors[0] @ vectors[2] + 0.05
    assert (embedder.embed([filler])[0] == vectors[0]).all()


def test_wrong_usage_is_told(tmp_path: Path) -> None:
    assert "one of them" in run("compress", "who?", code=2).stderr
    assert "one of them" in run("compress", "who?", tmp_path, "--index", tmp_path, code=2).stderr
    assert "give --index" in run("compress", "who?", tmp_path, "--top-k", 3, code=2).stderr
    assert "no folder" in run("index", "build", tmp_path / "no", "-o", tmp_path / "x", code=1).stderr
