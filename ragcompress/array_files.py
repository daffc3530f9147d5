"""Arrays in files of their own, with a sum that tells damage; nothing is ever half written."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .errors import DataError, UnreadableFile
from .files import write_whole

Arrays = Mapping[str, NDArray[Any]]
_LENGTH = 8  # bytes that say how long the header is


def write_arrays(path: Path, arrays: Arrays, about: Mapping[str, str], *, private: bool = False) -> int:
    """Write arrays, and texts about them; folders are made if need be.

    Args:
        private: whether the file is for its owner only.

    Returns:
        Bytes of the file.

    Raises:
        DataError: if it can't be written.
    """
    # What is not laid out row by row would be written in the order of its memory.
    laid_out = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content = save(laid_out, {**about, "checksum": checksum(laid_out)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror or error}") from error
    write_whole(path, content, private=private)
    return len(content)


def read_arrays(path: Path, format_version: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read what ``write_arrays`` wrote, and check it; not mapped, for a file may be cut under one's feet.

    Args:
        format_version: what ``about["format"]`` must be.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableFile: if it can't be read at all, such as another user's.
        DataError: if it is damaged, or of another format version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        details = f"can't be read: {error.strerror or error}"
        raise UnreadableFile(str(path), "not readable", details) from error
    try:
        arrays, about = load(content), _metadata(content)
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error})") from error
    if about.get("format") != format_version:
        raise DataError(f"{path} is of another format version")
    if checksum(arrays) != about.pop("checksum", None):
        raise DataError(f"{path} is damaged (its numbers have changed)")
    return arrays, about


def _metadata(content: bytes) -> dict[str, str]:
    """The texts in a file of arrays, which the library gives of files only."""
    end = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    return dict(json.loads(content[_LENGTH:end]).get("__metadata__") or {})


def checksum(arrays: Arrays) -> str:
    """8 hex digits that change with any bit of the arrays, their names, types and shapes."""
    found = 0
    for name in sorted(arrays):
        array = arrays[name]
        found = zlib.crc32(f"{name} {array.dtype.str} {array.shape} ".encode(), found)
        found = zlib.crc32(np.ascontiguousarray(array).data, found)
    return f"{found:08x}"
