"""Bytes of a page → text, as browsers do it: by the Encoding Standard of the WHATWG."""

from __future__ import annotations

import codecs
import re

from ...errors import MissingExtra, UnreadableFile
from . import text as plain

# A declaration counts within so many bytes; the standard looks at 1,024, browsers further.
_HEAD = 4096
_META = re.compile(rb"<meta[^>]{0,500}?[\s\"';/]charset\s*=\s*[\"']?\s*([^\s\"'/>;]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"']{1,40})[\"']", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
# Where Python's decoder knows less than the one of that name in the standard.
_WIDER = {
    "gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949", "big5": "big5hkscs",
    "x-mac-cyrillic": "mac-cyrillic",
    "macintosh": "mac-roman", "iso-8859-8-i": "iso-8859-8", "windows-874": "cp874",
}  # fmt: skip
# A page of which more than this share is not what it declares is in another encoding.
_DAMAGE = 0.01


def decode(data: bytes, name: str) -> tuple[str, int]:
    """Decode a page: by byte order mark, else as it declares, else UTF-8.

    Returns:
        the text, and how many of its bytes no character stands for (each shown as U+FFFD).

    Raises:
        UnreadableFile: if it is binary, or not in the encoding that it declares.
        MissingExtra: if the extra ``docs`` is not installed.
    """
    marked = data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    label = None if marked or 0 in data[:_HEAD] else _declared(data[:_HEAD])
    codec = label and _codec(label)
    if not codec or 0 in data:
        return plain.decode(data, name), 0
    try:
        return data.decode(codec), 0
    except (UnicodeDecodeError, LookupError):
        text = data.decode(codec, "replace")
    damaged = text.count("\ufffd")
    if damaged > len(text) * _DAMAGE:
        raise UnreadableFile(
            name, "in another encoding", f"declares the encoding {label}, which it does not have"
        )
    return text, damaged


def _declared(head: bytes) -> str | None:
    match = _XML.match(head) or _META.search(_COMMENT.sub(b"", head))
    return match.group(1).decode("ascii", "replace").strip() if match else None


def _codec(label: str) -> str | None:
    """Python's name for what a label stands for on the web; None: no such label."""
    try:
        import webencodings
    except ImportError:
        raise MissingExtra("reading .html files", "docs") from None
    encoding = webencodings.lookup(label)
    if encoding is None:
        return None
    name: str = encoding.name
    if name in ("replacement", "x-user-defined"):
        return None
    # A page whose declaration can be read as ASCII is not UTF-16: the standard takes it for UTF-8.
    if name.startswith("utf-16"):
        return "utf-8"
    return _WIDER.get(name, name)
