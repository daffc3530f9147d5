"""Plain text and Markdown, as they are: offsets into the text are offsets into the file, in code points."""

from __future__ import annotations

import codecs

from ...errors import UnreadableFile
from ...places import Places
from . import Loaded


def load(data: bytes, name: str) -> Loaded:
    """Read text; places are lines."""
    text = decode(data, name)
    return Loaded(text, Places.of_lines(text))


def decode(data: bytes, name: str) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark; line ends stay as they are.

    Raises:
        UnreadableFile: names the file and what to do.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if (0 in data) if not marked else len(data) % 2:
        raise UnreadableFile(name, "binary", _BINARY)
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            name,
            "in another encoding",
            f"is not {'UTF-16' if marked else 'UTF-8'} text (byte {error.start}); convert it first, "
            f"for instance: iconv -f ISO-8859-1 -t UTF-8",
        ) from None
    if "\0" in text:
        raise UnreadableFile(name, "binary", _BINARY)
    return text


_BINARY = (
    "is binary data, not text; ragcompress reads text, Markdown, HTML, PDF, Office and JSON files: convert it"
)
