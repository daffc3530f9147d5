"""Text of a PDF that nobody sees, because it has the color of its ground or none: found by drawing the page.

Few pages have text that is drawn white or not at all, and only these are drawn. White text in a dark bar, and
the invisible text that lies over the picture of a scanned page, have something to be seen in their place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

# A page is drawn with so many dots on its longer side at most; one a point otherwise.
_MOST_DOTS = 2_000
_WHITE = 250
# Of the dots in its place so many are white, where white text is not seen; of text that is not drawn, all.
_BLANK = 0.95
_DEPTH = 5
# A page of more parts is not looked through: it would take too long to draw.
_MOST_PARTS = 20_000
_Box = tuple[float, float, float, float]
_Matrix = tuple[float, float, float, float, float, float]
_SAME: _Matrix = (1, 0, 0, 1, 0, 0)


def take_out_unseen(page: Any) -> int:
    """Remove text that is not seen from a page of pypdfium2, in memory; how many pieces of it.

    Text pages that were made of the page before must be closed.
    """
    import pypdfium2.raw as pdfium

    left = [_MOST_PARTS]
    found = list(_pale(page.raw, left))
    if not found or left[0] < 0:
        return 0
    dots = _drawn(page)
    if dots.all() and _has_picture(page):  # one that PDFium can't show: the text over it is all there is
        return 0
    n_removed = 0
    for form, piece, box, share in reversed(found):
        if _white_share(page, dots, box) < share:
            continue
        gone = (
            pdfium.FPDFFormObj_RemoveObject(form, piece)
            if form
            else pdfium.FPDFPage_RemoveObject(page.raw, piece)
        )
        if gone:
            pdfium.FPDFPageObj_Destroy(piece)
            n_removed += 1
    return n_removed


def _pale(
    page: Any, left: list[int], form: Any = None, matrix: _Matrix = _SAME, depth: int = _DEPTH
) -> Iterator[Any]:
    """Pieces of text that are white or not drawn: what holds them, they, their box, and how blank it must be.

    Args:
        left: how many parts may still be looked at; it is counted down.
    """
    import pypdfium2.raw as pdfium

    count, get = (
        (pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject)
        if form
        else (pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject)
    )
    within = form or page
    for i in range(count(within)):
        left[0] -= 1
        if left[0] < 0:
            return
        piece = get(within, i)
        kind = pdfium.FPDFPageObj_GetType(piece)
        if kind == pdfium.FPDF_PAGEOBJ_FORM and depth:
            own = pdfium.FS_MATRIX()
            if pdfium.FPDFPageObj_GetMatrix(piece, own):
                yield from _pale(page, left, piece, _times(own, matrix), depth - 1)
        elif kind == pdfium.FPDF_PAGEOBJ_TEXT and (share := _share(piece)):
            box = tuple(ctypes.c_float() for _ in range(4))
            if pdfium.FPDFPageObj_GetBounds(piece, *box):
                yield form, piece, _moved(tuple(edge.value for edge in box), matrix), share


def _share(piece: Any) -> float:
    """How blank the place of text must be for nobody to see it, in [0, 1]; 0: it is drawn in some color."""
    import pypdfium2.raw as pdfium

    mode = pdfium.FPDFTextObj_GetTextRenderMode(piece)
    if mode == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE:
        return 1.0
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if mode != pdfium.FPDF_TEXTRENDERMODE_FILL or not pdfium.FPDFPageObj_GetFillColor(
        piece, red, green, blue, alpha
    ):
        return 0.0
    if not alpha.value:
        return 1.0
    return _BLANK if min(red.value, green.value, blue.value) >= _WHITE else 0.0


def _has_picture(page: Any) -> bool:
    import pypdfium2.raw as pdfium

    return next(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=_DEPTH), None) is not None


def _times(own: Any, outer: _Matrix) -> _Matrix:
    """First the one matrix, then the other."""
    a, b, c, d, e, f = outer
    return (
        own.a * a + own.b * c,
        own.a * b + own.b * d,
        own.c * a + own.d * c,
        own.c * b + own.d * d,
        own.e * a + own.f * c + e,
        own.e * b + own.f * d + f,
    )


def _moved(box: tuple[float, ...], matrix: _Matrix) -> _Box:
    """The box around a box that a matrix has moved; left, bottom, right, top, in points."""
    left, bottom, right, top = box
    a, b, c, d, e, f = matrix
    corners = [(x, y) for x in (left, right) for y in (bottom, top)]
    xs, ys = [a * x + c * y + e for x, y in corners], [b * x + d * y + f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _drawn(page: Any) -> npt.NDArray[np.bool_]:
    """The page as it is seen: for each dot whether it is white."""
    scale = min(1.0, _MOST_DOTS / max(1.0, *page.get_size()))
    drawn: npt.NDArray[np.uint8] = np.asarray(page.render(scale=scale).to_numpy())
    return np.asarray(drawn.min(axis=-1) >= _WHITE)


def _white_share(page: Any, dots: npt.NDArray[np.bool_], box: _Box) -> float:
    """Which share of the dots in a box is white; 1 outside of the page."""
    import pypdfium2.raw as pdfium

    height, width = dots.shape
    xs, ys = [], []
    for x, y in ((box[0], box[1]), (box[2], box[3])):
        at = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, x, y, *at)
        xs.append(at[0].value)
        ys.append(at[1].value)
    part = dots[max(0, min(ys)) : max(ys) + 1, max(0, min(xs)) : max(xs) + 1]
    return float(part.mean()) if part.size else 1.0
