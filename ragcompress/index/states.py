"""Whether files are what an index knows of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .database import FileState


def is_as_it_was(path: Path, known: FileState | None) -> bool:
    """Whether a file has the size and the time that the index knows."""
    try:
        status = path.stat()
    except OSError:
        return False
    return known is not None and (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns)


def size_of(path: Path) -> int:
    """Bytes of a file; 0 if it is gone meanwhile."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def state_of(path: Path) -> FileState | None:
    """What a file is now; None if it can't be read."""
    try:
        status = path.stat()
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    return FileState(status.st_size, status.st_mtime_ns, digest)
