"""Requests as lines of UTF-8, from a file or standard input; gzip and UTF-16 are read as they are."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import file_digest
from typing import IO
from zlib import error as ZlibError

from ..documents.reading import STDIN
from ..errors import DataError
from .journal import Checkpoint
from .workers import Line

_GZIP = b"\x1f\x8b"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Requests:
    """An open file of requests.

    Args:
        file: where it is read from.
        name: what messages call it.
        once: whether it can't be read again, whatever it is.

    Attributes:
        size: in bytes; None for what can be read only once, such as a pipe.
        is_plain: whether it is UTF-8 and not packed, so that a line has a place in the file.
    """

    def __init__(self, file: IO[bytes], name: str, *, once: bool = False) -> None:
        self.name = name
        self.size = None if once else _size(file)
        self._file = file
        self._packed = _begin(file).startswith(_GZIP)
        self._lines = self._unpack()
        try:
            self._wide = _begin(self._lines).startswith(_UTF_16)
        except (OSError, EOFError, ZlibError) as error:
            raise DataError(f"{name} is a broken gzip file: {error}") from None
        self.is_plain = not (self._packed or self._wide)

    def digest(self) -> str:
        """SHA-256 of the file as it is; it is read from the beginning afterwards."""
        self._file.seek(0)
        digest = file_digest(self._file, "sha256").hexdigest()  # type: ignore[arg-type]
        self._file.seek(0)
        self._lines = self._unpack()
        return digest

    def _unpack(self) -> IO[bytes]:
        """The rest of the file; gzip is unpacked as it is read, so memory does not grow with its size."""
        return io.BufferedReader(gzip.GzipFile(fileobj=self._file)) if self._packed else self._file

    def lines(self, at: Checkpoint) -> Iterator[Line]:
        """Lines that are not blank, from a checkpoint on.

        Raises:
            DataError: where the file is broken.
        """
        if self.is_plain:
            if at.offset:
                self._file.seek(at.offset)
            yield from self._read_lines(at)
            return
        number = 0
        try:
            for number, line in enumerate(self._decode(), 1):
                if number > at.lines and line.strip():
                    yield Line(number, line, self._file.tell() if self.size else 0)
        except UnicodeDecodeError:
            raise DataError(f"{self.name} is not UTF-16 text after line {number}") from None
        except (gzip.BadGzipFile, EOFError, ZlibError) as error:
            raise DataError(f"{self.name} is a broken gzip file after line {number}: {error}") from None

    def _read_lines(self, at: Checkpoint) -> Iterator[Line]:
        end = at.offset
        for number, line in enumerate(self._file, at.lines + 1):
            end += len(line)
            if line.strip():
                yield Line(number, line, end)

    def _decode(self) -> Iterator[bytes]:
        if not self._wide:
            yield from self._lines
            return
        # Only a line feed ends a line: U+2028 and its like may be in a JSON string.
        text = io.TextIOWrapper(self._lines, encoding="utf-16", newline="\n")
        try:
            for line in text:
                yield line.encode("utf-8")
        finally:
            text.detach()  # who opened the file closes it


@contextmanager
def open_requests(source: str, stdin: Callable[[], IO[bytes]]) -> Iterator[Requests]:
    """Open a file of requests, or standard input for ``-``.

    Raises:
        OSError: if there is no such file, or it can't be read.
        DataError: if it is broken.
    """
    if source == STDIN:
        yield Requests(stdin(), "standard input", once=True)
        return
    with open(source, "rb") as file:
        yield Requests(file, source)


def _begin(file: IO[bytes]) -> bytes:
    """The first bytes, which are read again; nothing where a stream can't be looked into."""
    peek = getattr(file, "peek", None)
    return peek(2)[:2] if peek else b""


def _size(file: IO[bytes]) -> int | None:
    """Bytes of a regular file, or None."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None
