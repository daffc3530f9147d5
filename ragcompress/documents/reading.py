"""Files, folders and standard input → documents.

Text is taken as it is: line ends and white space stay, so offsets into a document are offsets into its file
(in code points, after a byte order mark). Other formats are loaded (``loaders``), with the way back to pages
or lines. What can't be read is refused by name, never guessed at.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..data import Document
from ..errors import DataError, InputError, MissingExtra, RagCompressError, UnreadableFile
from ..places import Places
from . import loaders
from .loaders.contents import gunzip, read_at_most
from .loaders.text import decode
from .records import Note, Request, guess_suffix, json_documents, json_lines, parse_document, parse_request
from .titles import title

__all__ = [
    "MAX_FILE_SIZE", "STDIN", "SUFFIXES", "FolderReader", "Note", "Request", "decode", "parse_document",
    "parse_request", "read_documents", "read_file",
]  # fmt: skip

_LOG = logging.getLogger("ragcompress")

STDIN = "-"
SUFFIXES = (*loaders.SUFFIXES, ".json", ".jsonl", ".ndjson")
"""Endings of the files that are read from a folder, each also with ``.gz`` behind it."""
MAX_FILE_SIZE = 100 << 20
"""Most bytes of a file that is read, packed or unpacked, unless said otherwise."""

_LIKE_JSON = re.compile(r"\s*[\[{]\s*[\[{\"]")
# Scripts and style sheets whose lines are longer than this on average are made by tools for browsers.
_WRITTEN_BY_HAND = 200
_SHIPPED = (".js", ".mjs", ".css")


def read_documents(
    paths: Sequence[str | Path],
    *,
    stdin: BinaryIO | None = None,
    note: Note = _LOG.warning,
    max_file_size: int = MAX_FILE_SIZE,
    max_seconds: float | None = None,
) -> list[Document]:
    """Read all documents that the paths name, in the order given.

    Args:
        paths: files, folders (searched to the bottom, sorted, hidden files left out) or ``-``. ``.json`` and
            ``.jsonl`` hold documents, every other file is one. In a folder, files of other types and files
            that can't be read are left out with a note, and a last note says how many of which kind. Named
            directly, they are an error.
        stdin: read where a path is ``-``: JSON or JSON Lines of documents if it begins like that, else text.
            None: ``-`` is a path like any other.
        note: called with a line about each thing that is left out; the log's warnings by default.
        max_file_size: larger files are refused, also if they are only larger when unpacked; bytes.
        max_seconds: what reading one file may take; a file that takes longer counts as one that can't be
            read. Looked at between pieces of work. None: as long as it takes.

    Raises:
        InputError: if ``paths`` is one path, not a list.
        DataError: if a path is missing or can't be read, or nothing is left.
        MissingExtra: if a path's format needs a library that is not installed.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        raise InputError(f"paths must be a list of files and folders, got {paths!r}; write [{paths!r}]")
    documents: list[Document] = []
    for path in paths:
        if path == STDIN and stdin is not None:
            documents += _from_stdin(stdin, note)
        elif os.path.isdir(path):
            documents += _from_folder(path, note, max_file_size, max_seconds)
        else:
            documents += _from_file(path, note, max_file_size, max_seconds)
    if not documents:
        raise DataError(f"there is no text to compress in {', '.join(map(_name, paths))}")
    return documents


def read_file(
    path: str | Path,
    *,
    note: Note = _LOG.warning,
    max_file_size: int = MAX_FILE_SIZE,
    max_seconds: float | None = None,
    parts: Counter[str] | None = None,
    json_as_text: bool = False,
) -> list[Document]:
    """Read the documents of one file: one, but for ``.json`` and ``.jsonl``.

    Args:
        json_as_text: these, too, are one document, as they stand, and not the documents that they list.
        parts: takes the counts of what in the file is not in the text (``hidden row`` …); None: noted.

    Raises:
        DataError: if it is missing, too large, or holds nothing that can be read (``UnreadableFile``).
        MissingExtra: if its format needs a library that is not installed.
    """
    name = _name(path)
    data = _bytes(path, name, max_file_size)
    suffix = suffix_of(path)
    if str(path).lower().endswith(".gz"):
        data = gunzip(data, max_file_size, name)
    if suffix in _JSON:
        if not json_as_text:
            text = decode(data, name)
            return _json(text, name, name, suffix, note) if text.strip() else _refuse_empty(name)
        suffix = ".txt"
    loaded = loaders.load(data, suffix, name, max_file_size, max_seconds)
    for line in loaded.notes:
        note(line)
    if parts is not None:
        parts.update(loaded.left_out)
    elif counts := _counts(loaded.left_out):
        note(f"{name}: left out {counts}")
    return [_document(loaded, name)]


def _document(loaded: loaders.Loaded, name: str) -> Document:
    """What a loader made of a file."""
    # The heading is a sentence of the text as well: offsets are offsets into the file.
    heading = loaded.title or (title(loaded.text) if loaded.syntax == "markdown" else None)
    return Document(
        text=loaded.text,
        title=heading,
        id=name,
        metadata={"source": name},
        syntax=loaded.syntax,
        places=loaded.places,
    )


def suffix_of(path: str | Path) -> str:
    """The ending that tells the format, in lower case: ``.md`` for ``NEWS.md.gz``."""
    path = Path(path)
    return (Path(path.stem) if path.suffix.lower() == ".gz" else path).suffix.lower()


_JSON = (".json", ".jsonl", ".ndjson")


