"""Clauses with a mark in brackets, ``(a)`` and below it ``(i)``: what announces them is read with them.

``(i) any defect, within two days`` means nothing without ``(b) report in writing:`` above, nor that without
``4.1 The tenant shall:``; and the next ``(i)`` may be another party's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_MARK = re.compile(r"\((?:([a-z]{1,5})|([A-Z]{1,2})|(\d{1,3}))\)\s")
_ROMAN = re.compile(r"[ivx]+")
# Behind so many units without a mark the list is over.
_UNMARKED = 4


@dataclass(slots=True)
class Clauses:
    """The lead-ins whose clauses may go on, outermost first, each with the kind of their marks, if known."""

    _open: list[tuple[int, str]] = field(default_factory=list)
    _last: str = ""
    _unmarked: int = 0

    def __bool__(self) -> bool:
        return bool(self._open)

    def clear(self) -> None:
        """Another section begins."""
        self._open.clear()

    def above(self, text: str) -> int | None:
        """The lead-in of a clause; None: the text is none, or nothing announces it."""
        mark = _MARK.match(text) if text[:1] == "(" else None
        if mark is None or not self._open:
            return None
        kind = self._kind(mark)
        if not self._open[-1][1]:
            self._open[-1] = self._open[-1][0], kind
        while self._open and self._open[-1][1] != kind:
            self._open.pop()
        return self._open[-1][0] if self._open else None

    def passes(self, index: int, text: str, announces: bool) -> None:
        """Keep in mind what a unit announces.

        Args:
            index: its number.
            announces: whether it ends in a colon.
        """
        mark = _MARK.match(text) if text[:1] == "(" else None
        if mark is not None:
            self._last, self._unmarked = mark[0].strip("() \n"), 0
        elif not announces:
            self._unmarked += 1
        if self._open and (not self._open[-1][1] or self._unmarked >= _UNMARKED):
            self._open.pop()  # what it announced is no clause
        if announces:
            if mark is None and self._open:
                self._open.clear()
            self._open.append((index, ""))

    def _kind(self, mark: re.Match[str]) -> str:
        """Letters, capitals, digits or Roman numbers; ``(i)`` behind ``(h)`` is a letter."""
        if mark[1] is None:
            return "A" if mark[2] else "1"
        follows = len(self._last) == len(mark[1]) == 1 and ord(mark[1]) == ord(self._last) + 1
        return "i" if _ROMAN.fullmatch(mark[1]) and not follows else "a"
