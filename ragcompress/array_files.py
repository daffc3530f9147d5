"""Arrays in files of their own, with a sum that tells damage; nothing is ever half written."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from errno import EINVAL
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .errors import DataError, UnreadableFile
from .files import open_regular, write_whole

Arrays = Mapping[str, NDArray[Any]]
_LENGTH = 8  # bytes that say how long the header is
_LONGEST_HEADER = 100_000_000  # the library refuses longer ones


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


def read_arrays(
    path: Path, format_version: str, *, most: int | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read what ``write_arrays`` wrote, and check it; not mapped, for a file may be cut under one's feet.

    Args:
        format_version: what ``about["format"]`` must be.
        most: bytes of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableFile: if it can't be read at all, such as another user's.
        DataError: if it is damaged, too large, no file, or of another format version.
    """
    try:
        content = _content(path, most)
    except (FileNotFoundError, DataError):
        raise
    except (OSError, MemoryError) as error:
        details = f"can't be read: {getattr(error, 'strerror', None) or error or 'out of memory'}"
        raise UnreadableFile(str(path), "not readable", details) from error
    try:
        arrays, about = load(content), _metadata(content)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error})") from error
    if about.get("format") != format_version:
        raise DataError(f"{path} is of another format version")
    if checksum(arrays) != about.pop("checksum", None):
        raise DataError(f"{path} is damaged (its numbers have changed)")
    return arrays, about


def _content(path: Path, most: int | None) -> bytes:
    """The bytes of a file that is as long as its header says."""
    try:
        file = open_regular(path)
    except OSError as error:
        if error.errno == EINVAL:
            raise DataError(f"{path} is damaged (not a regular file)") from error
        raise
    with file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise DataError(f"{path} is damaged ({size} bytes, of at most {most})")
        head = file.read(_LENGTH)
        length = int.from_bytes(head, "little")
        if len(head) == _LENGTH and length <= min(_LONGEST_HEADER, size - _LENGTH):
            head += file.read(length)
            if _LENGTH + length + _declared_size(head[_LENGTH:]) == size:
                return head + file.read(size - len(head))
    raise DataError(f"{path} is damaged (its length is not the one that its header gives)")


def _declared_size(header: bytes) -> int:
    """Bytes of all arrays, by the header; -1 where it is none."""
    try:
        entries = [entry for name, entry in json.loads(header).items() if name != "__metadata__"]
        return max((int(entry["data_offsets"][1]) for entry in entries), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError):
        return -1


def _metadata(content: bytes) -> dict[str, str]:
    """The texts in a file of arrays, which the library gives of files only."""
    end = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    return dict(json.loads(content[_LENGTH:end]).get("__metadata__") or {})


def checksum(arrays: Arrays) -> str:
    """8 hex digits that change with any bit of the arrays, their names, types and shapes."""
    crc = 0
    for name in sorted(arrays):
        array = arrays[name]
        crc = zlib.crc32(f"{name} {array.dtype.str} {array.shape} ".encode(), crc)
        flat = np.ascontiguousarray(array).reshape(-1)
        crc = zlib.crc32(flat.view(np.uint8).data, crc)  # types of other packages give no buffer
    return f"{crc:08x}"
