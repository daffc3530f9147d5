"""Columns of a PDF whose lines are drawn across the page: where they are, to be read one after the other.

PDFium gives text in the order in which it is drawn. Most programs draw a column at a time; where one
draws lines of two columns by turns, their sentences are mixed. Lines of such a page have a wide gap at one
place. So have those of a table; ``_pdf_running`` tells which it is. In doubt the text stays as it is drawn.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ._pdf_calls import address_of, calls
from ._pdf_parts import Box
from ._pdf_running import LEAST_LINES, Block, Line, Segment, around, bands_of, cells_of, steps_of
from ._pdf_words import BROKEN

# In heights of the letters: pieces with a wider gap are apart; what no line of a block enters parts columns.
_APART, _GUTTER = 0.8, 0.5
# The least width of a column, in heights of its letters: some three words.
_NARROW = 7.0
# Of the lines of a block so many have text on both sides of a gutter, down to the last that has.
_SHARED = 0.6
# A line further off, in distances of lines, is no part of a block, if only one column has it.
_NEAR = 1.7
# A page of more pieces, or lines, is not looked through.
_MOST_PIECES, _MOST_LINES = 20_000, 300
# To be told where all pieces are costs a tenth of a page. So it is asked about so many characters in two
# places first, and about the rest only where these have wide gaps.
_SAMPLE, _SAMPLED = 250, (0.35, 0.75)
_SURE = 2  # wide gaps in one of the places
_FAR = 1e6
# PDFium marks hyphens only where a line ends in the order in which it is drawn.
_AT_LINE_END = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_])")
_Gap = tuple[float, float]


class _Gutter(NamedTuple):
    """A place that no line of a block enters.

    Attributes:
        n_shared: how many lines have text on both sides.
        last: the last of these.
    """

    left: float
    right: float
    n_shared: int
    last: int


def regions_of(page: Any, text_page: Any) -> list[Box]:
    """Areas of the page in the order in which they are to be read; none: as they are drawn.

    Args:
        page, text_page: of pypdfium2.
    """
    n, each = text_page.count_chars(), _SAMPLE
    starts = [max(0, int(share * n) - each // 2) for share in _SAMPLED]
    if not any(_lines(_pieces(text_page, start, each))[1] >= _SURE for start in starts):
        return []
    lines, n_wide = _lines(_pieces(text_page, 0, -1))
    if n_wide < LEAST_LINES or len(lines) > _MOST_LINES:
        return []
    blocks = []
    for block in _blocks(lines):
        bands = bands_of(page, text_page, lines, block)
        blocks += [Block(a, b, block.gutters) for a, b in pairwise(bands) if b > a + 1]
    return _regions(text_page, lines, blocks) if blocks else []


def joined(texts: Sequence[str], whole: str) -> str | None:
    """The texts of areas, one below the other; None where they are not all of the page's text."""
    if _letters("".join(texts)) != _letters(whole):
        return None
    lines = (line.strip() for text in texts for line in text.strip().splitlines())
    return _AT_LINE_END.sub(BROKEN, "\n".join(filter(None, lines))).replace("\n", "\r\n")


def _letters(text: str) -> Counter[str]:
    # A hyphen is another letter where a line ends behind it.
    return Counter("".join(text.split()).replace("\x02", "-").replace("\ufffe", "-"))


def _lines(pieces: Iterable[tuple[float, float, float, float]]) -> tuple[list[Line], int]:
    """Lines in the order in which they are drawn, and how many wide gaps have much text on their left.

    Numbers are read and compared one by one: a value for each piece would cost as much as to ask for it.
    """
    lines: list[Line] = []
    line: Line = []
    n_wide = 0
    left, bottom, right, top = _FAR, 0.0, -_FAR, 0.0
    for a, lower, b, upper in pieces:
        height = max(top - bottom, upper - lower)
        gap = a - right if a > left else left - b
        is_new = not (-height < lower - bottom < height and gap >= -_GUTTER * height)
        if not is_new and gap <= _APART * height:
            left, right, bottom, top = min(left, a), max(right, b), min(bottom, lower), max(top, upper)
            continue
        if line:
            line[-1] = Segment(left, bottom, right, top)
        if not is_new:
            n_wide += right - left >= _NARROW * height
            is_new = any(a < each.right and b > each.left for each in line)
        left, bottom, right, top = a, lower, b, upper
        if is_new:
            line = []
            lines.append(line)
        line.append(Segment(left, bottom, right, top))
    if line:
        line[-1] = Segment(left, bottom, right, top)
    return lines, n_wide


def _pieces(text_page: Any, first: int, n: int) -> Iterator[tuple[float, float, float, float]]:
    """Where the pieces of text stand that characters of the page are drawn with, from the first; -1: all."""
    import pypdfium2.raw as pdfium

    count = pdfium.FPDFText_CountRects(text_page.raw, first, n)
    if count > _MOST_PIECES:
        return
    room = (ctypes.c_double * 4)()
    start, size = ctypes.addressof(room), ctypes.sizeof(ctypes.c_double)
    read, handle = calls().text_box, address_of(text_page.raw)
    # PDFium gives left, top, right, bottom.
    places = start, start + 3 * size, start + 2 * size, start + size
    for number in range(count):
        if read(handle, number, *places):
            yield tuple(room)


