"""What was read for training, kept on disk so that an interrupted run resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..array_files import read_arrays, write_arrays
from ..errors import DataError

Arrays = Mapping[str, NDArray[Any]]
_FORMAT = "1"


def key(*parts: Any) -> str:
    """32 hex digits for what JSON-able parts say: all that the arrays depend on."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def load_or_read(folder: Path | None, name: str, read: Callable[[], Arrays]) -> Arrays:
    """The arrays of a name (``key``): from the folder, or else read now and kept there.

    Args:
        folder: None: nothing is kept.

    Raises:
        DataError: if the file is damaged, or can't be written.
    """
    if folder is None:
        return read()
    path = folder / f"{name}.safetensors"
    try:
        return read_arrays(path, _FORMAT)[0]
    except FileNotFoundError:
        arrays = read()
    except DataError as error:
        raise DataError(f"{error}; delete it and run again") from error
    write_arrays(path, arrays, {"format": _FORMAT}, private=True)  # states tell of the texts
    return arrays
