"""What a file really is, told by its first bytes, and whether it is safe to hand to a parser."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from ...errors import UnreadableFile

_PDF = b"%PDF-"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_GZIP = b"\x1f\x8b"
_RTF = b"{\\rtf1"
_OFFICE = {".docx": "word/", ".pptx": "ppt/", ".xlsx": "xl/"}
# Of Word and PowerPoint files this share of the limit may be markup, and what small files have in any case:
# the parsers' trees take dozens of times its room, and a minute for every 10 MB. Workbooks are read by rows.
_MARKUP, _LITTLE = 1 / 5, 1 << 20
_NO_MARKUP = re.compile(r"/(?:media|embeddings|fonts)/")
_CHUNK, _PART = 1 << 20, 1 << 24
# The PDF standard's readers accept a header anywhere in the first 1,024 bytes.
_HEADER = 1024
# Begins with the word, so that the search skips to it.
_STREAM = re.compile(rb"stream\r?\n")
_IMAGE = re.compile(rb"/Subtype\s*/Image\b")
# What a stream is stands right before it, in fewer bytes than this.
_DICTIONARY = 4096


def check(data: bytes, suffix: str, name: str, limit: int) -> None:
    """Refuse a file that is not what its ending says, or is not fit to be parsed.

    Raises:
        UnreadableFile: if it is empty, of another type, encrypted, or unpacks to more than ``limit`` bytes.
    """
    if not data.strip():
        raise UnreadableFile(name, "empty", "is empty")
    kind = ".pdf" if suffix == ".pdf" and _PDF in data[:_HEADER] else _kind(data)
    if suffix in _OFFICE and kind == "ole":
        if _ENCRYPTED in data:
            raise UnreadableFile(name, "encrypted", "is encrypted; save it without its password first")
        raise UnreadableFile(name, "misnamed", f"is an old Office file, not {suffix}; save it as {suffix}")
    expected = suffix if suffix in (".pdf", *_OFFICE) else None
    if kind != expected and (expected or kind in (".pdf", *_OFFICE)):
        is_really = f"is {WORDS[kind]}, not {suffix or 'text'}"
        rename = f"; rename it to {kind}" if kind in (".pdf", *_OFFICE) else ""
        raise UnreadableFile(name, "misnamed", is_really + rename)
    if data.startswith(_RTF):
        raise UnreadableFile(name, "misnamed", "is Rich Text, not plain text; save it as .docx")
    if expected in _OFFICE:
        check_zip(
            data, limit, name, markup=limit if expected == ".xlsx" else max(_LITTLE, int(limit * _MARKUP))
        )
    if expected == ".pdf" and _unpacks_to_more(data, limit):
        raise _too_large(name, limit)


WORDS = {
    None: "something else", ".pdf": "a PDF", ".docx": "a Word document", ".pptx": "a PowerPoint file",
    ".xlsx": "an Excel workbook", "zip": "some zip archive", "ole": "an old Office file", "gzip": "gzip data",
    ".html": "HTML", ".htm": "HTML", ".xhtml": "HTML",
    ".eml": "an e-mail", ".mhtml": "a saved page", ".mht": "a saved page",
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


def check_zip(data: bytes, limit: int, name: str, *, markup: int) -> None:
    """Unpack an Office file once, keeping nothing: its real size counts, not the one that it declares.

    Raises:
        UnreadableFile: if it is broken, encrypted, or unpacks to more than ``limit`` bytes, or ``markup``
            without its media.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if any(m.flag_bits & 1 for m in members):
                raise UnreadableFile(name, "encrypted", "is encrypted; save it without its password first")
            if sum(m.file_size for m in members) > limit:
                raise _too_large(name, limit)
            left, allowed = limit, markup
            for member in members:
                with archive.open(member) as file:
                    n = _drain(file, left)
                left -= n
                markup -= 0 if _NO_MARKUP.search(member.filename) else n
                if left < 0 or markup < 0:
                    raise _too_large(name, limit if left < 0 else allowed)
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


def _unpacks_to_more(data: bytes, limit: int) -> bool:
    """Whether the streams of a PDF, but for its images, are longer than that: pages are drawn from them."""
    n = 0
    for stream in _STREAM.finditer(data):
        if data.endswith(b"end", 0, stream.start()):
            continue
        before = data[max(0, stream.start() - _DICTIONARY) : stream.start()]
        about = before[before.rfind(b"obj") + 1 :]
        if _IMAGE.search(about):
            continue
        unpacked = _cut(data, stream.end())
        for _ in range(packed := about.count(b"/FlateDecode")):
            unpacked = _inflate(unpacked)
        if packed:
            for chunk in unpacked:
                n += len(chunk)
                if n > limit:
                    return True
    return False


def _cut(data: bytes, start: int) -> Iterator[bytes]:
    """The data from there on, a little at a time: streams are short, and there may be thousands."""
    size = 1 << 14
    yield from (data[i : i + size] for i in range(start, len(data), size))


def _inflate(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack as far as the data are sound, a little at a time."""
    unpack = zlib.decompressobj()
    for chunk in chunks:
        while chunk and not unpack.eof:
            try:
                yield unpack.decompress(chunk, _CHUNK)
            except zlib.error:
                return
            chunk = unpack.unconsumed_tail
        if unpack.eof:
            return


def read_at_most(file: IO[bytes] | gzip.GzipFile, limit: int) -> bytes:
    """The first bytes of a file, without room being made for as many as there may be."""
    parts: list[bytes] = []
    while limit > 0 and (part := file.read(min(limit, _PART))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def gunzip(data: bytes, limit: int, name: str) -> bytes:
    """Unpack gzip data.

    Raises:
        UnreadableFile: if it is broken, or unpacks to more than ``limit`` bytes.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = read_at_most(file, limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(name, "broken", f"is broken gzip data: {error}") from None
    if len(unpacked) > limit:
        raise _too_large(name, limit)
    return unpacked


def _too_large(name: str, limit: int) -> UnreadableFile:
    return UnreadableFile(
        name, "too large", f"unpacks to more than {limit:,} bytes; raise the limit on file sizes to read it"
    )
