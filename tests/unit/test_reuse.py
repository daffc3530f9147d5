"""Stores of keys and values: whole or not at all, bounded, shared, never trusted when damaged."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ragcompress import InputError, ProxyInfo
from ragcompress.proxy import packing
from ragcompress.proxy.reuse import DiskStore, KeyValueStore, MemoryStore, entry_key

INFO = ProxyInfo("m", "f", 4, 2, 100, "onnx", "float32")
ARRAY = np.random.default_rng(0).normal(size=(7, 2, 5, 8)).astype(np.float32)


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyValueStore:
    return MemoryStore() if request.param == "memory" else DiskStore(tmp_path, precision="float32")


def test_what_is_put_is_got_back_exactly(store: KeyValueStore) -> None:
    assert store.get("ab12") is None
    store.put("ab12", ARRAY)
    found = store.get("ab12")
    assert found is not None and np.array_equal(found, ARRAY)


def test_threads_share_a_store(store: KeyValueStore) -> None:
    def use(number: int) -> bool:
        store.put(f"k{number % 5}", ARRAY)
        found = store.get(f"k{number % 5}")
        return found is not None and np.array_equal(found, ARRAY)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(64)))


@pytest.mark.parametrize(
    ("precision", "share", "error"), [("float16", 0.5, 2**-11), ("bfloat16", 0.5, 2**-8), ("int8", 0.375, 0)]
)
def test_fewer_bytes_stay_close(tmp_path: Path, precision: str, share: float, error: float) -> None:
    packed = packing.pack(ARRAY, precision)
    assert packing.n_bytes(packed) == share * ARRAY.nbytes
    allowed = np.abs(ARRAY) * error if error else np.abs(ARRAY).max(-1, keepdims=True) / 253
    for store in (MemoryStore(precision=precision), DiskStore(tmp_path, precision=precision)):
        store.put("k", ARRAY)
        found = store.get("k")
        assert found is not None and found.dtype == np.float32
        assert (np.abs(found - ARRAY) <= allowed).all()


def test_rows_of_zeros_are_kept() -> None:
    zeros = np.zeros((1, 1, 2, 4), dtype=np.float32)
    for precision in packing.PRECISIONS:
        assert np.array_equal(packing.unpack(packing.pack(zeros, precision)), zeros)


def test_a_changed_bit_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = DiskStore(tmp_path, precision="float32")
    store.put("ab12", ARRAY)
    path = tmp_path / "ab" / "ab12.safetensors"
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)
    assert store.get("ab12") is None
    assert "its numbers have changed" in caplog.text


def test_two_stores_of_one_folder_stay_below_its_ceiling_together(tmp_path: Path) -> None:
    stores = [DiskStore(tmp_path, max_bytes=30 * ARRAY.nbytes, precision="float32") for _ in range(2)]
    for number in range(60):
        stores[number % 2].put(f"{number:04d}", ARRAY)
    sizes = [p.stat().st_size for p in tmp_path.glob("??/*.safetensors")]
    assert 0 < sum(sizes) <= 1.1 * 30 * ARRAY.nbytes


FILL = """
import sys
import numpy as np
from pathlib import Path
from ragcompress.proxy import packing
from ragcompress.proxy.reuse import DiskStore
store = DiskStore(Path(sys.argv[1]), precision="float32")
for number in range(30):
    store.put(f"{number:04d}", np.full((3, 2, 4, 8), number, np.float32))
    found = store.get(f"{number:04d}")
    assert found is not None and (found == number).all()
"""


@pytest.mark.slow
def test_two_processes_fill_one_store(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(list(tmp_path.glob("??/*.safetensors"))) == 30
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_killed_processes_left_is_removed_later(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    for name, age in (("old", 2 * 3600), ("now", 60)):
        path = tmp_path / "ab" / f".{name}.safetensors.1.1.tmp"
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    DiskStore(tmp_path)
    assert [p.name for p in (tmp_path / "ab").iterdir()] == [".now.safetensors.1.1.tmp"]


def test_memory_forgets_what_was_used_longest_ago() -> None:
    store = MemoryStore(max_bytes=2 * ARRAY.nbytes)
    for key in "ab":
        store.put(key, ARRAY)
    assert store.get("a") is not None
    store.put("c", ARRAY)
    assert store.get("b") is None and store.get("a") is not None
    store.put("huge", np.tile(ARRAY, (3, 1, 1, 1)))
    assert store.get("huge") is None and store.get("a") is not None


@pytest.mark.parametrize("view", [False, True])
def test_what_is_kept_in_memory_stays_as_it_was(view: bool) -> None:
    array = ARRAY.copy()[:, :, :3] if view else ARRAY.copy()
    before = array.copy()
    store = MemoryStore()
    store.put("k", array)
    if view:
        array[:] = 0
    else:
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    assert np.array_equal(store.get("k"), before)


def test_the_disk_store_stays_below_its_ceiling(tmp_path: Path) -> None:
    store = DiskStore(tmp_path, max_bytes=5 * ARRAY.nbytes, precision="float32")
    for number in range(20):
        store.put(f"{number:04d}", ARRAY)
        os.utime(tmp_path / f"{number:04d}"[:2] / f"{number:04d}.safetensors", (number, number))
    sizes = [p.stat().st_size for p in tmp_path.glob("??/*.safetensors")]
    assert 0 < sum(sizes) <= 5 * ARRAY.nbytes
    assert store.get("0019") is not None and store.get("0000") is None
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_damaged_entry_is_removed_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    store = DiskStore(tmp_path, precision="float32")
    store.put("ab12", ARRAY)
    path = tmp_path / "ab" / "ab12.safetensors"
    path.write_bytes(path.read_bytes()[:-20] if content is None else content)
    with caplog.at_level(logging.WARNING, logger="ragcompress"):
        assert store.get("ab12") is None
    assert "damaged" in caplog.text and not path.exists()
    store.put("ab12", ARRAY)
    assert store.get("ab12") is not None


def test_an_entry_of_another_version_is_not_trusted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from safetensors.numpy import save_file

    (tmp_path / "ab").mkdir()
    save_file({"keys_values": ARRAY}, tmp_path / "ab" / "ab12.safetensors", {"format": "0"})
    with caplog.at_level(logging.WARNING, logger="ragcompress"):
        assert DiskStore(tmp_path).get("ab12") is None
    assert "another format version" in caplog.text


def test_a_full_disk_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskStore(tmp_path)

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with caplog.at_level(logging.WARNING, logger="ragcompress"):
        store.put("ab12", ARRAY)
        store.put("ab13", ARRAY)
    assert len(caplog.messages) == 1
    assert "No space left" in caplog.text and store.get("ab12") is None
    assert not list(tmp_path.rglob("*.tmp"))


def test_keys_cover_all_that_keys_and_values_depend_on() -> None:
    other = ProxyInfo("m", "g", 4, 2, 100, "onnx", "float32")
    coarse = ProxyInfo("m", "f", 4, 2, 100, "onnx", "int8")
    keys = {
        entry_key(INFO, 3, [1, 2]),
        entry_key(INFO, 3, [1, 2, 3]),
        entry_key(INFO, 4, [1, 2]),
        entry_key(other, 3, [1, 2]),
        entry_key(coarse, 3, [1, 2]),
    }
    assert len(keys) == 5
    assert entry_key(INFO, 3, (1, 2)) in keys


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="float32, float16, bfloat16, int8"):
        MemoryStore(precision="int4")
    with pytest.raises(InputError, match="negative"):
        DiskStore(tmp_path, max_bytes=-1)
