"""Where in its file a stretch of a document's text stands: line, page, slide, row or paragraph."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .errors import InputError

Unit = Literal["line", "page", "slide", "row", "paragraph"]

_LINE_END = re.compile(r"\r\n?|\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORDS: dict[Unit, tuple[str, str]] = {
    "line": ("line", "lines"),
    "page": ("p.", "pp."),
    "slide": ("slide", "slides"),
    "row": ("row", "rows"),
    "paragraph": ("par.", "pars."),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a file, both ends included.

    Attributes:
        unit: what is counted, from 1.
        first, last: numbers of the stretch.
        part: sheet, nearest heading (paragraphs), or nearest anchor of an HTML page (lines); else None.
    """

    unit: Unit
    first: int
    last: int
    part: str | None = None

    def mark(self) -> str:
        """Name the place within its file: ``p. 12``, ``lines 41-43``, ``"Prices" row 7``, ``#install``."""
        if self.unit == "line" and self.part:
            return f"#{self.part}"
        word = _WORDS[self.unit][self.first != self.last]
        part = f'"{self.part}" ' if self.part else ""
        return f"{part}{word} {self._numbers()}"

    def cite(self, source: str) -> str:
        """Name file and place: ``report.pdf p. 12``, ``notes.md:41``, ``guide.html#install``."""
        if self.unit != "line":
            return f"{source} {self.mark()}"
        return f"{source}#{self.part}" if self.part else f"{source}:{self._numbers()}"

    def _numbers(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Places:
    """The way from offsets in a text back to the file that it was read from.

    Attributes:
        unit: what is counted.
        starts: ascending offsets, the first 0: stretch i goes from ``starts[i]`` to ``starts[i + 1]`` (the
            last one to the end).
        numbers: the number of each stretch in the file, from 1.
        parts: for each stretch the part of the file in which it stands (see ``Place``), or nothing at all.

    Raises:
        InputError: if lengths differ, starts don't ascend from 0, or a number is below 1.
    """

    unit: Unit
    starts: tuple[int, ...]
    numbers: tuple[int, ...]
    parts: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise InputError(f"places are counted in {', '.join(get_args(Unit))}, not {self.unit!r}")
        n = len(self.starts)
        if len(self.numbers) != n or len(self.parts) not in (0, n):
            raise InputError(f"{n} starts, {len(self.numbers)} numbers and {len(self.parts)} parts of places")
        if (
            not n
            or self.starts[0] != 0
            or any(a >= b for a, b in zip(self.starts, self.starts[1:], strict=False))
        ):
            raise InputError("the starts of places must ascend from 0")
        if min(self.numbers) < 1:
            raise InputError(f"places are counted from 1, got {min(self.numbers)}")

    @classmethod
    def of_lines(cls, text: str, first: int = 1) -> Places:
        r"""Lines of a file's text, ended by ``\n``, ``\r\n`` or ``\r``; counted from ``first``."""
        starts = [0, *(m.end() for m in _LINE_END.finditer(text))]
        if len(starts) > 1 and starts[-1] == len(text):
            starts.pop()
        return cls("line", tuple(starts), tuple(range(first, first + len(starts))))

    @classmethod
    def of_stretches(cls, unit: Unit, stretches: Iterable[tuple[int, int, str | None]]) -> Places:
        """Places from (start, number, part), ascending; those of no length, and repetitions, fall away.

        What stands before the first one belongs to it.
        """
        kept: list[tuple[int, int, str | None]] = []
        for start, number, part in stretches:
            if kept and kept[-1][0] == start:
                kept.pop()
            if not kept or kept[-1][1:] != (number, part):
                kept.append((start if kept else 0, number, part))
        parts = tuple(p and _one_line(p) for _, _, p in kept)
        return cls(
            unit, tuple(s for s, _, _ in kept), tuple(n for _, n, _ in kept), parts if any(parts) else ()
        )

    @classmethod
    def from_dict(cls, value: Any) -> Places:
        """Read what ``to_dict`` wrote.

        Raises:
            InputError: if it is something else.
        """
        try:
            starts, numbers, parts = (tuple(value.get(k, ())) for k in ("starts", "numbers", "parts"))
            unit = value["unit"]
        except (AttributeError, KeyError, TypeError):
            raise InputError("places must be an object with unit, starts and numbers") from None
        if not all(isinstance(n, int) for n in (*starts, *numbers)):
            raise InputError("starts and numbers of places must be whole numbers")
        return cls(unit, starts, numbers, parts)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "unit": self.unit,
            "starts": list(self.starts),
            "numbers": list(self.numbers),
            "parts": list(self.parts),
        }

    def cut(self, start: int, end: int) -> Places:
        """The places of ``text[start:end]`` on its own."""
        first, last = (
            max(0, bisect_right(self.starts, start) - 1),
            bisect_left(self.starts, max(end, start + 1)),
        )
        return Places(
            self.unit,
            tuple(max(0, s - start) for s in self.starts[first:last]),
            self.numbers[first:last],
            self.parts[first:last],
        )

    def followed_by(self, other: Places, at: int) -> Places:
        """The places of two texts in one, of which the second begins at an offset behind these starts."""
        parts = (*(self.parts or (None,) * len(self.starts)), *(other.parts or (None,) * len(other.starts)))
        starts = (*self.starts, *(s + at for s in other.starts))
        return Places(self.unit, starts, (*self.numbers, *other.numbers), parts if any(parts) else ())

    def at(self, start: int, end: int) -> Place:
        """Find the place of ``text[start:end]``; in two parts of a file, the place where it begins."""
        i = max(0, bisect_right(self.starts, start) - 1)
        j = max(i, bisect_right(self.starts, max(start, end - 1)) - 1)
        part = self.parts[i] if self.parts else None
        if self.parts and self.parts[j] != part:
            j = i
        return Place(self.unit, self.numbers[i], max(self.numbers[i], self.numbers[j]), part)


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())
