"""Files of an index, a batch and a calibration that were changed by hand; embedders that fail."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import without_checksums
from word_vectors import WordVectors

from ragcompress import DataError, InputError
from ragcompress.batch.journal import Checkpoint, Journal
from ragcompress.calibration import load
from ragcompress.calibration.store import _FOLDER, _checksum
from ragcompress.index import Index, build_index


@pytest.fixture(scope="module")
def embedder(counting_folder: Path) -> WordVectors:
    pytest.importorskip("faiss")
    return WordVectors(counting_folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, embedder: WordVectors) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    (folder / "texts").mkdir()
    for n in range(3):
        (folder / "texts" / f"{n}.md").write_text(f"The mayor of town{n} is Ann{n}.\n", encoding="utf-8")
    build_index(folder / "texts", folder / "index", embedder=embedder)
    return folder


@pytest.fixture
def index(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole / "index", tmp_path / "index"))


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def grow(path: Path) -> None:
    os.truncate(path, 100 << 30)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("current", become_pipe),
        ("current", lambda path: path.write_text("v" + "9" * 5000 + "\n")),
        ("v1/vectors.faiss", become_pipe),
        ("v1/vectors.faiss", grow),
        ("v1/passages.sqlite", become_pipe),
    ],
)
def test_what_is_no_file_of_an_index_is_refused(
    index: Path, embedder: WordVectors, name: str, change: Callable[[Path], None]
) -> None:
    change(index / name)
    with pytest.raises(DataError, match=name.split("/")[-1]):
        Index(index, embedder=embedder)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM meta WHERE key = 'embedder'",
        "UPDATE meta SET value = '[1]' WHERE key = 'embedder'",
        "UPDATE passages SET vector = 'x'",
        "UPDATE passages SET vector = 5",
        "UPDATE passages SET text = 'The mayor of town1 is Bo.'",
    ],
)
def test_tables_changed_by_hand_are_refused(index: Path, embedder: WordVectors, change: str) -> None:
    without_checksums(index)
    with sqlite3.connect(index / "v1" / "passages.sqlite") as database:
        database.execute(change)
    with pytest.raises(DataError, match="build it again"):
        found = Index(index, embedder=embedder)
        found.search("Who is the mayor of town1?")
        list(found.vectors())


@pytest.mark.parametrize(
    "begun", ["5", '"x"', "[[1]]", '{"path": 1}', '{"path": "a", "sha256": "b", "n": "c"}']
)
def test_a_build_does_not_believe_what_was_begun(
    whole: Path, index: Path, embedder: WordVectors, begun: str
) -> None:
    without_checksums(index)
    with sqlite3.connect(index / "v1" / "passages.sqlite") as database:
        database.execute("INSERT OR REPLACE INTO meta VALUES ('begun', ?)", (begun,))
    with pytest.raises(DataError, match="was begun"):
        build_index(whole / "texts", index, embedder=embedder)


class Faulty(WordVectors):
    """An embedder that gives what another function makes of vectors."""

    def __init__(self, folder: Path, change: Callable[[Any], Any]) -> None:
        super().__init__(folder)
        self.change = change

    def embed(self, texts: Sequence[str]) -> Any:
        return self.change(super().embed(texts))


def failing(_: object) -> None:
    raise RuntimeError("the GPU is gone")


@pytest.mark.parametrize(
    "change",
    [lambda v: v[:-1], lambda v: v * np.nan, lambda v: v[0], lambda v: "x", failing, lambda v: v[:, :9]],
)
def test_an_embedder_that_fails_is_named(
    index: Path, counting_folder: Path, change: Callable[[Any], Any]
) -> None:
    with pytest.raises(InputError, match="the embedder"):
        Index(index, embedder=Faulty(counting_folder, change)).search("Who?")


def test_an_embedder_may_give_lists(index: Path, embedder: WordVectors, counting_folder: Path) -> None:
    listed = Faulty(counting_folder, lambda v: v.astype(np.float64).tolist())
    found = [Index(index, embedder=e).search("mayor of town1?")[0].passage for e in (listed, embedder)]
    assert found[0] == found[1]


STATE: dict[str, Any] = {
    "about": {"format": 1, "input": "x"},
    "at": asdict(Checkpoint(offset=10, lines=2, results=16, n_done=2)),
}


def resumed(folder: Path, state: Any) -> Checkpoint:
    (folder / "out.state.json").write_text(json.dumps(state), encoding="utf-8")
    (folder / "out.partial").write_bytes(b'{"a":1}\n' * 10)
    with Journal(folder / "out", {"input": "x"}, resume=True) as journal:
        return journal.at


def test_a_state_that_was_changed_is_not_resumed(tmp_path: Path) -> None:
    assert resumed(tmp_path, STATE).n_done == 2
    written = json.loads((tmp_path / "out.state.json").read_text(encoding="utf-8"))
    written["at"]["offset"] = 18
    with pytest.raises(DataError, match="changed since"):
        resumed(tmp_path, written)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_results_in_place_of_private_ones_are_private(tmp_path: Path, mode: int) -> None:
    output = tmp_path / "out"
    output.touch(mode=mode)
    with Journal(output, {"input": "x"}, resume=False) as journal:
        assert {p.stat().st_mode & 0o777 for p in (journal.partial, journal.errors)} == {0o600}
        journal.finish()
    assert output.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("name", ["offset", "lines", "results", "n_done", "seconds"])
@pytest.mark.parametrize("value", [-1, "5", None, float("nan"), True, [], 10**30])
def test_a_state_with_other_values_is_not_resumed(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(DataError, match="remove it to start over"):
        resumed(tmp_path, {**STATE, "at": {**STATE["at"], name: value}})


@pytest.mark.parametrize(
    "state", [[], None, {**STATE, "about": None}, {**STATE, "about": [["a"]]}, {**STATE, "at": []}]
)
def test_a_state_of_another_shape_is_not_resumed(tmp_path: Path, state: Any) -> None:
    with pytest.raises(DataError):
        resumed(tmp_path, state)


@pytest.mark.parametrize("where", ["evidence", "shape", "words", "weights", "means"])
@pytest.mark.parametrize("value", [float("nan"), "x", None, [1], 10**400, True])
def test_a_calibration_of_other_values_is_refused(tmp_path: Path, where: str, value: Any) -> None:
    content = json.loads(next(_FOLDER.glob("*.json")).read_text(encoding="utf-8"))
    del content["sha256"]
    content["cases"] = copy.deepcopy(content["cases"][:2])
    holder = content["answerable"] if where in content["answerable"] else content["cases"][0]
    holder[where] = [value, *holder[where][1:]]
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"sha256": _checksum(content), **content}), encoding="utf-8")
    with pytest.raises(DataError, match="damaged"):
        load(path)


def test_a_calibration_too_deep_to_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text('{"format": 2, "x": ' + "[" * 990 + "]" * 990 + "}", encoding="utf-8")
    with pytest.raises(DataError, match="calibration"):
        load(path)
