"""Raised and lowered characters of a PDF: small ones, off the line of what stands before them.

PDFium gives their text as it gives all others, so 10⁶ would be 106. Few pages have some; only of these are
the places of all characters asked for.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._html_inline import lowered, raised
from ._pdf_parts import LEAST_OFF, MOST_OFF, SMALL, Box

# In heights of the letters on a line: what is no further off stands on it.
_ON_LINE = 0.03
# What stands so close behind, in heights, belongs to what stands before.
_CLOSE = 0.5
# As long as what is off the line may be, and without blanks, unless it is the numbers of notes.
_RUN = re.compile(r"\S{1,10}|\d{1,3}(?:[,;–-] ?\d{1,3}){1,5}")
# Places are asked for one by one, so a page of more characters stays as it is.
_MOST_CHARACTERS = 50_000
_BLANK = re.compile(r"\s+")


@dataclass(slots=True)
class _Character:
    text: str
    x: float
    y: float
    right: float
    height: float


@dataclass(slots=True)
class _Line:
    """The text so far.

    Attributes:
        parts: of it, the run that is open not included.
        base: the last character on the line.
        run: characters off the line that follow it.
        blank: what PDFium writes between two characters, since the last of them.
    """

    parts: list[str] = field(default_factory=list)
    base: _Character | None = None
    run: list[_Character] = field(default_factory=list)
    blank: str = ""


def with_raised(page: Any, text_page: Any, text: str, region: Box | None = None) -> str:
    """The text of a page that may hold some (``Parts.has_shifts``), with these marked as in formulas.

    Args:
        page, text_page: of pypdfium2.
        region: what part of the page; None: all of it.
        text: of this, as PDFium gives it; it comes back where the characters are others than its own.
    """
    if text_page.count_chars() > _MOST_CHARACTERS:
        return text
    line = _Line()
    for read in _characters(page, text_page, region):
        _append(line, read)
    _close(line, "")
    joined = "".join([*line.parts, line.blank])
    return joined if _is_same(joined, text) else text


def _is_same(marked: str, text: str) -> bool:
    """Whether the texts are the same but for marks and blanks."""
    letters = iter(_BLANK.sub("", marked))
    return all(any(letter == other for other in letters) for letter in _BLANK.sub("", text))


def _characters(page: Any, text_page: Any, region: Box | None) -> Iterator[_Character | str]:
    """The characters on the page; between them, as texts, what PDFium writes of its own accord."""
    import pypdfium2.raw as pdfium

    left, bottom, right, top = page.get_bbox()
    x, y, box = ctypes.c_double(), ctypes.c_double(), pdfium.FS_RECTF()
    for i in range(text_page.count_chars()):
        text = chr(pdfium.FPDFText_GetUnicode(text_page.raw, i))
        if pdfium.FPDFText_IsGenerated(text_page.raw, i) == 1:
            yield text
        elif pdfium.FPDFText_GetLooseCharBox(text_page.raw, i, box) and pdfium.FPDFText_GetCharOrigin(
            text_page.raw, i, x, y
        ):
            is_on_page = box.right >= left and box.left <= right and box.top >= bottom and box.bottom <= top
            if is_on_page and (region is None or _is_in(region, x.value, y.value)):
                yield _Character(text, x.value, y.value, box.right, box.top - box.bottom)


def _is_in(region: Box, x: float, y: float) -> bool:
    return region[0] <= x < region[2] and region[1] <= y < region[3]


def _append(line: _Line, read: _Character | str) -> None:
    if isinstance(read, str):
        line.blank += read
        return
    base, run, blank = line.base, line.run, line.blank
    line.blank = ""
    if base is not None and _is_off(base, run, read):
        run.append(read)
        return
    if base is not None and run:
        _close(line, read.text)
        if "\n" in blank and _is_back(base, run[-1], read):
            gap = read.x - run[-1].right
            blank = " " if gap > _CLOSE * base.height / 2 and not read.text.isspace() else ""
        line.run = []
    elif base is not None and "\n" in blank and _begins(base, read):
        blank = "" if read.text.isspace() else " "
    line.parts += [blank, read.text]
    line.base = read


def _is_off(base: _Character, run: Sequence[_Character], read: _Character) -> bool:
    """Whether a character is small and off the line, right behind the base or what is off already."""
    if read.height > SMALL * base.height or (read.text.isspace() and not run):
        return False
    if run and abs(read.y - run[-1].y) > _ON_LINE * base.height:
        return False
    off, gap = abs(read.y - base.y), read.x - (run[-1] if run else base).right
    return LEAST_OFF * base.height <= off <= MOST_OFF * base.height and abs(gap) <= _CLOSE * base.height


def _begins(mark: _Character, read: _Character) -> bool:
    """Whether the mark of a note stands before a line."""
    off, gap = mark.y - read.y, read.x - mark.right
    is_small = mark.height <= SMALL * read.height
    return is_small and LEAST_OFF * read.height <= off <= MOST_OFF * read.height and 0 <= gap <= read.height


def _is_back(base: _Character, last: _Character, read: _Character) -> bool:
    """Whether a character goes on with the line that the base stands on."""
    return abs(read.y - base.y) <= _ON_LINE * base.height and read.x >= last.x


def _close(line: _Line, following: str) -> None:
    """Write what is off the line: marked, unless it is a line of its own, or a letter within a word."""
    if not line.run or line.base is None:
        return
    text = "".join(each.text for each in line.run)
    words, before = text.strip(), "".join(line.parts[-16:])
    is_within_word = words.isalpha() and before[-1:].isalpha() and (following.isalpha() or len(words) > 1)
    if _RUN.fullmatch(words) and not is_within_word:
        marked = (raised if line.run[0].y > line.base.y else lowered)(words, before)
        text = marked + text[len(text.rstrip()) :]
    line.parts.append(text)
