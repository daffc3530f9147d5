"""Text of a PDF that nobody sees: found by drawing the page.

It has the color of its ground or none, lies under something else or in a layer that is off, or is too small.
Few pages have text that may be so, and only these are drawn. White text in a dark bar, and the invisible text
that lies over the picture of a scanned page, have something to be seen in their place.
"""

from __future__ import annotations

import ctypes
from heapq import nlargest
from typing import Any

import numpy as np
import numpy.typing as npt

from ._pdf_calls import Color, calls
from ._pdf_parts import SCALED, Box, Parts, Text

# A page is drawn with so many dots on its longer side at most; one a point otherwise.
_MOST_DOTS = 2_000
_WHITE = 250
# Modes of drawing text (ISO 32000, 9.3.6): filled; neither filled nor stroked, or only a way to cut.
_FILLED, _UNDRAWN = 0, (3, 7)
# Of the dots in its place so many are white, where white text is not seen; of text that is not drawn, all.
_BLANK = 0.95
# Of the dots in the place of text that is covered so many have one color, or almost.
_ONE_COLOR, _SAME_COLOR = 0.99, 12
_DEPTH = 5
# So far text may stand out of what covers it, in points.
_EDGE = 1.0
# The largest of what is drawn over texts are compared with these, no more.
_MOST_COVERS = 2_000
_Dots = npt.NDArray[np.uint8]


def take_out_unseen(page: Any, parts: Parts) -> int:
    """Remove text that is not seen from a page of pypdfium2, in memory; how many pieces of it.

    Text pages that were made of the page before must be closed.
    """
    import pypdfium2.raw as pdfium

    suspects = {} if parts.left < 0 else _suspects(parts)
    gone = [n for n, blank in suspects.items() if blank == 0]
    if len(gone) < len(suspects):
        dots = _drawn(page)
        # A picture that PDFium can't show: the text over it is all there is.
        if (dots.min(axis=-1) >= _WHITE).all() and _has_picture(page):
            return 0
        gone += [
            n for n, blank in suspects.items() if blank and _is_unseen(page, dots, parts.texts[n], blank)
        ]
    n_removed = 0
    for n in sorted(gone, reverse=True):
        form, piece = parts.texts[n].form, parts.texts[n].piece
        removed = (
            pdfium.FPDFFormObj_RemoveObject(form, piece)
            if form
            else pdfium.FPDFPage_RemoveObject(page.raw, piece)
        )
        if removed:
            pdfium.FPDFPageObj_Destroy(piece)
            n_removed += 1
    return n_removed


_FLAT = -1.0
"""Stands for a share: the place must have one color."""


def _suspects(parts: Parts) -> dict[int, float]:
    """Texts that nobody may see, by number, and how blank their place must be; 0: they are not seen."""
    suspects = dict.fromkeys(_covered(parts), _FLAT)
    color, mode = Color(), calls().mode
    for n, text in enumerate(parts.texts):
        if text.size < SCALED and text.is_tiny():
            suspects[n] = 0.0
        elif text.is_layered:
            suspects[n] = _FLAT
        elif n not in suspects and (share := _share(text.address, mode(text.address), color)):
            suspects[n] = share
    return suspects


def _covered(parts: Parts) -> list[int]:
    """Texts over which something opaque is drawn."""
    if not parts.covers:
        return []
    covers = nlargest(_MOST_COVERS, parts.covers, key=lambda cover: _area(cover[1]))
    count = max(n for n, _ in covers)
    nowhere = (np.nan,) * 4
    boxes = np.array([text.box() or nowhere for text in parts.texts[:count]])
    covered: set[int] = set()
    for n, (left, bottom, right, top) in covers:
        within = (
            (boxes[:n, 0] >= left - _EDGE)
            & (boxes[:n, 1] >= bottom - _EDGE)
            & (boxes[:n, 2] <= right + _EDGE)
            & (boxes[:n, 3] <= top + _EDGE)
        )
        covered.update(np.flatnonzero(within).tolist())
    return sorted(covered)


def _area(box: Box) -> float:
    left, bottom, right, top = box
    return (right - left) * (top - bottom)


def _share(address: int, mode: int, color: Color) -> float:
    """How blank the place of text must be for nobody to see it, in [0, 1]; 0: it is drawn in some color.

    Args:
        address: of the piece.
        mode: how it is drawn.
        color: to be written to.
    """
    if mode in _UNDRAWN:
        return 1.0
    if mode != _FILLED or not color.read(address):
        return 0.0
    numbers = color.numbers
    if not numbers[3]:
        return 1.0
    return _BLANK if numbers[0] >= _WHITE and numbers[1] >= _WHITE and numbers[2] >= _WHITE else 0.0


def _has_picture(page: Any) -> bool:
    import pypdfium2.raw as pdfium

    return next(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=_DEPTH), None) is not None


def _drawn(page: Any) -> _Dots:
    """The page as it is seen: the colors of its dots."""
    scale = min(1.0, _MOST_DOTS / max(1.0, *page.get_size()))
    return np.asarray(page.render(scale=scale).to_numpy())


def _is_unseen(page: Any, dots: _Dots, text: Text, blank: float) -> bool:
    box = text.box()
    if box is None:
        return False
    part = _part(page, dots, box)
    if not part.size:
        return True  # outside of the page
    if blank != _FLAT:
        return bool((part.min(axis=-1) >= _WHITE).mean() >= blank)
    off = np.abs(part.astype(np.int16) - np.median(part, axis=(0, 1)).astype(np.int16)).max(axis=-1)
    return bool((off <= _SAME_COLOR).mean() >= _ONE_COLOR)


def _part(page: Any, dots: _Dots, box: Box) -> _Dots:
    """The dots in a box."""
    import pypdfium2.raw as pdfium

    height, width = dots.shape[:2]
    xs, ys = [], []
    for x, y in ((box[0], box[1]), (box[2], box[3])):
        at = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, x, y, *at)
        xs.append(at[0].value)
        ys.append(at[1].value)
    return dots[max(0, min(ys)) : max(0, max(ys) + 1), max(0, min(xs)) : max(0, max(xs) + 1)]
