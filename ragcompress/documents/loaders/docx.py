"""Word, with mammoth (its HTML goes the way of all HTML): headings, lists, tables, footnotes."""

from __future__ import annotations

import io
from collections import Counter
from functools import partial
from typing import Any

from ...errors import MissingExtra
from ...places import Places
from . import Loaded
from ._clock import Clock
from ._html_inline import write_inline
from ._html_markdown import markdown
from ._html_shown import show_controls, take_out_back_links
from ._markers import marker, unmark
from ._office import Package
from ._word import prepared
from ._word_notes import write_labels
from ._word_numbers import take_numbers

_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh"


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read a Word document; places are its paragraphs with text, from 1, with the heading above.

    A Word file knows no pages: they come about when it is laid out. Tracked changes count as accepted;
    headers and footers of pages, and charts, stand at the end.
    """
    try:
        import lxml.html
        import mammoth
        from mammoth import documents
    except ImportError:
        raise MissingExtra("reading .docx files", "docs") from None

    places: list[tuple[int, str | None]] = []
    package = Package(data)
    left_out: Counter[str] = Counter()
    file = prepared(package, left_out, clock.check)
    html = mammoth.convert_to_html(
        io.BytesIO(file.data),
        style_map=_STYLES,
        transform_document=mammoth.transforms.paragraph(partial(_mark, documents, places, clock)),
        convert_image=mammoth.images.img_element(lambda image: {}),
    ).value
    clock.check()
    if not html.strip():
        whole = Places.of_stretches("paragraph", [(0, 1, None)])
        return Loaded("\n\n".join(file.charts), whole, left_out=left_out)
    tree = lxml.html.document_fromstring(html)
    take_numbers(tree)
    write_labels(tree, file.labels)
    take_out_back_links(tree)
    show_controls(tree)
    write_inline(tree)
    text, marks = unmark("\n\n".join(filter(None, [markdown(tree, clock.check), *file.charts])))
    # A document may hold what looks like a marker, but none of ours.
    stretches = [(start, *places[n]) for start, n in marks if n < len(places)]
    return Loaded(text, Places.of_stretches("paragraph", stretches or [(0, 1, None)]), left_out=left_out)


def _mark(documents: Any, places: list[tuple[int, str | None]], clock: Clock, paragraph: Any) -> Any:
    """A paragraph with a marker of its place before its text; the place is added to ``places``.

    Args:
        documents: mammoth's module of that name.
    """
    clock.check()
    words = _words(documents, paragraph).strip()
    if not words:
        return paragraph
    heading = (paragraph.style_name or "").lower().startswith(("heading", "title"))
    above = words if heading else (places[-1][1] if places else None)
    places.append((len(places) + 1, above))
    run = documents.run([documents.text(marker(len(places) - 1))])
    return paragraph.copy(children=[run, *paragraph.children])


def _words(documents: Any, element: Any) -> str:
    if isinstance(element, documents.Text):
        return str(element.value)
    return "".join(_words(documents, child) for child in getattr(element, "children", ()))
