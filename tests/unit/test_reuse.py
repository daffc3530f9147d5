"""Stores of keys and values: whole or not at all, bounded, shared, never trusted when damaged."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ragcompress import InputError, ProxyInfo
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


def test_half_precision_halves_the_memory_and_stays_close(tmp_path: Path) -> None:
    for half in (MemoryStore(precision="float16"), DiskStore(tmp_path, precision="float16")):
        half.put("k", ARRAY)
        found = half.get("k")
        assert found is not None and found.dtype == np.float32
        assert np.abs(found - ARRAY).max() < 2e-3


def test_memory_forgets_what_was_used_longest_ago() -> None:
    store = MemoryStore(max_bytes=2 * ARRAY.nbytes)
    for key in "ab":
        store.put(key, ARRAY)
    assert store.get("a") is not None
    store.put("c", ARRAY)
    assert store.get("b") is None and store.get("a") is not None
    store.put("huge", np.tile(ARRAY, (3, 1, 1, 1)))
    assert store.get("huge") is None and store.get("a") is not None


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
    with pytest.raises(InputError, match="float32, float16"):
        MemoryStore(precision="int4")
    with pytest.raises(InputError, match="negative"):
        DiskStore(tmp_path, max_bytes=-1)
