"""Results to a file: whole, or not at all."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from .errors import DataError

_SCRATCH_LIFETIME = 3600.0


def to_bytes(text: str) -> bytes:
    """Encode as UTF-8; a lone surrogate (of a path or a JSON string) is written as its escape."""
    return text.encode("utf-8", "backslashreplace")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under another name, then rename it: readers see the old content or the new.

    Any number of threads and processes may write the same file; one of them wins.

    A link is followed, the permissions of an existing file stay. What is not a regular file (a pipe, a
    device) is written to as it is.

    Raises:
        DataError: if it can't be written.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        try:
            temporary.write_bytes(data)
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror or error}") from None


def sweep(scratch: Iterable[Path]) -> None:
    """Remove the scratch files that killed processes left behind: those an hour old or older."""
    for path in scratch:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _SCRATCH_LIFETIME:
                path.unlink()


def lock(file: IO[bytes], reason: str) -> None:
    """Keep an open file for this process until it is closed; where the platform has no such locks, go on.

    Raises:
        DataError: with the reason, if another process has it.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataError(reason) from None
