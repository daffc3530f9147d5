"""PowerPoint, with python-pptx: titles as headings, body text as lists, tables, charts, speaker's notes."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ...errors import MissingExtra, UnreadableFile
from ...places import Places
from . import Loaded
from ._clock import Clock
from ._formulas import formula
from ._grid import Cell, pipe_table
from ._html_inline import lowered, raised, struck
from ._html_markdown import lettered
from ._office import Package, alternative, attribute, drawn_in, find, local, whole, within
from ._slide_colors import Themes, take_out_unseen

_FORMS = {"alphaLc": "a", "alphaUc": "A", "romanLc": "i", "romanUc": "I"}
_MARKS = ("buNone", "buChar", "buAutoNum", "buBlip")
# What shapes stand in.
_TREES = ("spTree", "grpSp")
# Below or above the line, in thousandths of the letters' height.
_OFF_LINE = 10_000


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read a presentation; places are slides, counted from 1. Hidden slides are left out."""
    try:
        import pptx
    except ImportError:
        raise MissingExtra("reading .pptx files", "docs") from None

    package = Package(data)
    left_out: Counter[str] = Counter()
    parts, places, length = [], [], 0
    titles: set[str] = set()
    themes: Themes = {}
    deck = pptx.Presentation(io.BytesIO(data))
    size = (deck.slide_width or 0, deck.slide_height or 0)
    for number, slide in enumerate(deck.slides, 1):
        clock.check()
        if slide.element.get("show") in ("0", "false"):
            left_out["hidden slide"] += 1
            continue
        _choose(slide.element)
        with suppress(Exception):  # of a slide with odd parts, all stays
            take_out_unseen(slide, left_out, themes)
        drawings = package.drawings(str(slide.part.partname).lstrip("/"))
        if text := "\n\n".join(
            [*_slide(slide, size, drawings, left_out), *_layout(slide, titles), *_notes(slide)]
        ):
            places.append((length, number, None))
            parts.append(text)
            length += len(text) + 2
    left_out["comment"] += sum(n.startswith("ppt/comments/") and n.endswith(".xml") for n in package.names)
    if not parts:
        raise UnreadableFile(name, "without text", "has no text on its slides")
    return Loaded("\n\n".join(parts), Places.of_stretches("slide", places), left_out=left_out)


def _choose(slide: Any) -> None:
    """Of shapes written for programs of several ages, take the newest: python-pptx passes over all of them.

    PowerPoint writes every shape with a formula so.
    """
    for choices in [e for e in within(slide, "AlternateContent") if local(e.getparent()) in _TREES]:
        chosen = next((c for c in choices if len(c)), None)
        parent = choices.getparent()
        at = parent.index(choices)
        parent[at : at + 1] = [] if chosen is None else list(chosen)


def _slide(
    slide: Any, size: tuple[int, int], drawings: dict[str, str], left_out: Counter[str]
) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame and not _is_hidden(title):
        if words := " ".join(" ".join(_text(p) for p in title.text_frame.paragraphs).split()):
            yield f"## {words}"
    for shape in _flat(slide.shapes, left_out):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        yield from (drawings[name] for name in drawn_in(shape._element) if name in drawings)
        if _is_beside(shape, size):
            left_out["shape beside its slide"] += 1
            continue
        if getattr(shape, "has_table", False):
            named = shape.table.first_col and not shape.table.first_row
            titles, table = pipe_table([[*_cells(row, named)] for row in shape.table.rows])
            yield from filter(None, (*titles, table))
        elif shape.has_text_frame and (text := _frame(shape)):
            yield text
        elif next(within(shape._element, "oleObj"), None) is not None:
            left_out["embedded object"] += 1
        elif alt := alternative(next(within(shape._element, "cNvPr"), None)):
            yield f"[Image: {alt}]"


def _is_beside(shape: Any, size: tuple[int, int]) -> bool:
    """Whether a shape lies where no presentation shows it; those in groups have other measures."""
    if (
        shape.left is None
        or shape.width is None
        or local(shape._element.getparent()) == "grpSp"
        or not all(size)
    ):
        return False
    return bool(
        shape.left >= size[0]
        or shape.top >= size[1]
        or shape.left + shape.width <= 0
        or shape.top + shape.height <= 0
    ) and bool(getattr(shape, "has_text_frame", False) and shape.text_frame.text.strip())


def _cells(row: Any, named: bool) -> Iterator[Cell]:
    """The cells of a row.

    Args:
        named: whether the first one names the row, and nothing the columns.
    """
    for number, cell in enumerate(row.cells):
        if not cell.is_spanned:
            header = named and not number
            yield Cell(_in_cell(cell.text_frame), cell.span_height or 1, cell.span_width or 1, header)


def _in_cell(frame: Any) -> str:
    """The paragraphs of a cell in one line; a semicolon parts items of a list."""
    numbers, written = _Numbers(), ""
    for paragraph in frame.paragraphs:
        mark = _marker(find(paragraph._p, "pPr"))
        number = numbers.next(paragraph, mark)
        text = " ".join(f"{number} {_text(paragraph)}".split())
        is_item = mark is not None and local(mark) != "buNone"
        written += ("; " if is_item and written else " ") + text if text else ""
    return written.strip()


def _notes(slide: Any) -> Iterator[str]:
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        if text := "\n".join(_text(p) for p in notes.paragraphs).strip():
            yield f"Notes: {text}"


