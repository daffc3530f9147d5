"""What a file really is, told by its first bytes, and whether it is safe to hand to a parser."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from typing import IO

from ..errors import UnreadableFile

_PDF = b"%PDF-"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_GZIP = b"\x1f\x8b"
_OFFICE = {".docx": "word/", ".pptx": "ppt/", ".xlsx": "xl/"}
_CHUNK = 1 << 20
# The PDF standard's readers accept a header anywhere in the first 1,024 bytes.
_HEADER = 1024


def check(data: bytes, suffix: str, name: str, limit: int) -> None:
    """Refuse a file that is not what its ending says, or is not fit to be parsed.

    Raises:
        UnreadableFile: if it is empty, of another type, encrypted, or a zip that unpacks to more than
            ``limit`` bytes.
    """
    if not data.strip():
        raise UnreadableFile(name, "empty", "is empty")
    found = ".pdf" if suffix == ".pdf" and _PDF in data[:_HEADER] else _kind(data)
    if suffix in _OFFICE and found == "ole":
        if _ENCRYPTED in data:
            raise UnreadableFile(name, "encrypted", "is encrypted; save it without its password first")
        raise UnreadableFile(name, "misnamed", f"is an old Office file, not {suffix}; save it as {suffix}")
    wanted = suffix if suffix in (".pdf", *_OFFICE) else None
    if found != wanted and (wanted or found in (".pdf", *_OFFICE)):
        is_really = f"is {_WORDS[found]}, not {suffix or 'text'}"
        rename = f"; rename it to {found}" if found in (".pdf", *_OFFICE) else ""
        raise UnreadableFile(name, "misnamed", is_really + rename)
    if wanted in _OFFICE:
        check_zip(data, limit, name)


_WORDS = {
    None: "something else", ".pdf": "a PDF", ".docx": "a Word document", ".pptx": "a PowerPoint file",
    ".xlsx": "an Excel workbook", "zip": "some zip archive", "ole": "an old Office file", "gzip": "gzip data",
}  # fmt: skip


def _kind(data: bytes) -> str | None:
    if data.startswith(_PDF):
        return ".pdf"
    if data.startswith(_OLE):
        return "ole"
    if data.startswith(_GZIP):
        return "gzip"
    if not data.startswith(_ZIP):
        return None
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "zip"
    return next(
        (suffix for suffix, folder in _OFFICE.items() if any(n.startswith(folder) for n in names)), "zip"
    )


def check_zip(data: bytes, limit: int, name: str) -> None:
    """Unpack a zip once, keeping nothing: its real size counts, not the one that it declares.

    Raises:
        UnreadableFile: if it is broken, encrypted, or unpacks to more than ``limit`` bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if any(m.flag_bits & 1 for m in members):
                raise UnreadableFile(name, "encrypted", "is encrypted; save it without its password first")
            if sum(m.file_size for m in members) > limit:
                raise _too_large(name, limit)
            left = limit
            for member in members:
                with archive.open(member) as file:
                    left -= _drain(file, left)
                if left < 0:
                    raise _too_large(name, limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(name, "broken", f"is a broken zip archive: {error}") from None


def _drain(file: IO[bytes], limit: int) -> int:
    """Read until the end or past the limit; the number of bytes read."""
    n = 0
    while n <= limit and (chunk := file.read(_CHUNK)):
        n += len(chunk)
    return n


def gunzip(data: bytes, limit: int, name: str) -> bytes:
    """Unpack gzip data.

    Raises:
        UnreadableFile: if it is broken, or unpacks to more than ``limit`` bytes.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(name, "broken", f"is broken gzip data: {error}") from None
    if len(unpacked) > limit:
        raise _too_large(name, limit)
    return unpacked


def _too_large(name: str, limit: int) -> UnreadableFile:
    return UnreadableFile(
        name, "too large", f"unpacks to more than {limit:,} bytes; raise the limit on file sizes to read it"
    )
