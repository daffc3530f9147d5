"""Full disks, volumes that can only be read, other people's files, clocks that jump: the next call works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from damage import without_checksums
from word_vectors import WordVectors

from ragcompress import DataError, probes
from ragcompress.batch.journal import Journal, state_path
from ragcompress.batch.request import Outcome
from ragcompress.index import Index, build_index
from ragcompress.index.database import Database
from ragcompress.models import cache
from ragcompress.proxy.reuse import DiskStore

ROOT = Path(__file__).parents[2]
ARRAY = np.ones((3, 2, 40, 5), np.float32)


class Saboteur(WordVectors):
    """An embedder that does something else first, and counts the texts it was given."""

    def __init__(self, folder: Path, act: Callable[[], None]) -> None:
        super().__init__(folder)
        self._act, self.n_texts = act, 0

    def embed(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        self._act()
        self.n_texts += len(texts)
        return super().embed(texts)


def mayor(folder: Path, embedder: WordVectors) -> str:
    return Index(folder, embedder=embedder).search("Who is the mayor of town3?", 1)[0].passage.document.text


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for n in range(6):
        (folder / f"{n}.md").write_text(f"# Town {n}\n\nThe mayor of town{n} is person{n}.\n")
    return folder


@pytest.mark.parametrize("stands_in_the_way", ["v2", "current"])
def test_a_build_that_could_not_switch_is_switched_to_by_the_next(
    stands_in_the_way: str, texts: Path, tmp_path: Path, counting_folder: Path
) -> None:
    index, plain = tmp_path / "index", WordVectors(counting_folder)
    build_index(texts, index, embedder=plain, passage_tokens=60)
    (texts / "3.md").write_text("# Town 3\n\nThe mayor of town3 is somebody else.\n")
    place, aside = index / stands_in_the_way, tmp_path / "aside"

    def obstruct() -> None:
        if place.exists():
            place.rename(aside)
        if stands_in_the_way == "v2":
            place.write_text("a file")
        else:
            place.mkdir()

    with pytest.raises(DataError, match="can't be"):
        build_index(texts, index, embedder=Saboteur(counting_folder, obstruct), passage_tokens=60)
    if stands_in_the_way == "v2":
        place.unlink()
    else:
        place.rmdir()
        aside.rename(place)
    assert "person3" in mayor(index, plain)
    again = Saboteur(counting_folder, lambda: None)
    assert build_index(texts, index, embedder=again, passage_tokens=60).version == "v2"
    assert "somebody else" in mayor(index, plain) and again.n_texts == 0


def test_notes_of_an_index_that_are_damaged_are_told(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.sqlite", writable=True)
    with database.transaction():
        database.note(folder="x")
        database._db.execute("UPDATE meta SET value = '{'")
    with pytest.raises(DataError, match="damaged"):
        database.meta()


def test_a_schema_that_is_damaged_is_told(texts: Path, tmp_path: Path, counting_folder: Path) -> None:
    build_index(texts, tmp_path / "index", embedder=WordVectors(counting_folder), passage_tokens=60)
    path = tmp_path / "index" / "v1" / "passages.sqlite"
    without_checksums(tmp_path / "index")
    path.write_bytes(path.read_bytes().replace(b"AUTOINCREMENT, path", b"A\xb0TOINCREMENT, path"))
    with pytest.raises(DataError, match="can't be used"):
        Index(tmp_path / "index", embedder=WordVectors(counting_folder))


def test_what_a_store_can_not_remove_or_read_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "00" / f"{'00' * 16}.safetensors"
    in_the_way.mkdir(parents=True)  # can be neither read nor unlinked, as another user's file
    os.utime(in_the_way, (1, 1))
    store = DiskStore(tmp_path, max_bytes=10_000)
    for n in range(1, 16):
        store.put(f"{n:02x}" * 16, ARRAY)
        assert store.get("00" * 16) is None
    assert store.get("0f" * 16) is not None and in_the_way.is_dir()
    assert store.n_bytes <= 10_000 + in_the_way.stat().st_size
    assert len(caplog.records) == 1 and "can't be read" in caplog.text


def test_entries_of_a_clock_that_was_ahead_do_not_outlive_those_in_use(tmp_path: Path) -> None:
    DiskStore(tmp_path).put("00" * 16, ARRAY)
    (old,) = tmp_path.glob("*/*.safetensors")
    os.utime(old, (time.time() + 1e6,) * 2)
    store = DiskStore(tmp_path, max_bytes=10_000)
    for n in range(1, 16):
        store.put(f"{n:02x}" * 16, ARRAY)
    assert not old.exists() and store.get("0f" * 16) is not None


def test_a_journal_that_can_not_be_written_is_closed_all_the_same(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match="can't be written"):
        with Journal(output, {}, resume=False) as journal:
            state_path(output).mkdir()
            journal.add(Outcome(b"{}\n", failed=False), offset=3, lines=1)
    state_path(output).rmdir()
    assert not list(tmp_path.glob(".*.lock"))
    with Journal(output, {}, resume=False) as journal:
        journal.add(Outcome(b"{}\n", failed=False), offset=3, lines=1)
        journal.finish()
    assert output.read_bytes() == b"{}\n"


def test_json_that_is_nested_too_deeply_is_damage(tmp_path: Path) -> None:
    deep = "[" * 100_000
    (tmp_path / "p.json").write_text(deep)
    with pytest.raises(DataError, match="can't be read"):
        probes.load(tmp_path / "p")
    (tmp_path / cache.MANIFEST).write_text(deep)
    assert cache.state(tmp_path) == "damaged"
    state_path(tmp_path / "out.jsonl").write_text(deep)
    with pytest.raises(DataError, match="can't be read"):
        Journal(tmp_path / "out.jsonl", {}, resume=True)


def test_a_probe_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    from fake_probe import fake_probe

    probe = fake_probe()
    probe.save(tmp_path / "p")
    (tmp_path / "p.json").rename(tmp_path / "kept.json")
    (tmp_path / "p.json").mkdir()
    with pytest.raises(DataError, match="can't be written"):
        probe.save(tmp_path / "p")
    (tmp_path / "p.json").rmdir()
    (tmp_path / "kept.json").rename(tmp_path / "p.json")
    assert probes.load(tmp_path / "p").fingerprint() == probe.fingerprint()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["--version", "--help", "models list", "compress --help"])
def test_a_full_device_ends_every_command_with_one_line(arguments: str, tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m ragcompress {arguments} > /dev/full"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RAGCOMPRESS_CACHE": str(tmp_path)}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (
        1,
        "error: the result can't be written: No space left on device\n",
    )


@pytest.mark.slow
def test_a_batch_on_a_full_device_says_so(tmp_path: Path, counting_folder: Path) -> None:
    request = {
        "question": "Who built the bridge?",
        "documents": [{"text": "Ann built the bridge. It is old."}],
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(request) + "\n")
    command = [sys.executable, "-m", "ragcompress", "batch", str(tmp_path / "in.jsonl"), "-o", "/dev/full"]
    done = subprocess.run(
        [*command, "--scorer", "bm25", "--proxy", str(counting_folder), "--budget", "50"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, "can't be written: No space left on device" in done.stderr) == (1, True), (
        done.stderr
    )
    assert "Traceback" not in done.stderr


def test_results_that_can_not_be_put_in_place_stay_and_are_resumed(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match="can't be renamed"):
        with Journal(output, {}, resume=False) as journal:
            journal.add(Outcome(b"{}\n", failed=False), offset=3, lines=1)
            output.mkdir()
            journal.finish()
    output.rmdir()
    with Journal(output, {}, resume=True) as journal:
        assert journal.at.n_done == 1
        journal.finish()
    assert output.read_bytes() == b"{}\n"
