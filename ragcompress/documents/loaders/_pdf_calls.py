"""Functions of PDFium that are asked for each piece of a page, called with plain addresses.

Those of pypdfium2 make and check an object for every argument and result: a third of the time that a page of
words takes to be looked through.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

_ADDRESS, _NUMBER = ctypes.c_void_p, ctypes.c_int


class Calls(NamedTuple):
    """Functions; pieces, pages and what is written to are given by address.

    Attributes:
        page_piece, form_piece: a piece of a page or form by its number; None: there is none.
        font_size: writes the size of a piece's letters; 0: it is no text.
        mode: how a text is drawn.
        text_box: writes left, top, right and bottom of a piece of a text page; 0: there is none.
        fill: writes red, green, blue and alpha; 0: the piece has none.
    """

    page_piece: Callable[[int, int], int | None]
    form_piece: Callable[[int, int], int | None]
    font_size: Callable[[int, int], int]
    mode: Callable[[int], int]
    text_box: Callable[[int, int, int, int, int, int], int]
    fill: Callable[[int, int, int, int, int], int]


@cache
def calls() -> Calls:
    """The functions of the PDFium that is installed."""
    import pypdfium2.raw as pdfium

    def plain(function: Any, result: Any, *arguments: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *arguments)(address_of(function))

    return Calls(
        plain(pdfium.FPDFPage_GetObject, _ADDRESS, _ADDRESS, _NUMBER),
        plain(pdfium.FPDFFormObj_GetObject, _ADDRESS, _ADDRESS, ctypes.c_ulong),
        plain(pdfium.FPDFTextObj_GetFontSize, _NUMBER, _ADDRESS, _ADDRESS),
        plain(pdfium.FPDFTextObj_GetTextRenderMode, _NUMBER, _ADDRESS),
        plain(pdfium.FPDFText_GetRect, _NUMBER, _ADDRESS, _NUMBER, *[_ADDRESS] * 4),
        plain(pdfium.FPDFPageObj_GetFillColor, _NUMBER, *[_ADDRESS] * 5),
    )


def address_of(handle: Any) -> int:
    """The address that a handle or function of pypdfium2 holds."""
    return ctypes.cast(handle, _ADDRESS).value or 0


def piece_at(address: int) -> Any:
    """The handle of a piece, for the functions of pypdfium2."""
    import pypdfium2.raw as pdfium

    return ctypes.cast(address, pdfium.FPDF_PAGEOBJECT)


class Color:
    """Room for a color. Its numbers are read one by one: objects of all would cost as much as the call."""

    def __init__(self) -> None:
        self._room = (ctypes.c_uint * 4)()
        start, size = ctypes.addressof(self._room), ctypes.sizeof(ctypes.c_uint)
        self._places = (start, start + size, start + 2 * size, start + 3 * size)
        self.numbers = memoryview(self._room).cast("B").cast("I")
        """Red, green, blue, alpha."""

    def read(self, address: int) -> bool:
        """Read the color that a piece is filled with; False: it has none."""
        return bool(calls().fill(address, *self._places))
