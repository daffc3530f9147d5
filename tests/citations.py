"""Does every citation of a result open where its text stands?

Files are opened anew, page by page or line by line, apart from the loaders that wrote the citations.
"""

from __future__ import annotations

import gzip
import html
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Piece = Mapping[str, Any]
_TAG = re.compile(r"<[^>]*>?|^[^<>]*>")
# What Markdown puts before the words of a list item; a page has it as markup.
_BEGINNING = 4  # letters
_ITEM = re.compile(r"^\s*\d{1,9}[.)] ", re.MULTILINE)


def check(result: Mapping[str, Any]) -> list[tuple[str, bool, Piece]]:
    """Open every citation of a result of ``compress --format json``.

    Returns:
        For each piece that has a place: the kind of place, whether its text stands there, and the piece.
    """
    found = []
    for piece in result["pieces"]:
        location = piece["location"]
        if location is None:
            continue
        path = Path(piece["source"])
        text = result["text"][piece["start"] : piece["end"]]
        suffix = (Path(path.stem) if path.suffix == ".gz" else path).suffix.lower()
        look = _KINDS.get(suffix, _on_lines)
        kind = f"{suffix.lstrip('.') or 'text'}, {location['unit']}"
        found.append((kind, look(_read(path), location, text, piece), piece))
    return found


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def _on_pages(data: bytes, location: Piece, text: str, piece: Piece) -> bool:
    import pypdfium2

    with pypdfium2.PdfDocument(data) as file:
        pages = [file[i - 1].get_textpage().get_text_bounded() for i in range(*_span(location))]
    return _words(text) in _words("".join(pages))


def _on_web_page(data: bytes, location: Piece, text: str, piece: Piece) -> bool:
    """The words stand on these lines, and the anchor on them or above.

    A citation of one line may be that of a long text's beginning: it goes on in another part of the page.
    """
    lines = re.split(r"\r\n?|\n", data.decode("utf-8", "replace"))
    first, end = _span(location)
    shown = html.unescape(_TAG.sub("", "\n".join(lines[first - 1 : end - 1])))
    above = "\n".join(lines[: end - 1])
    anchor = location["part"]
    named = rf"\b(?i:id|name)\s*=\s*[\"']?{re.escape(html.escape(anchor or ''))}[\"'\s>]"
    known = not anchor or re.search(named, above) is not None
    words, there = _words(_ITEM.sub("", text)), _words(shown)
    begun = location["first"] == location["last"] and any(
        there.endswith(words[:n]) for n in range(min(_BEGINNING, len(words)), len(there) + 1)
    )
    return known and (words in there or begun)


def _on_lines(data: bytes, location: Piece, text: str, piece: Piece) -> bool:
    """The offsets are those of the file, and the text stands on exactly these lines."""
    whole = data.decode("utf-8-sig")
    start, stop = piece["start_char"], piece["end_char"]
    lines = re.split(r"\r\n?|\n", whole)
    first, end = _span(location)
    before = len(re.findall(r"\r\n?|\n", whole[:start])) + 1
    return whole[start:stop] == text and before == first and text.split()[-1] in lines[end - 2]


def _span(location: Piece) -> tuple[int, int]:
    return location["first"], location["last"] + 1


def _words(text: str) -> str:
    """Letters and digits alone: files differ from their text in white space, hyphens and markup."""
    return re.sub(r"[\W_]+", "", text)


_KINDS: dict[str, Callable[[bytes, Piece, str, Piece], bool]] = {
    ".pdf": _on_pages, ".html": _on_web_page, ".htm": _on_web_page, ".xhtml": _on_web_page,
}  # fmt: skip