def _blocks(lines: Sequence[Line]) -> Iterator[Block]:
    """Runs of lines, each below the other, with the same gutters."""
    first = 0
    while first < len(lines):
        block, first = _block(lines, first)
        if block:
            yield block


def _block(lines: Sequence[Line], first: int) -> tuple[Block | None, int]:
    """The block that begins with a line, and where the next may begin."""
    gutters = [_Gutter(a, b, 0, first) for a, b in _inner_gaps(lines[first])]
    if not gutters:
        return None, first + 1
    stop = first
    while stop < len(lines) and (stop == first or _is_below(lines[stop], lines[stop - 1])):
        left = _narrowed(gutters, lines[stop], stop)
        if not left or any(each.n_shared >= LEAST_LINES and not _is_in(left, each) for each in gutters):
            break
        gutters = left
        stop += 1
    kept = [
        (each.left, each.right)
        for each in gutters
        if each.n_shared >= max(LEAST_LINES, _SHARED * (each.last + 1 - first))
    ]
    if not kept:
        return None, first + 1
    return _trimmed(lines, Block(first, stop, kept)), stop


def _is_in(gutters: Sequence[_Gutter], whole: _Gutter) -> bool:
    return any(each.left >= whole.left and each.right <= whole.right for each in gutters)


def _inner_gaps(line: Line) -> list[_Gap]:
    return [(a.right, b.left) for a, b in pairwise(sorted(line))]


def _narrowed(gutters: Sequence[_Gutter], line: Line, number: int) -> list[_Gutter]:
    """What is left of gutters beside the segments of a line."""
    found = []
    ordered = sorted(line)
    least = _GUTTER * max(each.top - each.bottom for each in line)
    edges = [-_FAR, *(edge for each in ordered for edge in (each.left, each.right)), _FAR]
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    for left, right, n_shared, last in gutters:
        for start, end in gaps:
            a, b = max(left, start), min(right, end)
            if b - a >= least:
                is_shared = ordered[0].left < a and ordered[-1].right > b
                found.append(_Gutter(a, b, n_shared + is_shared, number if is_shared else last))
    return found


def _is_below(line: Line, before: Line) -> bool:
    return max(each.bottom for each in line) < max(each.bottom for each in before)


def _trimmed(lines: Sequence[Line], block: Block) -> Block | None:
    """The block without lines of one column that stand far off at its ends, such as a page's number."""
    first, stop, gutters = block
    steps = steps_of(lines[first:stop])
    near = _NEAR * sorted(steps)[len(steps) // 2]
    while stop - first > LEAST_LINES and _n_in(lines[first], gutters) == 1 and steps[0] > near:
        first, steps = first + 1, steps[1:]
    for n, step in enumerate(steps, 1):
        if step > near and all(_n_in(line, gutters) == 1 for line in lines[first + n : stop]):
            stop = first + n
            break
    return Block(first, stop, gutters) if stop - first >= LEAST_LINES else None


def _n_in(line: Line, gutters: Sequence[_Gap]) -> int:
    """How many columns a line has text in."""
    return sum(cell is not None for cell in cells_of(line, gutters))


def _regions(text_page: Any, lines: Sequence[Line], blocks: Sequence[Block]) -> list[Box]:
    """Blocks from top to bottom, column by column, and what is between; none if something is beside one."""
    boxes = [around([each for line in lines[b.first : b.stop] for each in line]) for b in blocks]
    within = {n for block in blocks for n in range(block.first, block.stop)}
    others = [around(line) for n, line in enumerate(lines) if n not in within]
    is_leftward = _is_leftward(text_page.get_text_bounded())
    found: list[Box] = []
    upper = _FAR
    for box, block in sorted(zip(boxes, blocks, strict=True), key=lambda each: -each[0].top):
        if box.top > upper or any(each.top > box.bottom and each.bottom < box.top for each in others):
            return []
        top = (box.top + min([b.bottom for b in (*others, *boxes) if b.bottom > box.top], default=_FAR)) / 2
        bottom = (
            box.bottom + max([b.top for b in (*others, *boxes) if b.top < box.bottom], default=-_FAR)
        ) / 2
        found.append((-_FAR, top, _FAR, upper))
        edges = [-_FAR, *((a + b) / 2 for a, b in block.gutters), _FAR]
        columns = [(left, bottom, right, top) for left, right in pairwise(edges)]
        found += columns[::-1] if is_leftward else columns
        upper = bottom
    return [*found, (-_FAR, -_FAR, _FAR, upper)]


def _is_leftward(text: str) -> bool:
    """Whether most letters belong to a script that is written from right to left."""
    kinds = Counter(map(unicodedata.bidirectional, text))
    return kinds["R"] + kinds["AL"] > kinds["L"]
