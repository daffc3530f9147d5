"""Source code, as it is, cut by block later on; places are lines."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace

from ...errors import UnreadableFile
from . import Loaded, text
from ._clock import Clock

# How XML, style sheets and scripts (PEP 263: in one of the first two lines) name their encoding.
_DECLARED = re.compile(
    rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']"
    rb"|@charset \"([\w.:-]{1,40})\""
    rb"|(?:[^\n]{0,200}\n)?[ \t\f]*#[^\n]{0,200}?coding[:=][ \t]*([\w.-]{1,40})"
)


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read source code: as UTF-8 or UTF-16, else in the encoding that it declares."""
    try:
        loaded = text.load(data, name, clock)
    except UnreadableFile as error:
        if error.reason != "in another encoding" or (declared := _decoded(data)) is None:
            raise
        loaded = text.load(declared.encode(), name, clock)
    return replace(loaded, syntax="code")


def _decoded(data: bytes) -> str | None:
    """The text in the encoding that it declares; None: it declares none, or another than it has."""
    match = _DECLARED.match(data)
    if match is None:
        return None
    try:
        codec = codecs.lookup(match[match.lastindex or 0].decode("ascii")).name
        return data.decode(codec)
    except (LookupError, UnicodeError):
        return None
