"""Files that are written whole or not at all, files that only grow, and locks."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from errno import EINVAL, ENOENT, ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .errors import DataError

if TYPE_CHECKING:
    from filelock import FileLock

_SCRATCH_LIFETIME = 3600.0
_LINKS = 40  # as many as Linux follows
_OPEN_FILE = re.compile(r"/dev/(stdin|stdout|stderr|fd/\d+)|/proc/[^/]+/(task/\d+/)?fd/\d+")


def to_bytes(text: str) -> bytes:
    """Encode as UTF-8; a lone surrogate (of a path or a JSON string) is written as its escape."""
    return text.encode("utf-8", "backslashreplace")


def is_stream(path: Path) -> bool:
    """Whether what is written there is passed on at once: a pipe, a device, or a file that is open already.

    ``/dev/stdout`` and its like are streams even where the shell has put a file behind them: that file may
    hold other things before and after, and is never replaced.
    """
    step = os.path.abspath(path)
    for _ in range(_LINKS):
        if _OPEN_FILE.fullmatch(step):
            return True
        if not os.path.islink(step):
            break
        step = os.path.normpath(os.path.join(os.path.dirname(step), os.readlink(step)))
    return os.path.exists(step) and not os.path.isfile(step) and not os.path.isdir(step)


def write_whole(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file under another name, then rename it: readers see the old content or the new.

    Any number of threads and processes may write the same file; one of them wins.

    A link is followed, the permissions of an existing file stay. A stream (``is_stream``) is written to as
    it is.

    Args:
        private: whether a new file is for its owner only, because it tells of people's texts.

    Raises:
        DataError: if it can't be written.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        if is_stream(path):
            with path.open("ab") as stream:
                stream.write(data)
            return
        try:
            with open(temporary, "wb", opener=_opener(private)) as file:
                file.write(data)
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror or error}") from None


def open_regular(path: Path) -> BinaryIO:
    """Open a file of one's own to read: a pipe that nobody writes, or a device, would never end.

    Raises:
        OSError: if it can't be opened, or is something else.
    """
    # A pipe is opened at once, too, and then refused; nothing changes for other files.
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(EINVAL, "not a regular file", str(path))
    return file


def _opener(private: bool) -> Callable[[str, int], int]:
    return lambda name, flags: os.open(name, flags, 0o600 if private else 0o666)


def sweep(scratch: Iterable[Path]) -> None:
    """Remove the scratch files that killed processes left behind: those an hour old or older."""
    for path in scratch:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _SCRATCH_LIFETIME:
                path.unlink()


def lock(path: Path, reason: str) -> FileLock:
    """Take a lock file for this process, until it ends or calls ``release``.

    Where the file system has no locks, there is none.

    Raises:
        DataError: with the reason, if another process has it.
        OSError: if the file can't be made.
    """
    from filelock import FileLock, Timeout  # only a run that writes for long needs it

    if not path.parent.is_dir():  # the library would make it
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path.parent))
    held = FileLock(path, timeout=0)
    try:
        held.acquire()
    except Timeout:
        if not path.exists():  # the library tries again where a file can't be made, as in /proc
            path.open("ab").close()
        raise DataError(reason) from None
    except NotImplementedError:
        pass
    return held


class AppendOnly:
    """A file that only grows, written by one process at a time: what a killed run has written stays.

    Args:
        path: the file; it is made if need be.
        size: bytes of it that stay. What stands behind them, such as half a line, is cut off.

    Raises:
        DataError: if it can't be written, is shorter than that, or another process is writing it.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self._path, self._lock_path = path, path.with_name(f".{path.name}.lock")
        try:
            self._lock = lock(self._lock_path, f"another run is writing {path}")
            self._file = path.open("ab", buffering=0)
            whole = self._file.seek(0, os.SEEK_END) >= size
            if whole:
                self._file.truncate(size)
        except DataError:
            raise
        except OSError as error:
            raise self._refusal(error) from error
        if not whole:
            self.close()
            raise DataError(f"{path} is shorter than the interrupted run left it; start over")

    def append(self, data: bytes) -> None:
        """Write, with one call where there is room; it outlives this process when this returns.

        Raises:
            DataError: if it can't be written.
        """
        try:
            rest = memoryview(data)
            while rest:  # where a call wrote less than all, the next one says why
                if not (done := self._file.write(rest)):
                    raise OSError(ENOSPC, os.strerror(ENOSPC))
                rest = rest[done:]
        except OSError as error:
            raise self._refusal(error) from error

    def sync(self) -> None:
        """Wait until all of it is on the disk, so that it outlives the machine's end, too."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file and let others write it; a second call does nothing."""
        if not self._file.closed:
            self._file.close()
            self._lock.release()
            with suppress(OSError):
                self._lock_path.unlink(missing_ok=True)

    def _refusal(self, error: OSError) -> DataError:
        return DataError(f"{self._path} can't be written: {error.strerror or error}")


def file_sha256(*paths: Path) -> str:
    """Return the SHA-256 of files read one after the other as if they were one; about 1 s a gigabyte."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
