"""Which raised letters and numbers of a page are marks of notes: those that a note of it begins with."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from ._markers import without_markers

_ONE = r"(?:\d{1,3}|[a-z]|[ivx]{1,5})"
_MARK = re.compile(rf"[\[(]?({_ONE}(?:\s*[,;]\s*{_ONE})*)[\])]?", re.IGNORECASE)
_SEPARATED = re.compile(r"\s*[,;]\s*")
_NOTE_BEGINS = re.compile(r"[\s\xa0]*[.):]?[\s\xa0]+\S|[.):]\s*\S|[^\W\d_]{3}")
_WORD_BEGINS = re.compile(r"\s*\S")  # behind a letter; behind a number an element may stand, as in 14C
_BLOCKS = (
    "p",
    "li",
    "td",
    "th",
    "div",
    "dd",
    "dt",
    "caption",
    "figcaption",
    "small",
    "footer",
    "aside",
    "body",
)
# A table's cell that holds nothing but a raised sign is no note.
_WITHIN = ("b", "strong", "i", "em", "a", "span", "font", "small")


def marks_of(text: str) -> tuple[str, ...]:
    """The marks that raised text consists of: ``a, b)`` is two; nothing where it is something else."""
    match = _MARK.fullmatch(text)
    return tuple(_SEPARATED.split(match[1])) if match else ()


def defined_notes(tree: Any) -> frozenset[str]:
    """The marks with which notes of a page begin, and which stand behind something else as well."""
    begun: set[str] = set()
    used: set[str] = set()
    for element in tree.iter("sup"):
        marks = marks_of(" ".join("".join(element.itertext()).split()))
        if not _begins_line(element):
            used.update(marks)
        elif len(marks) == 1 and (_WORD_BEGINS if marks[0].isalpha() else _NOTE_BEGINS).match(
            _behind(element)
        ):
            begun.update(marks)
    return frozenset(begun & used)


def _begins_line(element: Any) -> bool:
    """Whether nothing stands before it in its block, or its line."""
    at = element
    while at is not None:
        before = at.getprevious()
        if before is not None:
            return before.tag in ("br", "hr", "table") and not without_markers(before.tail or "").strip()
        at = at.getparent()
        if at is None or without_markers(at.text or "").strip():
            return False
        if at.tag not in _WITHIN:
            return at.tag in _BLOCKS
    return False


def _behind(element: Any) -> str:
    """The text right behind it, within its block."""
    at = element
    while at is not None and not (at.tail or "").strip():
        text = at.tail or ""
        following = at.getnext()
        if following is not None:
            return text + "".join(islice(filter(None, following.itertext()), 3))
        at = at.getparent()
        if at is None or at.tag in _BLOCKS:
            return ""
    return "" if at is None else str(at.tail or "")
