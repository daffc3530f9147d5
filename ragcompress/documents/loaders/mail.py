"""E-mail and saved pages (MIME), with the standard library: header lines, then the text that programs show.

Of alternatives the plain text is taken, else the page; what is attached is counted. Places are lines of the
text that comes out: those of the file hold transfer encodings.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Compat32
from typing import Any

from ...errors import UnreadableFile
from ...places import Places
from . import Loaded, html, text
from ._clock import Clock

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
# Of a header that people read, and of one that only programs do: they search them in quadratic time.
_LONG, _LONG_CONTENT = 20_000, 2_000
# Every line is compared with the boundary of each part that it stands in.
_MOST_MULTIPARTS = 100
_DEPTH = 20
_CHUNK = 1 << 16
_LINE_END = re.compile(r"\r\n?")
# What labels are taken for; as on the web, Latin 1 has the quotation marks of Windows.
_WIDER = {"iso8859-1": "cp1252", "ascii": "utf-8", "gb2312": "gb18030", "shift_jis": "cp932"}
_NO_CHARSETS = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined")
_IS_HEADED = re.compile(rb"\s*[!-9;-~]{1,80}:[ \t\r\n]")


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read a message; text without any header is read as plain text."""
    if not _IS_HEADED.match(data):
        return text.load(data, name, clock)
    parser = BytesFeedParser(policy=_Policy(name))
    for start in range(0, len(data), _CHUNK):
        clock.check()
        parser.feed(data[start : start + _CHUNK])
    message = parser.close()
    mail = _Found(name, clock)
    blocks = [*_message(message, mail, _DEPTH)]
    if not blocks:
        is_encrypted = message.get_content_type() in ("multipart/encrypted", "application/pkcs7-mime")
        why = "is encrypted; save its text" if is_encrypted else "is a message without text"
        raise UnreadableFile(name, "encrypted" if is_encrypted else "without text", why)
    whole = "\n\n".join(blocks)
    return Loaded(
        whole,
        Places.of_lines(whole),
        _header(message, "Subject") or mail.title,
        syntax="markdown" if mail.has_pages else "text",
        notes=tuple(f"{name}: {note}" for note in dict.fromkeys(mail.notes)),
        left_out=mail.left_out,
    )


class _Policy(Compat32):
    """Cuts headers that are too long to be searched, and counts the parts that have parts."""

    def __init__(self, name: str) -> None:
        super().__init__()
        # Policies are frozen for those who use them.
        self.__dict__.update(_name=name, _boundaries=[])

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        is_content = name.lower().startswith("content-")
        if is_content and "boundary" in value[:_LONG_CONTENT].lower():
            self.__dict__["_boundaries"].append(None)
            if len(self.__dict__["_boundaries"]) > _MOST_MULTIPARTS:
                raise UnreadableFile(self.__dict__["_name"], "broken", "has too many parts within parts")
        return name, value[: _LONG_CONTENT if is_content else _LONG]


@dataclass(slots=True)
class _Found:
    """What is known of a file beside its text."""

    name: str
    clock: Clock
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    title: str | None = None
    has_pages: bool = False


def _message(message: Message, mail: _Found, depth: int) -> Iterator[str]:
    """Header lines, and what is below them."""
    lines = []
    for name in _SHOWN:
        if value := _header(message, name):
            lines.append(f"{name}: {value}")
            if len(_raw(message, name)) >= _LONG - 1:
                mail.notes.append(f"the header {name} is cut after {_LONG:,} characters")
    if lines:
        yield "\n".join(lines)
    yield from _part(message, mail, depth)


def _raw(message: Message, name: str) -> str:
    """A header as it stands; its first, as readers take it."""
    return next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")


