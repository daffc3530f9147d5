"""PDF, with PDFium (pypdfium2): the text of its pages, as drawn or column by column, and forms."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...errors import MissingExtra, UnreadableFile
from ...places import Places
from . import Loaded
from ._clock import Clock
from ._pdf_columns import joined, regions_of
from ._pdf_notes import Box, notes_of
from ._pdf_parts import Parts, parts_of
from ._pdf_plain import Look, look_at
from ._pdf_raised import with_raised
from ._pdf_unseen import take_out_unseen
from ._pdf_words import BROKEN, rejoined, with_struck

# PDFium may not be used by two threads at once.
_ONE_AT_A_TIME = threading.Lock()
# What PDFium writes for a hyphen at the end of a line.
_HYPHENS = str.maketrans({"\x02": BROKEN, "\ufffe": BROKEN, "\x00": None})


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read a PDF; places are pages, as a viewer counts them from 1."""
    try:
        import pypdfium2
    except ImportError:
        raise MissingExtra("reading .pdf files", "docs") from None

    left_out: Counter[str] = Counter()
    with _ONE_AT_A_TIME:
        try:
            file = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise _refusal(error, name) from None
        try:
            is_form = _is_form(file)
            look = look_at(data)
            texts = []
            for i in range(len(file)):
                clock.check()
                texts.append(_page(file, i, left_out, is_form, look))
        finally:
            file.close()
    return replace(_joined(rejoined(texts), name), left_out=left_out)


def _is_form(file: Any) -> bool:
    """Whether the file has fields; they are made ready to be read."""
    try:
        if not file.get_formtype():
            return False
        file.init_forms()
    except Exception:  # a form that PDFium can't read is drawn as what it shows without
        return False
    return True


def _page(file: Any, index: int, left_out: Counter[str], is_form: bool, look: Look) -> str | None:
    """The text of a page, and what is filled in and written on it; None if it is broken."""
    try:
        page = file[index]
        parts = Parts()
        with suppress(Exception):  # of a page that can't be drawn, all stays
            if look.hidden or look.shifts:
                parts = parts_of(page, layers=look.layers, layered_forms=look.layered_forms)
            if look.hidden:
                left_out["hidden part"] += take_out_unseen(page, parts)
        text_page = page.get_textpage()
        text = _in_order(page, text_page, parts.has_shifts)
        with suppress(Exception):  # of annotations that are broken: the text stays as it is
            text = with_struck(page, text_page, text, left_out)
    except Exception:  # pypdfium2 has one class for all that PDFium refuses
        return None
    try:
        said = notes_of(page, text_page, file.formenv.raw if is_form and file.formenv else None, left_out)
    except Exception:  # an annotation that is broken does not make the page unreadable
        said = []
        left_out["broken annotation"] += 1
    text_page.close()
    page.close()
    lines = [text.translate(_HYPHENS).replace("\r\n", "\n").strip(), *said]
    return "\n".join(filter(None, lines))


def _in_order(page: Any, text_page: Any, has_shifts: bool) -> str:
    """The text of a page, column by column where lines are drawn across columns."""
    whole = _text(page, text_page, has_shifts, None)
    with suppress(Exception):  # of what PDFium can't say: the text stays as it is drawn
        if regions := regions_of(page, text_page):
            texts = [_text(page, text_page, has_shifts, region) for region in regions]
            return joined(texts, whole) or whole
    return whole


def _text(page: Any, text_page: Any, has_shifts: bool, region: Box | None) -> str:
    """The text of a page, or of a region of it."""
    text: str = text_page.get_text_bounded(*region or ())
    if has_shifts:
        with suppress(Exception):  # whose characters are none: the text stays as it is
            return with_raised(page, text_page, text, region)
    return text


def _joined(texts: list[str | None], name: str) -> Loaded:
    empty = [i for i, text in enumerate(texts, 1) if text == ""]
    broken = [i for i, text in enumerate(texts, 1) if text is None]
    if not any(texts):
        if texts and not broken:
            raise UnreadableFile(
                name,
                "scanned",
                "has pages but no text, as scans have; run it through OCR (such as ocrmypdf) first",
            )
        raise UnreadableFile(name, "broken", "has no page that can be read")
    parts: list[str] = []
    joined = []
    length = 0
    for number, text in enumerate(texts, 1):
        if text:
            joined.append((length, number, None))
            parts.append(text)
            length += len(text) + len(_BETWEEN)
    notes = [
        f"{name}: {_pages(numbers)} left out: {why}"
        for numbers, why in ((empty, "without text (scanned?)"), (broken, "broken"))
        if numbers
    ]
    # A line that begins with a number is no list item here.
    return Loaded(
        _BETWEEN.join(parts), Places.of_stretches("page", joined), syntax="text", notes=tuple(notes)
    )


# One line end: a sentence may go on over the page.
_BETWEEN = "\n"


def _pages(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (" …" if len(numbers) > 10 else "")
    return f"page {shown}" if len(numbers) == 1 else f"{len(numbers)} pages ({shown})"


def _refusal(error: Exception, name: str) -> UnreadableFile:
    if "password" in str(error).lower() or "security" in str(error).lower():
        return UnreadableFile(name, "encrypted", "is encrypted; save it without its password first")
    return UnreadableFile(name, "broken", "is a PDF that can't be opened: broken or cut short")