def _bytes(path: str | Path, name: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            data = read_at_most(file, limit + 1)
    except FileNotFoundError:
        raise DataError(f"{name or repr(name)}: there is no such file or folder") from None
    except OSError as error:
        raise UnreadableFile(name, "not readable", f"can't be read: {error.strerror or error}") from None
    except ValueError as error:  # such as a null byte
        raise DataError(f"{name!r} can't be the name of a file: {error}") from None
    if len(data) > limit:
        raise UnreadableFile(
            name, "too large", f"is larger than {limit:,} bytes; raise the limit on file sizes to read it"
        )
    return data


def _json(text: str, source: str, name: str, suffix: str, note: Note) -> list[Document]:
    """Read JSON; ``source`` is what results call it, ``name`` what messages do."""
    return (json_documents if suffix == ".json" else json_lines)(text, source, name, note)


def _refuse_empty(name: str) -> list[Document]:
    raise UnreadableFile(name, "empty", "is empty")


def _from_stdin(stdin: BinaryIO, note: Note) -> list[Document]:
    name = "standard input"
    try:
        text = decode(stdin.read(), name)
    except OSError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name} can't be read: {error.strerror or error}") from None
    if not text.strip():
        note(f"{name} is empty")
        return []
    suffix = guess_suffix(text)
    if suffix in _JSON:
        return _json(text, STDIN, name, suffix, note)
    if _LIKE_JSON.match(text):
        note(f"{name} looks like JSON but holds no documents as such; taken as one plain text")
    return [Document(text, None, STDIN, {"source": STDIN}, places=Places.of_lines(text))]


def _from_file(path: str | Path, note: Note, limit: int, seconds: float | None) -> list[Document]:
    try:
        return read_file(path, note=note, max_file_size=limit, max_seconds=seconds)
    except UnreadableFile as error:
        if error.reason != "empty":
            raise
        note(f"{error}, left out")
        return []


@dataclass(slots=True)
class FolderReader:
    """Reads the files of a folder, and counts those that are left out and why."""

    reasons: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    n_folders: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    n_with_parts: int = 0

    def files(self, folder: str | Path, note: Note, *, but: Path | None = None) -> list[Path]:
        """Files below a folder whose ending is known, or that have none; others are counted.

        Hidden ones and pipes are passed over, links to folders not followed.

        Args:
            but: a folder to pass over, too.
        """

        def closed(error: OSError) -> None:
            self.n_folders += 1
            note(f"left out: {_name(str(error.filename))} can't be opened: {error.strerror}")

        paths: list[Path] = []
        excluded = but and os.path.abspath(but)
        for parent, folders, names in os.walk(folder, onerror=closed):
            inner = {f: os.path.abspath(Path(parent, f)) for f in folders}
            folders[:] = [f for f in folders if not f.startswith(".") and inner[f] != excluded]
            paths += (Path(parent, n) for n in names if not n.startswith("."))
        return [path for path in sorted(paths) if path.is_file() and self._is_known(path)]

    def _is_known(self, path: Path) -> bool:
        suffix = suffix_of(path)
        if suffix and suffix not in SUFFIXES:
            self.others[suffix] += 1
            return False
        return True

    def read(self, path: Path, note: Note, limit: int, seconds: float | None = None) -> list[Document] | None:
        """The documents of a file; None if it is left out, which is counted, and noted if it may surprise."""
        suffix = suffix_of(path)
        parts: Counter[str] = Counter()
        try:
            document = read_file(path, note=note, max_file_size=limit, max_seconds=seconds, parts=parts)
        except MissingExtra as error:
            self.reasons[f"for which {error}"] += 1
            return None
        except RagCompressError as error:
            reason = error.reason if isinstance(error, UnreadableFile) else "broken"
            if reason == "binary" and not suffix:
                self.others["no ending"] += 1
            else:
                self.reasons[reason] += 1
                note(f"left out: {error}")
            return None
        if suffix in _SHIPPED and _is_shipped(document[0].text):
            self.reasons["made by tools (minified)"] += 1
            return None
        self.parts += parts
        self.n_with_parts += bool(+parts)
        return document

    def summary(self, folder: str | Path, n_read: int) -> str | None:
        """How many files were read and how many not; None if nothing was left out."""
        parts = [f"{n} {reason}" for reason, n in sorted(self.reasons.items())]
        if self.others:
            parts.append(f"{self.others.total()} of other types ({', '.join(sorted(self.others))})")
        left_out = []
        if n := self.reasons.total() + self.others.total():
            left_out.append(f"{_count(n, 'file')}: {', '.join(parts)}")
        if self.n_folders:
            left_out.append(f"{_count(self.n_folders, 'folder')} that can't be opened")
        if counts := _counts(self.parts):
            left_out.append(f"parts of {_count(self.n_with_parts, 'file')}: {counts}")
        if not left_out:
            return None
        return f"{_name(folder)}: read {_count(n_read, 'file')}, left out {'; '.join(left_out)}"


def _counts(parts: Mapping[str, int]) -> str:
    return ", ".join(_count(n, what) for what, n in sorted(parts.items()) if n)


def _count(n: int, what: str) -> str:
    one, of, rest = what.partition(" of ")
    return f"{n} {one}{'s' * (n != 1)}{of}{rest}"


def _from_folder(folder: str | Path, note: Note, limit: int, seconds: float | None) -> list[Document]:
    documents: list[Document] = []
    left_out = FolderReader()
    n_read = 0
    for path in left_out.files(folder, note):
        document = left_out.read(path, note, limit, seconds)
        if document is not None:
            n_read += 1
            documents += document
    if summary := left_out.summary(folder, n_read):
        note(summary)
    return documents


def _is_shipped(text: str) -> bool:
    return len(text) > _WRITTEN_BY_HAND * (text.count("\n") + 1)


def _name(path: str | Path) -> str:
    """The path as text that can be written out: bytes that are not UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")
