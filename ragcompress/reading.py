"""Files, folders, standard input and JSON → documents.

Text is taken as it is: line ends and white space stay, so offsets into a document are offsets into its file
(in code points, after a byte order mark). What can't be read is refused by name, never guessed at.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .data import Document
from .errors import DataError, InputError

Note = Callable[[str], None]
"""Called with one line about something that was left out."""

STDIN = "-"
SUFFIXES = (".txt", ".md", ".markdown", ".json", ".jsonl")
_LIKE_JSON = re.compile(r"\s*[\[{]\s*[\[{\"]")
_JSON_WORDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A question with its documents: one line of the input of ``ragcompress batch``; ``id`` is any JSON."""

    id: Any
    question: str
    documents: tuple[Document, ...]


def read_documents(paths: Sequence[str], *, stdin: BinaryIO, note: Note) -> list[Document]:
    """Read all documents that the paths name, in the order given.

    Args:
        paths: files, folders (searched to the bottom, sorted, hidden files left out) or ``-``. ``.json``
            and ``.jsonl`` hold documents, every other file is one. In a folder, files of other types and
            files that can't be read are left out with a note; named directly, they are an error.
        stdin: read where a path is ``-``: JSON or JSON Lines of documents if it begins like that, else text.

    Raises:
        DataError: if a path is missing or can't be read, or nothing is left.
    """
    documents: list[Document] = []
    for path in paths:
        if path == STDIN:
            documents += _from_stdin(stdin, note)
        elif os.path.isdir(path):
            documents += _from_folder(path, note)
        else:
            documents += _from_file(path, note)
    if not documents:
        raise DataError(f"there is no text to compress in {', '.join(map(_name, paths))}")
    return documents


def parse_request(line: bytes) -> Request:
    """Read one line of JSON: ``{"id"?, "question", "documents": [{"text", "title"?, "id"?, "metadata"?}]}``.

    Raises:
        InputError: says what is wrong with which field.
    """
    value = _loads(decode(line, "the line"), "the line")
    if not isinstance(value, dict):
        raise InputError(f"a request must be an object, not {_kind(value)}")
    question, documents = value.get("question"), value.get("documents")
    if not isinstance(question, str):
        raise InputError(f"field 'question' must be a string, not {_kind(question)}")
    if not isinstance(documents, list):
        raise InputError(f"field 'documents' must be a list, not {_kind(documents)}")
    found = tuple(parse_document(d, f"document {i}") for i, d in enumerate(documents))
    return Request(value.get("id"), question, found)


