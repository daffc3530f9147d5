"""Files of one's own that were damaged, or made to harm: an error of the family, never other numbers."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_probe import fake_evidence, fake_probe
from numpy.typing import NDArray

from ragcompress import DataError, Document, InputError, ModelError, segment
from ragcompress.array_files import write_arrays
from ragcompress.index.keys import open_store
from ragcompress.models import cache
from ragcompress.probes import ProbeWeights, load
from ragcompress.proxy.onnx.graph import Shape
from ragcompress.proxy.onnx.weights import open_tensors
from ragcompress.proxy.reuse import _FORMAT, DiskStore
from ragcompress.scorers.passage_probe import Scorer
from ragcompress.testing import FakeProxy

KEY, OTHER = "ab" * 16, "ab" * 15 + "cd"
ARRAY = np.linspace(-1, 1, 120, dtype=np.float32).reshape(3, 2, 4, 5)


def kept(folder: Path) -> tuple[DiskStore, Path]:
    store = DiskStore(folder, precision="float32")
    store.put(KEY, ARRAY)
    return store, folder / KEY[:2] / f"{KEY}.safetensors"


def of_header(header: Any, data: bytes = b"") -> bytes:
    written = json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + data


def become_other(path: Path) -> None:
    DiskStore(path.parent.parent, precision="float32").put(OTHER, 2 * ARRAY)
    path.with_name(f"{OTHER}.safetensors").replace(path)


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def grow(path: Path) -> None:
    os.truncate(path, 100 << 30)


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [become_other, become_pipe, become_device, grow, become_folder])
def test_an_entry_that_is_no_longer_what_was_kept_is_not_used(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    store, path = kept(tmp_path)
    change(path)
    assert store.get(KEY) is None


@pytest.mark.parametrize(
    "arrays",
    [
        {"numbers": ARRAY.astype(np.int64)},
        {"numbers": ARRAY[0]},
        {"numbers": np.zeros((1, 1, 1, 99999), np.int8), "scales": np.zeros((99999, 1, 1, 1), np.float32)},
        {"numbers": ARRAY.astype(np.int8)},
        {"others": ARRAY},
    ],
)
def test_arrays_that_nobody_keeps_are_not_used(tmp_path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    store, path = kept(tmp_path)
    write_arrays(path, arrays, {"format": _FORMAT, "key": KEY})
    assert store.get(KEY) is None


NUMBERS = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "content",
    [
        of_header({"numbers": NUMBERS | {"shape": [1 << 62, 4]}}, b"abcd"),
        of_header({"numbers": NUMBERS | {"dtype": "F8_E4M3", "shape": [4]}}, b"abcd"),
        of_header({"numbers": NUMBERS | {"data_offsets": [0, -4]}}),
        of_header({"numbers": NUMBERS, "__metadata__": ["x"]}, b"abcd"),
        of_header([1]),
        struct.pack("<Q", 1 << 63) + b"{}",
        b"abc",
    ],
)
def test_headers_that_lie_are_found(tmp_path: Path, content: bytes) -> None:
    store, path = kept(tmp_path)
    path.write_bytes(content)
    assert store.get(KEY) is None


@pytest.mark.parametrize("most", ["-5", "1e400", "NaN", '"12"', "true", "null"])
def test_a_ceiling_that_is_no_number_is_refused(tmp_path: Path, most: str) -> None:
    (tmp_path / "about.json").write_text(f'{{"max_bytes": {most}}}', encoding="utf-8")
    with pytest.raises(DataError, match="about.json"):
        open_store(tmp_path)
    with pytest.raises(InputError, match="max_bytes"):
        DiskStore(tmp_path, json.loads(most.replace("-5", "-1")))


def saved(probe: ProbeWeights, folder: Path) -> Path:
    probe.save(folder / "p")
    return folder / "p"


def test_a_probe_whose_numbers_have_changed_is_refused(tmp_path: Path) -> None:
    path = saved(fake_probe(), tmp_path)
    assert dict(load(path).card) == json.loads(json.dumps(dict(fake_probe().card)))
    weights = Path(f"{path}.safetensors")
    content = bytearray(weights.read_bytes())
    content[-9] ^= 1
    weights.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        load(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("look.weight", lambda a: a.astype(np.int8)),
        ("look.weight", lambda a: a > 0),
        ("context.scale", lambda a: a * 0),
        ("context.scale", lambda a: -a),
        ("context.mean", lambda a: a * np.nan),
    ],
)
def test_numbers_that_no_training_writes_are_refused(
    tmp_path: Path, name: str, change: Callable[[NDArray[np.float32]], NDArray[Any]]
) -> None:
    probe = fake_probe()
    arrays = {**probe.arrays, name: change(probe.arrays[name])}
    with pytest.raises(DataError, match=name):
        load(saved(ProbeWeights(arrays, probe.card), tmp_path))


@pytest.mark.parametrize("kind", ["BF16", "F8_E5M2", "F4"])
def test_types_that_numpy_does_not_have_are_refused(tmp_path: Path, kind: str) -> None:
    path = saved(fake_probe(), tmp_path)
    n = {"BF16": 2, "F8_E5M2": 4, "F4": 8}[kind]
    entry = {"dtype": kind, "shape": [n], "data_offsets": [0, 4]}
    Path(f"{path}.safetensors").write_bytes(of_header({"look.weight": entry}, b"abcd"))
    # With the package that knows some of these types they can be read, and the checksum is another.
    with pytest.raises(DataError, match="can't be read|is damaged"):
        load(path)


def test_weights_beyond_all_measure_give_scores(tmp_path: Path) -> None:
    probe = fake_probe()
    arrays = {**probe.arrays, "look.weight": probe.arrays["look.weight"] * 1e30}
    found = load(saved(ProbeWeights(arrays, probe.card), tmp_path))
    parts = segment([Document("Larks sing. Vik is old."), Document("Nes has a mayor.")])
    assert np.isfinite(Scorer(proxy=FakeProxy(), probe=found).score("Who?", parts).values).all()


def test_a_card_without_the_length_of_passages_is_refused(tmp_path: Path) -> None:
    probe = fake_evidence()
    card = {name: value for name, value in probe.card.items() if name != "passage_tokens"}
    with pytest.raises(DataError, match="passage_tokens"):
        _ = load(saved(ProbeWeights(probe.arrays, card), tmp_path)).passage_tokens


CONFIG: dict[str, Any] = {
    "model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32,
    "intermediate_size": 64,
}  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        {"num_attention_heads": 0}, {"num_hidden_layers": -1}, {"hidden_size": 1.5}, {"head_dim": True},
        {"intermediate_size": 1e400}, {"rms_norm_eps": 10**400}, {"rope_parameters": [1]},
        {"rope_parameters": "x"}, {"rope_theta": 0}, {"rope_scaling": {"type": "linear"}},
        {"rope_scaling": {"type": "linear", "factor": float("nan")}}, {"rope_scaling": {"rope_type": ["x"]}},
    ],
)  # fmt: skip
def test_a_config_that_no_model_has_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"config\.json|rotary"):
        Shape.from_config(CONFIG | said)


def test_weights_in_half_the_bits_are_read_and_those_in_fewer_named(tmp_path: Path) -> None:
    halves = (np.array([1.0, -2.5], dtype="<f4").view("<u4") >> 16).astype("<u2").tobytes()
    entries = {
        "a": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [0, 4]},
        "b": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [4, 6]},
    }
    (tmp_path / "model.safetensors").write_bytes(of_header(entries, halves + b"ab"))
    _, read = open_tensors(tmp_path)
    assert read("a").tolist() == [[1.0], [-2.5]]
    with pytest.raises(ModelError, match="has b as F8_E4M3; .* can be read"):
        read("b")


def test_a_model_for_endless_texts_has_a_table_of_some_length() -> None:
    assert Shape.from_config(CONFIG | {"max_position_embeddings": 10**9}).max_tokens == 1 << 17


def test_a_file_of_a_model_that_has_changed_is_found(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"12")
    (tmp_path / "config.json").write_text('{"rope_theta": 100000}', encoding="utf-8")
    cache.write_manifest(tmp_path, "m", "f")
    assert cache.state(tmp_path) == "ready"
    (tmp_path / "config.json").write_text('{"rope_theta": 100008}', encoding="utf-8")
    assert cache.state(tmp_path) == "damaged"


@pytest.mark.parametrize(
    "said", [{"bytes": {"model.onnx": 1, "a\0b": 1}}, {"crc32": []}, {"crc32": {"x": 1}}]
)
def test_a_manifest_that_lies_is_damage(tmp_path: Path, said: dict[str, Any]) -> None:
    (tmp_path / "model.onnx").write_bytes(b"1")
    whole = {"format": 1, "name": "m", "fingerprint": "f", "bytes": {"model.onnx": 1}}
    (tmp_path / cache.MANIFEST).write_text(json.dumps(whole), encoding="utf-8")
    assert cache.state(tmp_path) == "ready"
    (tmp_path / cache.MANIFEST).write_text(json.dumps(whole | said), encoding="utf-8")
    assert cache.state(tmp_path) == "damaged"
