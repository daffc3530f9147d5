"""Texts too long for an encoder, in parts that it reads whole."""

from __future__ import annotations

from collections.abc import Callable


def halves(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The text, or as many halves of halves as it takes for each to fit; cut at blanks if there are any."""
    if len(text) < 2 or fits(text):
        return [text]
    middle = len(text) // 2
    blank = text.rfind(" ", 1, middle)
    cut = blank if blank > len(text) // 4 else middle
    return halves(text[:cut], fits) + halves(text[cut:], fits)