def _header(message: Message, name: str) -> str:
    """A header in words; bytes beyond ASCII are UTF-8, or replaced."""
    raw = _raw(message, name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        words = "".join(
            part if isinstance(part, str) else _decoded(part, charset or "ascii")[0]
            for part, charset in decode_header(raw)
        )
    except (HeaderParseError, ValueError):
        words = raw
    return " ".join(words.replace("\0", " ").split())


def _part(part: Message, mail: _Found, depth: int) -> Iterator[str]:
    """The text of a part, and of the parts within it that are shown."""
    mail.clock.check()
    kind = part.get_content_type()
    inner: Any = part.get_payload() if part.is_multipart() else None
    if part.get_content_disposition() == "attachment" or (isinstance(inner, list) and depth <= 0):
        mail.left_out["attachment"] += 1
    elif isinstance(inner, list):
        if kind == "multipart/alternative":
            yield from _alternative(inner, mail, depth - 1)
        elif kind == "multipart/related":
            yield from _related(part, inner, mail, depth - 1)
        elif part.get_content_maintype() == "message":
            for each in inner:
                yield from _message(each, mail, depth - 1)
        else:
            for each in inner:
                yield from _part(each, mail, depth - 1)
    elif kind in ("text/plain", "text/html") or part.get_content_maintype() == "multipart":
        if words := _text(part, mail):
            yield words
    else:
        mail.left_out["attachment"] += 1


def _alternative(parts: list[Message], mail: _Found, depth: int) -> Iterator[str]:
    """The plain one of several that say the same, else the last that can be read, which is the richest."""
    plain = [p for p in parts if p.get_content_type() == "text/plain"]
    others = [p for p in parts if p.get_content_type() == "text/html" or p.is_multipart()]
    for each in (*plain, *reversed(others)):
        tried = _Found(mail.name, mail.clock)
        if blocks := [*_part(each, tried, depth)]:
            mail.left_out += tried.left_out
            mail.notes += tried.notes
            mail.title = mail.title or tried.title
            mail.has_pages |= tried.has_pages
            yield from blocks
            return
    mail.left_out["attachment"] += len(parts) - len(plain) - len(others)


def _related(part: Message, parts: list[Message], mail: _Found, depth: int) -> Iterator[str]:
    """The root of parts that make one page together."""
    start = str(part.get_param("start") or "")
    root = next((p for p in parts if start and _raw(p, "Content-ID").strip() == start), parts[0])
    mail.left_out["embedded file"] += len(parts) - 1
    yield from _part(root, mail, depth)


def _text(part: Message, mail: _Found) -> str:
    kind, charset = part.get_content_type(), part.get_content_charset() or "ascii"
    del part["Content-Type"]  # the library would decode by it, in encodings that are none of text, too
    raw = part.get_payload(decode=True)
    words, note = _decoded(raw if isinstance(raw, bytes) else b"", charset)
    if note:
        mail.notes.append(note)
    words = words.replace("\0", "")
    if kind != "text/html" or not words.strip():
        return _LINE_END.sub("\n", words).strip()
    try:
        # The mark says the encoding, whatever the page declares.
        page = html.load(codecs.BOM_UTF8 + words.encode("utf-8", "replace"), mail.name, mail.clock)
    except UnreadableFile as error:
        if error.reason != "without text":
            raise
        return ""
    mail.left_out.update(page.left_out)
    mail.title = mail.title or page.title
    mail.has_pages = True
    return page.text.strip()


def _decoded(data: bytes, charset: str) -> tuple[str, str | None]:
    """Text in the encoding that is declared, else UTF-8 as far as it is; and what is wrong with it."""
    try:
        codec = codecs.lookup(charset).name
    except (LookupError, ValueError):
        codec = ""
    known = bool(codec) and codec not in _NO_CHARSETS
    try:
        return data.decode(_WIDER.get(codec, codec) if known else "utf-8"), None
    except (UnicodeError, LookupError):
        encoding = (
            "the encoding that it declares" if known else "UTF-8, and the declared encoding is not known"
        )
        return data.decode(
            "utf-8", "replace"
        ), f"text is not in {encoding}; U+FFFD stands for what can't be read"