def _layout(slide: Any, titles: set[str]) -> Iterator[str]:
    """What the layout and the master of a slide write on it, said once for all slides."""
    above = [slide.slide_layout, slide.slide_layout.slide_master]
    for n, each in enumerate(above):
        if any(e.element.get("showMasterSp") in ("0", "false") for e in (slide, *above[:n])):
            return
        for shape in _flat(each.shapes, Counter()):
            if shape.is_placeholder or not shape.has_text_frame:
                continue
            text = " ".join(_frame(shape).split())
            if text and text not in titles:
                titles.add(text)
                yield f"Slide layout: {text}"


def _flat(shapes: Any, left_out: Counter[str]) -> Iterator[Any]:
    """All shapes that are shown, those in groups too."""
    for shape in shapes:
        if _is_hidden(shape):
            left_out["hidden shape"] += 1
        elif hasattr(shape, "shapes"):
            yield from _flat(shape.shapes, left_out)
        else:
            yield shape


def _is_hidden(shape: Any) -> bool:
    properties = next(within(shape._element, "cNvPr"), None)
    return properties is not None and properties.get("hidden") in ("1", "true")


def _text(paragraph: Any) -> str:
    """The words of a paragraph, with fields; raised, lowered and struck-out ones say so."""
    parts: list[str] = []
    for part in paragraph._p:
        name = local(part)
        if name == "br":
            parts.append("\n")
        elif name in ("r", "fld"):
            words = "".join(t.text or "" for t in part if local(t) == "t")
            parts.append(_marked(words, part, "".join(parts[-4:])))
        elif name in ("m", "AlternateContent", "oMath", "oMathPara"):
            chosen = next(within(part, "Choice"), part)
            parts += [f" {formula(each)} " for each in within(chosen, "oMath")]
    return re.sub(" {2,}", " ", "".join(parts).replace("\v", "\n"))


def _marked(words: str, run: Any, before: str) -> str:
    properties = next((p for p in run if local(p) == "rPr"), None)
    if properties is None or not words.strip():
        return words
    offset = attribute(properties, "baseline") or "0"
    height = whole(offset.rstrip("%")) * (1000 if offset.endswith("%") else 1)
    if abs(height) >= _OFF_LINE:
        return (raised if height > 0 else lowered)(words.strip(), before)
    return words if (attribute(properties, "strike") or "noStrike") == "noStrike" else struck(words)


def _frame(shape: Any) -> str:
    """Paragraphs with a mark or a number are items of a list."""
    numbers = _Numbers()
    paragraphs = [
        (p, numbers.next(p, bullet := _mark(p, shape)), bullet, _text(p).strip())
        for p in shape.text_frame.paragraphs
        if _text(p).strip()
    ]
    if len(paragraphs) < 2:
        return "\n\n".join(f"{number} {text}" if number else text for _, number, _, text in paragraphs)
    written, was_item = "", False
    for paragraph, number, bullet, text in paragraphs:
        is_item = bullet is not None and local(bullet) != "buNone"
        written += "\n" if is_item and was_item else "\n\n" if written else ""
        mark = f"{'  ' * paragraph.level}{_bullet(number)}" if is_item else ""
        written += mark + " ".join(text.split())
        was_item = is_item
    return written


def _mark(paragraph: Any, shape: Any) -> Any:
    """What says which mark stands before a paragraph: its own, its shape's, or that of layout and master."""
    if (direct := _marker(find(paragraph._p, "pPr"))) is not None:
        return direct
    name = f"lvl{paragraph.level + 1}pPr"
    for styles in _styles_of(shape):
        if (mark := _marker(find(styles, name))) is not None:
            return mark
    return None


def _marker(properties: Any) -> Any:
    if properties is None:
        return None
    return next((each for each in properties if local(each) in _MARKS), None)


def _styles_of(shape: Any) -> Iterator[Any]:
    """Styles of the levels of a shape's text, the nearest first; placeholders inherit those of their like."""
    each = last = shape
    while each is not None:
        body = next(within(each._element, "txBody"), None)
        styles = None if body is None else find(body, "lstStyle")
        if styles is not None:
            yield styles
        each, last = getattr(each, "_base_placeholder", None) if each.is_placeholder else None, each
    if not shape.is_placeholder:
        return
    master = next(within(last.part._element, "txStyles"), None)
    kind = "titleStyle" if "TITLE" in str(shape.placeholder_format.type) else "bodyStyle"
    if master is not None and (styles := find(master, kind)) is not None:
        yield styles


def _bullet(number: str) -> str:
    """What Markdown writes before an item: other numbers than "1." are words of it."""
    return f"{number} " if re.fullmatch(r"\d{1,9}\.", number) else f"- {number} " if number else "- "


class _Numbers:
    """Counts the numbered paragraphs of a text frame, level by level."""

    def __init__(self) -> None:
        self._counts: dict[int, tuple[str, int, int]] = {}

    def next(self, paragraph: Any, numbered: Any) -> str:
        """The number that is shown before a paragraph, by its mark; empty if there is none."""
        level = paragraph.level
        self._counts = {n: count for n, count in self._counts.items() if n <= level}
        if numbered is None or local(numbered) != "buAutoNum":
            self._counts.pop(level, None)
            return ""
        form, start = attribute(numbered, "type") or "", whole(attribute(numbered, "startAt"), 1)
        before = self._counts.get(level)
        number = before[2] + 1 if before and before[:2] == (form, start) else start
        self._counts[level] = (form, start, number)
        style = next((sign for name, sign in _FORMS.items() if form.startswith(name)), "1")
        written = lettered(number, style) if style != "1" and number < 4_000 else str(number)
        before_it = "(" if form.endswith("ParenBoth") else ""
        after = "." if form.endswith("Period") else ")" if "Paren" in form else ""
        return before_it + written + after
