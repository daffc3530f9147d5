"""What a page of a PDF is drawn with, looked through once: pieces of text, and what is drawn over them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from ._pdf_calls import address_of, calls, piece_at

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in points."""
Matrix = tuple[float, float, float, float, float, float]
_SAME: Matrix = (1, 0, 0, 1, 0, 0)
_DEPTH = 5
# A page of more parts is not looked through: it would take too long to draw.
_MOST_PARTS = 20_000
# Of the height of the letters on a line: how small what is off it is, and how far off it is.
SMALL, LEAST_OFF, MOST_OFF = 0.85, 0.08, 0.7
_OPAQUE = 255
# Letters of one point and less are not seen; small ones are mostly scaled.
_TINY, SCALED = 1.0, 3.0


class Text(NamedTuple):
    """A piece of text.

    Attributes:
        form: what holds it; None: the page.
        address: of PDFium's handle.
        matrix: of what holds it.
        size: of its letters, in points if nothing scales them.
        is_layered: whether a layer, which may be switched off, holds it.
    """

    form: Any
    address: int
    matrix: Matrix
    size: float
    is_layered: bool

    @property
    def piece(self) -> Any:
        """PDFium's handle."""
        return piece_at(self.address)

    def is_tiny(self) -> bool:
        """Whether its letters are too small to be seen."""
        return 0 < _place(self.piece, self.size)[0] * abs(self.matrix[3]) <= _TINY

    def box(self) -> Box | None:
        """Where it stands on the page."""
        return _box(self.piece, self.matrix)


@dataclass(slots=True)
class Parts:
    """The parts of a page, in the order in which they are drawn.

    Attributes:
        texts: pieces of text.
        covers: opaque areas and pictures, each with how many of the texts were drawn before.
        has_shifts: whether a piece of text is much smaller than the one beside it, and a little off its line.
        left: how many parts may still be looked at; below 0 if there are more.
    """

    texts: list[Text] = field(default_factory=list)
    covers: list[tuple[int, Box]] = field(default_factory=list)
    has_shifts: bool = False
    left: int = _MOST_PARTS


def parts_of(page: Any, *, layers: bool, layered_forms: bool) -> Parts:
    """Look through a page of pypdfium2.

    Args:
        layers: whether the file may have some.
        layered_forms: whether any form may belong to one: PDFium does not say which does.
    """
    parts = Parts()
    _look_through(page.raw, None, _SAME, (parts, layers, layered_forms, False), _DEPTH)
    sizes = [text.size for text in parts.texts]
    if sizes and (sizes[0] < SCALED or sizes.count(sizes[0]) < len(sizes)):
        pairs = pairwise(parts.texts)
        parts.has_shifts = any(_is_shift(a, b) for a, b in pairs if a.size != b.size or a.size < SCALED)
    return parts


def _is_shift(before: Text, behind: Text) -> bool:
    (height, x, y), (next_height, next_x, next_y) = (
        _place(before.piece, before.size),
        _place(behind.piece, behind.size),
    )
    large, off = max(height, next_height), abs(next_y - y)
    is_small = min(height, next_height) <= SMALL * large
    return is_small and next_x > x and LEAST_OFF * large <= off <= MOST_OFF * large


def _place(piece: Any, size: float) -> tuple[float, float, float]:
    """Height of letters, and where they begin; in the measure of what holds them."""
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFPageObj_GetMatrix(piece, matrix)
    return size * abs(matrix.d), matrix.e, matrix.f


_Looked = tuple[Parts, bool, bool, bool]


def _look_through(page: Any, form: Any, matrix: Matrix, looked: _Looked, depth: int) -> None:
    import pypdfium2.raw as pdfium

    parts, layers, layered_forms, is_layered = looked
    size, placed = ctypes.c_float(), pdfium.FS_MATRIX()
    font_size, written = calls().font_size, ctypes.addressof(size)
    for address in _pieces(page, form):
        parts.left -= 1
        if parts.left < 0:
            return
        if font_size(address, written):
            layered = is_layered or (layers and _is_layered(piece_at(address)))
            parts.texts.append(Text(form, address, matrix, size.value, layered))
            continue
        piece = piece_at(address)
        kind = pdfium.FPDFPageObj_GetType(piece)
        if kind == pdfium.FPDF_PAGEOBJ_FORM and depth:
            if pdfium.FPDFPageObj_GetMatrix(piece, placed):
                layered = is_layered or layered_forms or (layers and _is_layered(piece))
                inner = (parts, layers, layered_forms, layered)
                _look_through(page, piece, _times(placed, matrix), inner, depth - 1)
        elif parts.texts and _is_cover(piece, kind) and (box := _box(piece, matrix)):
            parts.covers.append((len(parts.texts), box))


def _pieces(page: Any, form: Any) -> Iterator[int]:
    """The addresses of the pieces of a form, or of the page."""
    import pypdfium2.raw as pdfium

    count = pdfium.FPDFFormObj_CountObjects(form) if form else pdfium.FPDFPage_CountObjects(page)
    at, place = calls().form_piece if form else calls().page_piece, address_of(form or page)
    for number in range(max(0, count)):
        if address := at(place, number):
            yield address


def _is_cover(piece: Any, kind: int) -> bool:
    """Whether nothing is seen through it: a picture, or a filled area."""
    import pypdfium2.raw as pdfium

    if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
        return True
    filled, stroked = ctypes.c_int(), ctypes.c_int()
    if kind != pdfium.FPDF_PAGEOBJ_PATH or not pdfium.FPDFPath_GetDrawMode(piece, filled, stroked):
        return False
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    return bool(
        filled.value
        and pdfium.FPDFPageObj_GetFillColor(piece, red, green, blue, alpha)
        and alpha.value == _OPAQUE
    )


def _is_layered(piece: Any) -> bool:
    import pypdfium2.raw as pdfium

    size = ctypes.c_ulong()
    for i in range(pdfium.FPDFPageObj_CountMarks(piece)):
        name = (ctypes.c_ushort * 4)()
        mark = pdfium.FPDFPageObj_GetMark(piece, i)
        if pdfium.FPDFPageObjMark_GetName(mark, name, ctypes.sizeof(name), size) and bytes(name)[
            : size.value
        ].decode("utf-16-le", "replace").startswith("OC\0"):
            return True
    return False


def _box(piece: Any, matrix: Matrix) -> Box | None:
    import pypdfium2.raw as pdfium

    edges = tuple(ctypes.c_float() for _ in range(4))
    if not pdfium.FPDFPageObj_GetBounds(piece, *edges):
        return None
    left, bottom, right, top = (edge.value for edge in edges)
    if matrix == _SAME:
        return left, bottom, right, top
    a, b, c, d, e, f = matrix
    corners = [(x, y) for x in (left, right) for y in (bottom, top)]
    xs, ys = [a * x + c * y + e for x, y in corners], [b * x + d * y + f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _times(matrix: Any, outer: Matrix) -> Matrix:
    """First the one matrix, then the other."""
    a, b, c, d, e, f = outer
    return (
        matrix.a * a + matrix.b * c,
        matrix.a * b + matrix.b * d,
        matrix.c * a + matrix.d * c,
        matrix.c * b + matrix.d * d,
        matrix.e * a + matrix.f * c + e,
        matrix.e * b + matrix.f * d + f,
    )
