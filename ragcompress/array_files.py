"""Arrays in files of their own, with a sum that tells damage; nothing is ever half written."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .errors import DataError
from .files import write_whole

Arrays = Mapping[str, NDArray[Any]]


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
    """Read what ``write_arrays`` wrote, and check it.

    Args:
        format_version: what ``about["format"]`` must be.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is damaged, or of another format version.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            about = dict(file.metadata() or {})
            if about.get("format") != format_version:
                raise DataError(f"{path} is of another format version")
            arrays = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{path} is damaged ({error})") from error
    if checksum(arrays) != about.pop("checksum", None):
        raise DataError(f"{path} is damaged (its numbers have changed)")
    return arrays, about


def checksum(arrays: Arrays) -> str:
    """8 hex digits that change with any bit of the arrays, their names, types and shapes."""
    found = 0
    for name in sorted(arrays):
        array = arrays[name]
        found = zlib.crc32(f"{name} {array.dtype.str} {array.shape} ".encode(), found)
        found = zlib.crc32(np.ascontiguousarray(array).data, found)
    return f"{found:08x}"