def parse_document(value: Any, where: str) -> Document:
    """Turn a JSON object into a document; an ``id`` may be a whole number, fields not known are ignored.

    Raises:
        InputError: says what is wrong with which field, and where.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where} must be an object with a field 'text', not {_kind(value)}")
    if "text" not in value:
        raise InputError(f"{where} has no field 'text'")
    name = value.get("id")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    metadata = value.get("metadata")
    if not (metadata is None or isinstance(metadata, dict)):
        raise InputError(f"{where}: field 'metadata' must be an object, not {_kind(metadata)}")
    title = value.get("title")
    text = _string(value["text"], "text", where)
    title = None if title is None else _string(title, "title", where)
    name = None if name is None else _string(name, "id", where)
    try:
        return Document(text, title, name, metadata or {})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _string(value: Any, field: str, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: field {field!r} must be a string, not {_kind(value)}")
    return value


def decode(data: bytes, name: str) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark; line ends stay as they are.

    Raises:
        DataError: names the file and what to do.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if (0 in data) if not marked else len(data) % 2:
        raise DataError(
            f"{name} is binary data, not text; ragcompress reads {', '.join(SUFFIXES)}: convert it"
        )
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} is not {'UTF-16' if marked else 'UTF-8'} text (byte {error.start}); convert it first, "
            f"for instance: iconv -f ISO-8859-1 -t UTF-8"
        ) from None
    if "\0" in text:
        raise DataError(
            f"{name} is binary data, not text; ragcompress reads {', '.join(SUFFIXES)}: convert it"
        )
    return text


def _from_stdin(stdin: BinaryIO, note: Note) -> list[Document]:
    try:
        text = decode(stdin.read(), "standard input")
    except OSError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"standard input can't be read: {error.strerror or error}") from None
    suffix = _guess_suffix(text)
    if suffix == ".txt" and _LIKE_JSON.match(text):
        note("standard input looks like JSON but holds no documents as such; taken as one plain text")
    return _parse(text, STDIN, "standard input", suffix, note)


def _from_file(path: str, note: Note) -> list[Document]:
    name = _name(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{name}: there is no such file or folder") from None
    except OSError as error:
        raise DataError(f"{name} can't be read: {error.strerror or error}") from None
    return _parse(decode(data, name), name, name, Path(path).suffix.lower(), note)


def _from_folder(folder: str, note: Note) -> list[Document]:
    documents: list[Document] = []
    n_failed = 0
    others: Counter[str] = Counter()
    for path in _files(folder, note):
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            others[suffix or "no ending"] += 1
            continue
        try:
            documents += _from_file(str(path), note)
        except (DataError, InputError) as error:
            n_failed += 1
            note(f"left out: {error}")
    if others:
        note(f"{_name(folder)}: left out {others.total()} files of other types ({', '.join(sorted(others))})")
    if n_failed:
        note(f"{_name(folder)}: left out {n_failed} files that can't be read")
    return documents


def _files(folder: str, note: Note) -> Iterator[Path]:
    """Visible files below a folder, sorted by path; links to folders are not followed."""

    def unreadable(error: OSError) -> None:
        note(f"left out: {_name(str(error.filename))} can't be read: {error.strerror}")

    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [f for f in folders if not f.startswith(".")]
        found += (Path(parent, n) for n in names if not n.startswith("."))
    return (path for path in sorted(found) if path.is_file())


def _parse(text: str, source: str, name: str, suffix: str, note: Note) -> list[Document]:
    """Read the documents of one file; ``source`` is what results call it, ``name`` what messages do."""
    if not text.strip():
        note(f"{name}: empty, left out")
        return []
    if suffix == ".jsonl":
        return _json_lines(text, source, name)
    if suffix == ".json":
        return _json(text, source, name, note)
    return [Document(text, id=source, metadata={"source": source})]


def _json_lines(text: str, source: str, name: str) -> list[Document]:
    # Not splitlines(): U+2028 and its like may stand in a JSON string.
    lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    return _documents(
        ((f"{source}:{number}", f"{name}, line {number}", _loads(line, f"{name}, line {number}"))
         for number, line in lines)
    )  # fmt: skip


def _json(text: str, source: str, name: str, note: Note) -> list[Document]:
    value = _loads(text, name)
    if isinstance(value, dict) and "documents" in value:
        value = value["documents"]
    elif isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise DataError(f"{name} must hold a list of documents, not {_kind(value)}")
    if not value:
        note(f"{name}: holds no documents")
    return _documents((f"{source}:{i}", f"{name}, document {i}", d) for i, d in enumerate(value))


def _documents(values: Iterable[tuple[str, str, Any]]) -> list[Document]:
    """Documents of (source, where, JSON value); one without an id of its own gets its place as source."""
    documents = []
    for source, where, value in values:
        try:
            found = parse_document(value, where)
        except InputError as error:
            raise DataError(str(error)) from None
        if found.id is None and "source" not in found.metadata:
            found = Document(found.text, found.title, None, {**found.metadata, "source": source})
        documents.append(found)
    return documents


def _guess_suffix(text: str) -> str:
    """Tell by its beginning what standard input holds; what begins like documents is held to it."""
    start = text.lstrip()
    if not start.startswith(("{", "[")):
        return ".txt"
    try:
        first, end = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        return ".txt"
    if isinstance(first, dict) and "text" in first:
        return ".jsonl" if start[end:].strip() else ".json"
    listed = first.get("documents") if isinstance(first, dict) else first
    if isinstance(listed, list) and listed and isinstance(listed[0], dict) and "text" in listed[0]:
        return ".json"
    return ".txt"


def _loads(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise DataError(f"{where} is not valid JSON: {error.msg} ({place})") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or too deep a nesting
        raise DataError(f"{where} is not JSON that can be read: {error}") from None


def _kind(value: Any) -> str:
    return _JSON_WORDS.get(type(value), type(value).__name__)


def _name(path: str) -> str:
    """The path as text that can be written out: bytes that are not UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")
