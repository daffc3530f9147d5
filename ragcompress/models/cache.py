"""The cache of converted models: one folder each, put in place whole or not at all.

    {cache}/models/gguf-{16 hex digits of the GGUF's SHA-256}-v{format}/
        config.json, model.safetensors, tokenizer.json, tokenizer_config.json
        model.gguf       where it was downloaded
        ragcompress.json name, fingerprint, sizes of all files and sums of those not large: to find damage
    {cache}/embedding/{name}-v{format}/
        model.onnx, evidence.onnx, words.bin, the tokenizer's files, ragcompress.json

A folder is built under a temporary name next to its place and then renamed. Processes that build the same
one at once need no lock: the first rename wins, the others use what is there.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import platformdirs

from ..errors import ModelError

State = Literal["absent", "damaged", "ready"]

MANIFEST = "ragcompress.json"
# Raised when a conversion writes something else than before: older entries are then left alone and not used.
_FORMAT = 1
_SUMMED = 32 << 20  # bytes: takes some milliseconds
_SCRATCH_PREFIX = ".building-"
_SCRATCH_LIFETIME = 24 * 3600.0


def cache_folder() -> Path:
    """Return the cache folder: ``RAGCOMPRESS_CACHE``, or the user's cache folder; it need not exist."""
    chosen = os.environ.get("RAGCOMPRESS_CACHE")
    return (
        Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("ragcompress", appauthor=False)
    )


def entry_folder(fingerprint: str) -> Path:
    """Return where the model made from the GGUF file with this SHA-256 lies, or would lie."""
    return cache_folder() / "models" / f"gguf-{fingerprint[:16]}-v{_FORMAT}"


def entries() -> list[Path]:
    """Return the folders of all models in the cache, sorted; some may be damaged."""
    return sorted((cache_folder() / "models").glob(f"gguf-*-v{_FORMAT}"))


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return a converted folder's manifest; None if it has none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_intact = (
        isinstance(manifest, dict)
        and manifest.get("format") == _FORMAT
        and isinstance(manifest.get("fingerprint"), str)
        and isinstance(manifest.get("name"), str)
        and isinstance(manifest.get("bytes"), dict)
        and isinstance(manifest.setdefault("crc32", {}), dict)  # those of older versions have none
        and ("model.safetensors" in manifest["bytes"] or "model.onnx" in manifest["bytes"])
    )
    return manifest if is_intact else None


def write_manifest(folder: Path, name: str, fingerprint: str) -> None:
    """Record what the folder is and how large its files are; to be called when all of them are there."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    sums = {name: _crc32(folder / name) for name, size in sizes.items() if size <= _SUMMED}
    manifest = {
        "format": _FORMAT, "name": name, "fingerprint": fingerprint, "bytes": sizes, "crc32": sums,
    }  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def state(folder: Path) -> State:
    """Tell whether a converted folder can be used: by its files' sizes, and the sums of those not large."""
    if not os.path.isdir(folder):  # nor where nobody may look
        return "absent"
    manifest = read_manifest(folder)
    if manifest is None:
        return "damaged"
    try:
        whole = all((folder / name).stat().st_size == size for name, size in manifest["bytes"].items())
        whole = whole and all(_crc32(folder / name) == crc for name, crc in manifest["crc32"].items())
    except (OSError, ValueError):  # a name that no file can have
        return "damaged"
    return "ready" if whole else "damaged"


def _crc32(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


def install(target: Path, build: Callable[[Path], None]) -> None:
    """Build a cache entry and put it in place, replacing a damaged one.

    Args:
        target: the entry's folder.
        build: called with an empty folder to fill, manifest included. If it raises, nothing is left behind.

    Raises:
        ModelError: if the cache can't be written; says what to do about it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=target.parent))
        try:
            # A subfolder, because mkdtemp's own is closed to other users, who may share the cache.
            fresh = scratch / "fresh"
            fresh.mkdir()
            build(fresh)
            _replace(fresh, target, scratch / "damaged")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise ModelError(_explain(error)) from error


def _replace(fresh: Path, target: Path, aside: Path) -> None:
    if state(target) == "ready":
        return  # another process was first
    with suppress(FileNotFoundError):
        target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        if state(target) != "ready":
            raise


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed while building left behind."""
    for scratch in folder.glob(f"{_SCRATCH_PREFIX}*"):
        with suppress(OSError):
            if time.time() - scratch.stat().st_mtime > _SCRATCH_LIFETIME:
                shutil.rmtree(scratch, ignore_errors=True)


def _explain(error: OSError) -> str:
    where = f"the model cache {cache_folder()}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no room left in {where}; free some, or set RAGCOMPRESS_CACHE to a folder with room"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{where} can't be written; set RAGCOMPRESS_CACHE to a folder that can"
    return f"{where} can't be used ({error}); set RAGCOMPRESS_CACHE to another folder"
