"""Plain text and Markdown, as they are: offsets into the text are offsets into the file, in code points."""

from __future__ import annotations

import codecs
from collections import Counter

from ...errors import UnreadableFile
from ...places import Places
from . import Loaded
from ._clock import Clock
from ._data_uris import without_data
from ._old_encodings import likely_encoding


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read text; places are lines. What the data of addresses say is left out."""
    left_out: Counter[str] = Counter()
    text = without_data(decode(data, name), left_out)
    return Loaded(text, Places.of_lines(text), left_out=left_out)


def decode(data: bytes, name: str) -> str:
    """Decode UTF-8 or UTF-16; line ends stay as they are.

    Raises:
        UnreadableFile: names the file and what to do.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    codec = "utf-16" if marked else _without_mark(data) if 0 in data else "utf-8-sig"
    if codec is None or (codec.startswith("utf-16") and len(data) % 2):
        raise UnreadableFile(name, "binary", _BINARY)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        # Of UTF-16 there was a mark: such a file is damaged.
        hint = (
            "" if marked else f"; convert it first, for instance: iconv -f {likely_encoding(data)} -t UTF-8"
        )
        reason = f"is not {codec.removesuffix('-sig').upper()} text (byte {error.start}){hint}"
        raise UnreadableFile(name, "in another encoding", reason) from None
    if "\0" in text:
        raise UnreadableFile(name, "binary", _BINARY)
    return text


def _without_mark(data: bytes) -> str | None:
    """UTF-16 of a script that ASCII has most signs of, told by every second byte; None: something else."""
    head = data[:_HEAD]
    for codec, high, low in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if high and high.count(0) > 0.9 * len(high) and 0 not in low:
            return codec
    return None


_HEAD = 4096
_BINARY = (
    "is binary data, not text; ragcompress reads text, Markdown, HTML, PDF, Office and JSON files: convert it"
)
