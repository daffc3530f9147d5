"""JSON → requests and documents; what is wrong is said with field and place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from math import isnan
from typing import Any

from ..data import Document
from ..errors import DataError, InputError
from ..places import Places
from .loaders.text import decode

Note = Callable[[str], None]
"""Called with one line about something that was left out."""

_JSON_WORDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


_OTHER_NAMES = {
    "text": ("content", "page_content", "body"),
    "question": ("query",),
    "documents": ("docs", "contexts"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """A question with its documents: one line of the input of ``ragcompress batch``.

    Attributes:
        id: any JSON.
        documents: in the place of one that is left out stands an empty one.
        left_out: by its place, why a document can't be used.
    """

    id: Any
    question: str
    documents: tuple[Document, ...]
    left_out: Mapping[int, str] = field(default_factory=dict)


def parse_request(line: bytes) -> Request:
    """Read one line of JSON: ``{"id"?, "question", "documents": [{"text", "title"?, "id"?, "metadata"?}]}``.

    A document that can't be used is left out, and the others stay at their places.

    Raises:
        InputError: says what is wrong with which field; also where no document can be used.
    """
    value = _loads(decode(line, "the line"), "the line")
    if not isinstance(value, dict):
        raise InputError(f"a request must be an object, not {_kind(value)}")
    question, documents = value.get("question"), value.get("documents")
    if not isinstance(question, str):
        hint = _hint(value, "question")
        raise InputError(f"field 'question' must be a string, not {_kind(question)}{hint}")
    if not isinstance(documents, list):
        hint = _hint(value, "documents")
        raise InputError(f"field 'documents' must be a list, not {_kind(documents)}{hint}")
    parsed: list[Document] = []
    left_out: dict[int, str] = {}
    for i, document in enumerate(documents):
        try:
            parsed.append(parse_document(document, f"document {i}"))
        except InputError as error:
            parsed.append(Document(""))
            left_out[i] = str(error)
    if left_out and len(left_out) == len(documents):
        raise InputError(left_out[0])
    return Request(value.get("id"), question, tuple(parsed), left_out)


def parse_document(value: Any, where: str) -> Document:
    """Turn a JSON object into a document; an ``id`` may be a whole number, fields not known are ignored.

    Raises:
        InputError: says what is wrong with which field, and where.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where} must be an object with a field 'text', not {_kind(value)}")
    if "text" not in value:
        raise InputError(f"{where} has no field 'text'{_hint(value, 'text')}")
    name, title, language = (
        None if _is_missing(value.get(key)) else value.get(key) for key in ("id", "title", "language")
    )
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    metadata = value.get("metadata")
    if not (metadata is None or isinstance(metadata, dict)):
        raise InputError(f"{where}: field 'metadata' must be an object, not {_kind(metadata)}")
    text = _string(value["text"], "text", where)
    title = None if title is None else _string(title, "title", where)
    name = None if name is None else _string(name, "id", where)
    language = None if language in (None, "") else _string(language, "language", where)
    try:
        places = None if value.get("places") is None else Places.from_dict(value["places"])
        return Document(
            text, title, name, metadata or {}, places=places, score=value.get("score"), language=language
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _is_missing(value: Any) -> bool:
    """Whether it is NaN: what pandas writes where a table has nothing."""
    return isinstance(value, float) and isnan(value)


def _string(value: Any, field: str, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: field {field!r} must be a string, not {_kind(value)}")
    return value


def json_lines(text: str, source: str, name: str, note: Note) -> list[Document]:
    """Read JSON Lines: documents, or, if no line has a field ``text``, records that are taken as they are.

    Args:
        source: what results call the file; ``name``: what messages do.

    Raises:
        DataError: says what is wrong in which line.
    """
    # Not splitlines(): U+2028 and its like may stand in a JSON string.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    values = [_loads(line, f"{name}, line {number}") for number, line in lines]
    if _is_data(values):
        note(_taken_whole(name))
        return [_record(line.strip(), source, number, number) for number, line in lines]
    parsed = (
        (f"{source}:{number}", f"{name}, line {number}", value)
        for (number, _), value in zip(lines, values, strict=True)
    )
    return _documents(parsed, note)


def json_documents(text: str, source: str, name: str, note: Note) -> list[Document]:
    """Read JSON: a document, a list of them, ``{"documents": […]}``, or other data, which is taken as it is.

    Other data are: an object, which is one document; a list of objects without ``text``, each of them one.

    Raises:
        DataError: says what is wrong, and where.
    """
    value = _loads(text, name)
    if isinstance(value, dict) and "documents" in value:
        value = value["documents"]
    elif isinstance(value, dict) and "text" in value:
        value = [value]
    elif isinstance(value, dict) or (isinstance(value, list) and value and not _any_text(value)):
        note(_taken_whole(name))
        if _is_data(value):
            return [_record(t, source, i, line) for i, (t, line) in enumerate(_items(text))]
        return [Document(text, None, source, {"source": source}, places=Places.of_lines(text))]
    if not isinstance(value, list):
        raise DataError(f"{name} must hold a list of documents, not {_kind(value)}")
    if not value:
        note(f"{name}: holds no documents")
    return _documents(((f"{source}:{i}", f"{name}, document {i}", d) for i, d in enumerate(value)), note)


def _any_text(values: list[Any]) -> bool:
    return any(isinstance(value, dict) and "text" in value for value in values)


def _is_data(values: Any) -> bool:
    """Whether it is a list of objects none of which is, or holds, documents."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(value, dict) and not {"text", "documents"} & value.keys() for value in values)
    )


def _taken_whole(name: str) -> str:
    return f"{name}: no field 'text', so these are no documents; taken as data, each record whole"


def _items(text: str) -> Iterator[tuple[str, int]]:
    """The elements of a JSON list as they are written, each with its line."""
    decode_at = json.JSONDecoder().raw_decode
    position = text.index("[") + 1
    line, counted = 1, 0
    while text[(position := _blank(text, position)) : position + 1] != "]":
        _, end = decode_at(text, position)
        line, counted = line + text.count("\n", counted, position), position
        yield text[position:end], line
        position = _blank(text, end) + (text[_blank(text, end)] == ",")


def _blank(text: str, position: int) -> int:
    """The first position from here on where no white space of JSON stands."""
    while text[position] in " \t\r\n":
        position += 1
    return position


def _record(text: str, source: str, number: int, line: int) -> Document:
    return Document(text, None, f"{source}:{number}", {"source": source}, places=Places.of_lines(text, line))


def _documents(values: Iterable[tuple[str, str, Any]], note: Note) -> list[Document]:
    """Documents of (source, where, JSON value); one without an id of its own gets its place as source.

    One whose words are no valid text is left out with a note, unless there is no other.
    """
    documents, refused = [], None
    for source, where, value in values:
        try:
            document = parse_document(value, where)
        except InputError as error:
            refused = DataError(str(error))
            if not _has_broken_text(value):
                raise refused from None
            note(f"left out: {error}")
            continue
        if document.id is None and "source" not in document.metadata:
            document = replace(document, metadata={**document.metadata, "source": source})
        documents.append(document)
    if refused and not documents:
        raise refused
    return documents


def _has_broken_text(value: Any) -> bool:
    """Whether the text of a document holds half a surrogate pair, as emails cut short do."""
    text = value.get("text") if isinstance(value, dict) else None
    return isinstance(text, str) and any("\ud800" <= c <= "\udfff" for c in text)


def guess_suffix(text: str) -> str:
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


def _hint(value: dict[str, Any], field: str) -> str:
    """A hint where a field is missing, and one with a similar name, or another usual name, is there."""
    if field in value:
        return ""
    close = [k for k in value if k in _OTHER_NAMES[field]] or get_close_matches(field, value, 1)
    return f"; there is a field {close[0]!r}: rename it to {field!r}" if close else ""
