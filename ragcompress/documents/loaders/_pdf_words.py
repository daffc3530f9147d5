"""Words of a PDF: those that a line's end breaks, and those that are struck out by an annotation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ._html_inline import struck
from ._pdf_notes import IS_UNSEEN, Box

BROKEN = "\x02"
"""Stands for a hyphen at the end of a line."""
_WORD = re.compile(r"[^\W\d_]+")
_COMPOUND = re.compile(r"[^\W\d_]+-[^\W\d_]+")
_AT_LINE_END = re.compile(rf"([^\W\d_]+){BROKEN}([^\W\d_]+)")
# Of a box's height, and in points: what reaches into it only so far is the next line's, or the next word's.
_EDGE_SHARE, _EDGE = 0.3, 0.5
# Words are looked for in the whole text of a page.
_MOST_STRIKES = 1_000


def rejoined(texts: Sequence[str | None]) -> list[str | None]:
    """Pages with words whole again that the file has as one elsewhere; others keep their hyphen."""
    if not any(BROKEN in (text or "") for text in texts):
        return list(texts)
    words: set[str] = set()
    compounds: set[str] = set()
    for text in texts:
        folded = (text or "").casefold()
        words.update(_WORD.findall(folded))
        compounds.update(_COMPOUND.findall(folded))

    def whole(match: re.Match[str]) -> str:
        first, second = match.groups()
        is_one = second[0].islower() and (first + second).casefold() in words
        is_compound = f"{first}-{second}".casefold() in compounds
        return first + second if is_one and not is_compound else f"{first}-{second}"

    return [text and _AT_LINE_END.sub(whole, text).replace(BROKEN, "-") for text in texts]


def with_struck(page: Any, text_page: Any, text: str, left_out: Counter[str]) -> str:
    """The text of a page, what is under its strike-out annotations marked.

    Words are found by how they read, with what stands before them on their line if need be. Marks of words
    that still stand there twice are counted.
    """
    for left, bottom, right, top in _strikes(page):
        edge = (top - bottom) * _EDGE_SHARE
        band = {"bottom": bottom + edge, "top": top - edge, "right": right - _EDGE}
        words = text_page.get_text_bounded(left=left + _EDGE, **band).strip()
        line = text_page.get_text_bounded(left=0, **band).rstrip()
        if not words or "\n" in words:
            left_out["unread strikeout"] += bool(words)
            continue
        sought = words if text.count(words) == 1 else line
        if text.count(sought) == 1 and sought.endswith(words):
            end = text.index(sought) + len(sought)
            text = text[: end - len(words)] + struck(words) + text[end:]
        else:
            left_out["unread strikeout"] += 1
    return text


def _strikes(page: Any) -> Iterator[Box]:
    """Where something is struck out, line by line; the last one first, so that marks hide no words."""
    import pypdfium2.raw as pdfium

    boxes: list[Box] = []
    points = pdfium.FS_QUADPOINTSF()
    for index in range(pdfium.FPDFPage_GetAnnotCount(page.raw)):
        note = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not note:
            continue
        is_seen = not pdfium.FPDFAnnot_GetFlags(note) & IS_UNSEEN
        if pdfium.FPDFAnnot_GetSubtype(note) == pdfium.FPDF_ANNOT_STRIKEOUT and is_seen:
            for n in range(pdfium.FPDFAnnot_CountAttachmentPoints(note)):
                if pdfium.FPDFAnnot_GetAttachmentPoints(note, n, points):
                    xs = (points.x1, points.x2, points.x3, points.x4)
                    ys = (points.y1, points.y2, points.y3, points.y4)
                    boxes.append((min(xs), min(ys), max(xs), max(ys)))
        pdfium.FPDFPage_CloseAnnot(note)
    return iter(sorted(set(boxes), key=lambda box: (box[1], -box[0]))[:_MOST_STRIKES])
