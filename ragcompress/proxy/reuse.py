"""Keys and values of passages, kept so that no passage is read twice.

In a causal model they do not depend on what follows, so a passage's are the same for every question. An
entry's key covers all that they do depend on: the proxy's weights and precision, the layers, and the
prefix's token ids (template head, title and passage).
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from numbers import Integral
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..array_files import read_arrays, write_arrays
from ..errors import DataError, InputError, UnreadableFile
from ..files import sweep
from ..prompts.passages import Prompt
from . import packing
from .base import ProxyInfo

_FLOAT = NDArray[np.float32]
Prefix = tuple[int, ...]
Encode = Callable[[Sequence[Prefix]], list[_FLOAT]]
_LOG = logging.getLogger("ragcompress")
_FORMAT = "5"
_DIMENSIONS = 4
_MEBIBYTE = 1 << 20
_CLOCKS_DIFFER = 60.0  # seconds between machines that share a folder


class KeyValueStore(Protocol):
    """Keeps keys and values: arrays (2·L - 1, KV, P, D), L layers' keys and then L - 1 layers' values."""

    def get(self, key: str) -> _FLOAT | None:
        """Return what was put under the key, or None."""
        ...

    def put(self, key: str, array: _FLOAT) -> None:
        """Keep an array, which must not be written to any more; it may be dropped again at any time."""
        ...


def entry_key(proxy: ProxyInfo, n_layers: int, prefix: Sequence[int]) -> str:
    """32 hex digits for a prefix as one proxy reads it in its first ``n_layers`` layers."""
    about = f"{_FORMAT} {proxy.fingerprint} {proxy.backend} {proxy.precision} {n_layers} "
    return hashlib.sha256(about.encode() + np.array(prefix, dtype="<i8").tobytes()).hexdigest()[:32]


def encode_with(
    store: KeyValueStore | None, proxy: ProxyInfo, n_layers: int, prompts: Sequence[Prompt], encode: Encode
) -> list[_FLOAT]:
    """Keys and values of the prompts' prefixes, from the store where it has them.

    Args:
        store: None: there is none.
        encode: computes the arrays of those that are missing.

    Returns:
        One array (2·L - 1, KV, P, D) per prefix, P its length.
    """
    if store is None:
        return encode([p.prefix for p in prompts])
    kept = [p.kept or p.prefix for p in prompts]
    keys = [entry_key(proxy, n_layers, ids) for ids in kept]
    known = {i: array for i, key in enumerate(keys) if (array := store.get(key)) is not None}
    if missing := [i for i in range(len(prompts)) if i not in known]:
        for i, array in zip(missing, encode([kept[i] for i in missing]), strict=True):
            known[i] = array
            store.put(keys[i], array)
    return [known[i][:, :, : len(p.prefix)] for i, p in enumerate(prompts)]


class MemoryStore:
    """Keeps the most recently used entries in memory.

    Args:
        max_bytes: ceiling on the arrays held. SmolLM2-135M needs 30 kB a token for 20 layers in float32.
        precision: ``float32`` (exact), ``float16``, ``bfloat16`` (half the memory) or ``int8`` (a quarter).
    """

    def __init__(self, max_bytes: int = 512 * _MEBIBYTE, precision: packing.Precision = "float32") -> None:
        _check(max_bytes, precision)
        self._precision, self._max_bytes, self._bytes = precision, max_bytes, 0
        self._entries: OrderedDict[str, packing.Packed] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> _FLOAT | None:
        """See ``KeyValueStore``."""
        with self._lock:
            if (packed := self._entries.get(key)) is None:
                return None
            self._entries.move_to_end(key)
        return packing.unpack(packed)

    def put(self, key: str, array: _FLOAT) -> None:
        """See ``KeyValueStore``; what is larger than the ceiling is not kept, what is kept is read-only."""
        packed = packing.pack(array, self._precision)
        if packing.n_bytes(packed) > self._max_bytes:
            return
        packed["numbers"].flags.writeable = False
        with self._lock:
            if (old := self._entries.pop(key, None)) is not None:
                self._bytes -= packing.n_bytes(old)
            self._entries[key] = packed
            self._bytes += packing.n_bytes(packed)
            while self._bytes > self._max_bytes:
                self._bytes -= packing.n_bytes(self._entries.popitem(last=False)[1])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0


class DiskStore:
    """Keeps entries in a folder, one safetensors file each; several processes may share it.

    Files are for their owner only, since keys and values tell of the texts. They appear whole or not at all
    (written under another name, then renamed). What does not have the checksum that it was written with is
    removed, said in the log, and computed again. Where nothing can be written, or another user's files can't
    be read, that is said once. When the folder outgrows its ceiling, the entries that were used longest ago
    go; each process looks at what the others have written every twentieth of the ceiling.

    Args:
        folder: made if need be.
        max_bytes: ceiling on the files.
        precision: as ``MemoryStore``'s.
    """

    def __init__(
        self, folder: Path, max_bytes: int = 4096 * _MEBIBYTE, precision: packing.Precision = "float16"
    ) -> None:
        _check(max_bytes, precision)
        self._folder, self._max_bytes, self._precision = folder, max_bytes, precision
        self._lock = threading.Lock()
        self._writable = self._readable = True
        with suppress(OSError):  # what can't be made is said when something is to be kept
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(folder.glob("??/.*.tmp"))
        self._bytes, self._unseen = sum(size for _, size, _ in self._files()), 0

    def get(self, key: str) -> _FLOAT | None:
        """See ``KeyValueStore``."""
        path = self._path(key)
        try:
            packed, about = read_arrays(path, _FORMAT, most=self._max_bytes)
            if about.get("key") != key:
                raise DataError(f"{path} holds those of other texts")
            array = packing.unpack(packed)
            if array.ndim != _DIMENSIONS:
                raise DataError(f"{path} holds an array of {array.ndim} dimensions")
        except FileNotFoundError:
            return None
        except UnreadableFile as error:  # nothing is wrong with it: another user's, or too many open files
            if self._readable:
                _LOG.warning("stored keys and values can't be used (%s); continuing without", error)
            self._readable = False
            return None
        except (DataError, ValueError, KeyError) as error:
            _LOG.warning("stored keys and values can't be used and are computed again: %s", error)
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        with suppress(OSError):  # a volume that can only be read: nothing will be removed there either
            os.utime(path)
        return array

    def put(self, key: str, array: _FLOAT) -> None:
        """See ``KeyValueStore``; where the disk is full, nothing is kept and the log says so."""
        packed = packing.pack(array, self._precision)
        try:
            n_bytes = write_arrays(self._path(key), packed, {"format": _FORMAT, "key": key}, private=True)
        except DataError as error:
            if self._writable:
                _LOG.warning("keys and values can't be stored (%s); continuing without", error)
            self._writable = False
            return
        self._writable = True
        with self._lock:
            self._bytes += n_bytes
            self._unseen += n_bytes
            if self._bytes > self._max_bytes or self._unseen > self._max_bytes // 20:
                self._shrink()

    @property
    def max_bytes(self) -> int:
        """Ceiling on the files."""
        return self._max_bytes

    @property
    def n_bytes(self) -> int:
        """Size of the files, as far as this process knows."""
        return self._bytes

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.safetensors"

    def _files(self) -> list[tuple[float, int, Path]]:
        """Time of last use, size and path of every entry; other processes may remove some meanwhile."""
        files = []
        now = time.time() + _CLOCKS_DIFFER
        for path in self._folder.glob("??/*.safetensors"):
            try:
                status = path.stat()
            except OSError:  # gone meanwhile, or in a folder of another user's
                continue
            # What a clock that was ahead has dated would else outlive all that is used.
            used = status.st_mtime if status.st_mtime <= now else 0.0
            files.append((used, status.st_size, path))
        return files

    def _shrink(self) -> None:
        """Count anew; where there is too much, remove the entries used longest ago until a tenth is free."""
        files = sorted(self._files())
        self._bytes, self._unseen = sum(size for _, size, _ in files), 0
        if self._bytes <= self._max_bytes:
            return
        for _, size, path in files:
            if self._bytes <= self._max_bytes * 9 // 10:
                break
            with suppress(OSError):  # another user's, or a volume that can only be read by now
                path.unlink(missing_ok=True)
                self._bytes -= size


def _check(max_bytes: int, precision: packing.Precision) -> None:
    if not isinstance(max_bytes, Integral) or isinstance(max_bytes, bool) or max_bytes < 0:
        raise InputError(f"max_bytes must be a whole number and not negative, got {max_bytes!r}")
    if precision not in packing.PRECISIONS:
        raise InputError(f"keys and values can be kept as {', '.join(packing.PRECISIONS)}, not {precision!r}")
