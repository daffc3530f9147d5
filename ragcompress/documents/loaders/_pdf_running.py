"""What a block of a PDF with gutters is: columns of running text, or a table.

Columns are told by three signs. Most lines end where the next word has no room, as programs wrap text. They
go on in the next line. And paragraphs of one column begin where those of another do by chance only. Where
they mostly do, and between rules, there are rows of a table, which are read one below the other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ._pdf_parts import Box

# A block has so many lines at least, and of each gutter as many have text on both sides.
LEAST_LINES = 6
# Of its lines: how many go on in the next line; and of these, how many are full.
_GO_ON, _FULL = 0.3, 0.75
# A line is full where what is left beside it is less than so many widths of the next line's first word.
_WRAPPED = 1.2
# A line so far off, in distances of lines, may begin a row of a table.
_WIDE = 1.3
_ENDS = (".", "!", "?", ":", ";", "…", "。", "！", "？", "։", "۔", "؟", "।", "॥", "።", "᙮")
# So many parts of a page are asked for where they are drawn.
_MOST_PIECES = 20_000
_FAR = 1e6


class Segment(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float


Line = list[Segment]


class Block(NamedTuple):
    """Lines with the same gutters.

    Attributes:
        first, stop: of which lines of the page.
        gutters: places that no line enters.
    """

    first: int
    stop: int
    gutters: list[tuple[float, float]]


def steps_of(lines: Sequence[Line]) -> list[float]:
    """How far each line but the first stands below the one before."""
    # Some letter of a line reaches below it, as a rule.
    heights = [min(each.bottom for each in line) for line in lines]
    return [a - b for a, b in pairwise(heights)]


def cells_of(line: Line, gutters: Sequence[tuple[float, float]]) -> list[Segment | None]:
    """What a line has in each column."""
    edges = [-_FAR, *(left for left, _ in gutters), _FAR]
    found: list[Segment | None] = []
    for start, end in pairwise(edges):
        within = [each for each in line if start <= each.left < end]
        box = around(within) if within else None
        found.append(box)
    return found


def around(segments: Sequence[Segment]) -> Segment:
    lefts, bottoms, rights, tops = zip(*segments, strict=True)
    return Segment(min(lefts), min(bottoms), max(rights), max(tops))


def bands_of(page: Any, text_page: Any, lines: Sequence[Line], block: Block) -> list[int]:
    """Where parts of a block begin that are read one below the other, and where it ends; none: it is no text.

    They begin below rules, and where something begins in several columns at once, as in a row of a table.
    """
    rows = [cells_of(line, block.gutters) for line in lines[block.first : block.stop]]
    columns = []
    for cells in zip(*rows, strict=True):
        column = _read(text_page, cells)
        if not _is_running(column):
            return []
        columns.append(column)
    ruled = _ruled(page, block, lines)
    first, stop = block.first, block.stop
    steps = steps_of(lines[first:stop])
    wide = _WIDE * sorted(steps)[len(steps) // 2]
    starts = [
        _starts([column[n - 1 : n + 1] for column in columns], step > wide) for n, step in enumerate(steps, 1)
    ]
    joint = {first + n for n, (_, is_joint) in enumerate(starts, 1) if is_joint}
    if 2 * len(joint) > sum(is_one for is_one, _ in starts):  # otherwise by chance
        ruled |= joint
    return [first, *sorted(ruled), stop]


def _ruled(page: Any, block: Block, lines: Sequence[Line]) -> set[int]:
    """Lines of a block above which something is drawn across a gutter."""
    bounds = around([each for line in lines[block.first : block.stop] for each in line])
    heights = set()
    for left, bottom, right, top in _drawn(page):
        if any(left < a and right > b for a, b in block.gutters):
            heights |= {y for y in (bottom, top) if bounds.bottom < y < bounds.top}
    if not heights:
        return set()
    middles = [(box.bottom + box.top) / 2 for box in map(around, lines[block.first : block.stop])]
    pairs = enumerate(pairwise(middles), block.first + 1)
    return {n for n, (above, below) in pairs if any(below < y < above for y in heights)}


class _Entry(NamedTuple):
    """A line of a column.

    Attributes:
        words: of it.
        width: in points.
        room: what is left beside it, in points.
        spare: how many letters the longest line has more.
        begins: whether its first letter is one that something may begin with; None: its script has no cases.
    """

    words: str
    width: float
    room: float
    spare: int
    begins: bool | None

    def first(self) -> int:
        """The length of its first word with a blank, or two letters where words are not set apart."""
        return self.words.index(" ") + 1 if " " in self.words else 2

    def has_room(self, following: _Entry) -> bool:
        """Whether the first word of the next line would have stood in this one, by its width."""
        return self.room >= _WRAPPED * following.width * following.first() / len(following.words)

    def has_spare(self, following: _Entry) -> bool:
        """Whether it would have by its letters, as some programs count."""
        return self.spare >= following.first()


def _read(text_page: Any, cells: Sequence[Segment | None]) -> list[_Entry | None]:
    """The lines of a column."""
    boxes = [cell for cell in cells if cell is not None]
    left, right = min(box.left for box in boxes), max(box.right for box in boxes)
    texts = []
    for cell in cells:
        words = ""
        if cell is not None:
            # The lower part: full stops are there, and nothing of the line above.
            upper = cell.bottom + (cell.top - cell.bottom) / 3
            words = text_page.get_text_bounded(cell.left, cell.bottom, cell.right, upper).strip()
        texts.append(words)
    longest = max(map(len, texts))
    found: list[_Entry | None] = []
    for cell, words in zip(cells, texts, strict=True):
        entry = None
        if cell is not None and words:
            room = max(right - cell.right, cell.left - left)
            entry = _Entry(words, cell.right - cell.left, room, longest - len(words), _may_begin(words))
        found.append(entry)
    return found


def _may_begin(words: str) -> bool | None:
    first = next(iter(words.lstrip("\"'“„«‘(")), "")
    return not first.islower() if first.isupper() or first.islower() or not first.isalpha() else None


def _is_running(column: Sequence[_Entry | None]) -> bool:
    """Whether lines go on below, and end where the next word has no room: text that a program has wrapped."""
    entries = [entry for entry in column if entry is not None]
    if len(entries) < LEAST_LINES:
        return False
    pairs = [(a, b) for a, b in pairwise(entries) if not b.begins]
    n_full = len(pairs) - min(sum(a.has_room(b) for a, b in pairs), sum(a.has_spare(b) for a, b in pairs))
    return len(pairs) >= _GO_ON * (len(entries) - 1) and n_full >= _FULL * len(pairs)


def _starts(pairs: Sequence[Sequence[_Entry | None]], is_apart: bool) -> tuple[bool, bool]:
    """Whether something begins in a line in one column: the line before is empty, or had room for more.

    And whether something begins in several columns, and in all that have some text there: in others, a
    sentence ends in the line before.

    Args:
        pairs: the line before and the line, of each column.
        is_apart: whether it stands further below than others.
    """
    found = [(None if is_apart else before, entry) for before, entry in pairs if entry is not None]
    had_room = [before is None or (before.has_room(e) and before.has_spare(e)) for before, e in found]
    begun = [
        entry.begins is not False and (room or before is None or before.words.endswith(_ENDS))
        for (before, entry), room in zip(found, had_room, strict=True)
    ]
    return any(had_room), len(begun) > 1 and all(begun) and any(had_room)


def _drawn(page: Any) -> Iterator[Box]:
    """Where lines and areas are drawn on a page."""
    import pypdfium2.raw as pdfium

    edges = tuple(ctypes.c_float() for _ in range(4))
    for number in range(min(_MOST_PIECES, max(0, pdfium.FPDFPage_CountObjects(page.raw)))):
        piece = pdfium.FPDFPage_GetObject(page.raw, number)
        if pdfium.FPDFPageObj_GetType(piece) == pdfium.FPDF_PAGEOBJ_PATH and pdfium.FPDFPageObj_GetBounds(
            piece, *edges
        ):
            yield edges[0].value, edges[1].value, edges[2].value, edges[3].value
