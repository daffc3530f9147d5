"""What stands on a page of a PDF without being part of its text: values of fields, text written over it."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable
from typing import Any

# Flags of annotations (ISO 32000, 12.5.3), of fields (12.7.3.1) and of text fields (12.7.4.3).
_HIDDEN, _NO_VIEW = 1 << 1, 1 << 5
IS_UNSEEN = _HIDDEN | _NO_VIEW
Box = tuple[float, float, float, float]
_PASSWORD = 1 << 13
_OFF = ("", "Off")
# A label stands so close to its field, in points: left of it, or above.
_ABOVE = 16


def notes_of(page: Any, text_page: Any, form: Any, left_out: Counter[str]) -> list[str]:
    """Lines for the fields that are filled in, each with its label, and for text written over the page.

    Args:
        page, text_page: of pypdfium2.
        form: PDFium's handle of the file's form; None: it has none.
        left_out: counts comments, which are shown only when one points at them.
    """
    import pypdfium2.raw as pdfium

    lines = []
    for index in range(pdfium.FPDFPage_GetAnnotCount(page.raw)):
        note = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not note:
            continue
        kind = pdfium.FPDFAnnot_GetSubtype(note)
        hidden = pdfium.FPDFAnnot_GetFlags(note) & IS_UNSEEN
        words = _string(lambda b, n, note=note: pdfium.FPDFAnnot_GetStringValue(note, b"Contents", b, n))
        if kind == pdfium.FPDF_ANNOT_WIDGET and form and not hidden:
            if line := _field(note, text_page, form):
                lines.append(line)
        elif kind == pdfium.FPDF_ANNOT_FREETEXT and not hidden:
            lines.append(" ".join(words.split()))
        elif words.strip() and kind not in (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP):
            left_out["comment"] += 1
        pdfium.FPDFPage_CloseAnnot(note)
    return list(filter(None, lines))


def _field(note: Any, text_page: Any, form: Any) -> str:
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetFormFieldType(form, note)
    if kind in (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE):
        return ""
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        value = "[x]" if pdfium.FPDFAnnot_IsChecked(form, note) else "[ ]"
        label = _string(lambda b, n: pdfium.FPDFAnnot_GetFormFieldAlternateName(form, note, b, n))
        label = (
            label
            or _text_right_of(note, text_page)
            or _string(lambda b, n: pdfium.FPDFAnnot_GetFormFieldName(form, note, b, n))
        )
        return f"{value} {label}"
    if pdfium.FPDFAnnot_GetFormFieldFlags(form, note) & _PASSWORD and kind == pdfium.FPDF_FORMFIELD_TEXTFIELD:
        return ""
    value = _string(lambda b, n: pdfium.FPDFAnnot_GetFormFieldValue(form, note, b, n))
    if value in _OFF:
        return ""
    label = _string(lambda b, n: pdfium.FPDFAnnot_GetFormFieldAlternateName(form, note, b, n))
    label = label or _before(note, text_page)
    label = label or _string(lambda b, n: pdfium.FPDFAnnot_GetFormFieldName(form, note, b, n))
    return f"{label.rstrip(' :')}: {' '.join(value.split())}"


def _string(read: Callable[..., int]) -> str:
    """What one of PDFium's functions writes into a buffer of UTF-16, whose size it is asked for first."""
    size = read(None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    read(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace").strip()


def _box(note: Any) -> Box:
    import pypdfium2.raw as pdfium

    box = pdfium.FS_RECTF()
    pdfium.FPDFAnnot_GetRect(note, box)
    return box.left, min(box.bottom, box.top), box.right, max(box.bottom, box.top)


def _before(note: Any, text_page: Any) -> str:
    """The words left of a field, or else those above it."""
    left, bottom, right, top = _box(note)
    words: str = text_page.get_text_bounded(left=0, bottom=bottom, right=left, top=top)
    if not words.strip():
        words = text_page.get_text_bounded(left=left, bottom=top, right=right, top=top + _ABOVE)
    return " ".join(words.split())


def _text_right_of(note: Any, text_page: Any) -> str:
    """The words right of a box to be ticked."""
    _, bottom, right, top = _box(note)
    words: str = text_page.get_text_bounded(left=right, bottom=bottom, right=right + 400, top=top)
    return " ".join(words.split())
