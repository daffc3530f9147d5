"""PowerPoint, with python-pptx: titles as headings, body text as lists, tables, speaker's notes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from ...errors import MissingExtra, UnreadableFile
from ...places import Places
from . import Loaded
from ._markdown import table


def load(data: bytes, name: str) -> Loaded:
    """Read a presentation; places are slides, counted from 1."""
    try:
        import pptx
    except ImportError:
        raise MissingExtra("reading .pptx files", "docs") from None

    slides = ["\n\n".join(_slide(slide)) for slide in pptx.Presentation(io.BytesIO(data)).slides]
    parts, found, length = [], [], 0
    for number, text in enumerate(slides, 1):
        if text:
            found.append((length, number, None))
            parts.append(text)
            length += len(text) + 2
    if not parts:
        raise UnreadableFile(name, "without text", "has no text on its slides")
    return Loaded("\n\n".join(parts), Places.of_stretches("slide", found))


def _slide(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame and title.text_frame.text.strip():
        yield "## " + " ".join(title.text_frame.text.split())
    for shape in _flat(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if getattr(shape, "has_table", False):
            yield table([[cell.text for cell in row.cells] for row in shape.table.rows])
        elif shape.has_text_frame and shape.text_frame.text.strip():
            yield _frame(shape)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        if text := notes.text.replace("\v", "\n").strip():
            yield f"Notes: {text}"


def _flat(shapes: Any) -> Iterator[Any]:
    """All shapes, those in groups too."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _flat(shape.shapes)
        else:
            yield shape


def _frame(shape: Any) -> str:
    """Several paragraphs of a placeholder are a list, as they mostly are on slides; others are paragraphs."""
    paragraphs = [
        (p.level, p.text.replace("\v", "\n")) for p in shape.text_frame.paragraphs if p.text.strip()
    ]
    if shape.is_placeholder and len(paragraphs) > 1:
        lines = [f"{'  ' * level}- {' '.join(text.split())}" for level, text in paragraphs]
        return "\n".join(lines)
    return "\n\n".join(text.strip() for _, text in paragraphs)
