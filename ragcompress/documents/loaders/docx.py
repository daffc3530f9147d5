"""Word, with mammoth (its HTML goes the way of all HTML): headings, lists, tables, footnotes."""

from __future__ import annotations

import io
from typing import Any

from ...errors import MissingExtra
from ...places import Places
from . import Loaded
from .html import CLOSE, OPEN, markdown, unmark

_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh"


def load(data: bytes, name: str) -> Loaded:
    """Read a Word document; places are its paragraphs with text, from 1, with the heading above.

    A Word file knows no pages: they come about when it is laid out.
    """
    try:
        import mammoth
        from mammoth import documents
    except ImportError:
        raise MissingExtra("reading .docx files", "docs") from None

    places: list[tuple[int, str | None]] = []

    def mark(paragraph: Any) -> Any:
        words = _words(paragraph).strip()
        if not words:
            return paragraph
        heading = (paragraph.style_name or "").lower().startswith(("heading", "title"))
        above = words if heading else (places[-1][1] if places else None)
        places.append((len(places) + 1, above))
        marker = documents.run([documents.text(f"{OPEN}{len(places) - 1}{CLOSE}")])
        return paragraph.copy(children=[marker, *paragraph.children])

    def _words(element: Any) -> str:
        if isinstance(element, documents.Text):
            return str(element.value)
        return "".join(map(_words, getattr(element, "children", ())))

    html = mammoth.convert_to_html(
        io.BytesIO(data),
        style_map=_STYLES,
        transform_document=mammoth.transforms.paragraph(mark),
        convert_image=mammoth.images.img_element(lambda image: {}),
    ).value
    text, found = unmark(markdown(html))
    # A document may hold what looks like a marker, but none of ours.
    stretches = [(start, *places[n]) for start, n in found if n < len(places)]
    return Loaded(text, Places.of_stretches("paragraph", stretches or [(0, 1, None)]))
