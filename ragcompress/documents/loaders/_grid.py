"""Tables with cells that span rows and columns → pipe tables in which each row stands by itself.

What spans several places is repeated in each: a row that is kept alone still says what it says on the page.
Headers of several rows become one, joined column by column. One module for HTML, Word, PowerPoint and Excel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ._markdown import delimiter, row
from ._markers import lifted, without_markers

# Of the HTML standard.
_MAX_COLSPAN = 1_000
# Headers are not looked for further down.
_MOST_NAMED = 6
# Spans may not make a table larger than this many times its cells, beyond what any small table needs.
_GROWTH, _SMALL = 8, 20_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its text, how far it goes, and whether it names what stands below or beside it."""

    text: str
    rowspan: int = 1
    colspan: int = 1
    header: bool = False


def pipe_table(rows: Sequence[Sequence[Cell]], n_headers: int | None = None) -> tuple[list[str], str]:
    """Write a table.

    Args:
        rows: cells in the order of their file, those that span given once.
        n_headers: rows of the header; None: told by the cells.

    Returns:
        the titles that stand in it above the header, and the table: one line each for header, delimiter and
        every other row; empty if no cell has text.
    """
    grid = _fill(rows)
    if n_headers is None:
        n_headers = _count_headers(rows)
    titles: list[str] = []
    while len(grid) > 1 and len(grid[0]) > 1 and len(rows[0]) < 2:
        titles += filter(None, grid[0])
        grid, rows = grid[1:], rows[1:]
        n_headers = max(0, n_headers - 1) or _count_headers(rows)
    body = [lifted(row(cells)) for cells in grid[n_headers:] if any(cells)]
    if n_headers:
        header = _joined(grid[:n_headers])
    else:
        header = [""] * len(grid[0]) if grid else []
    if not any(header) and not body:
        return titles, ""
    return titles, "\n".join([lifted(row(header)), delimiter(len(header)), *body])


def _fill(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The text in every place of the grid; columns in which no cell begins fall away."""
    n_cells = sum(map(len, rows))
    left = max(_SMALL, _GROWTH * n_cells)
    places: list[dict[int, str]] = [{} for _ in rows]
    begins: set[int] = set()
    for number, cells in enumerate(rows):
        column = 0
        for cell in cells:
            while column in places[number]:
                column += 1
            begins.add(column)
            width = min(max(1, cell.colspan), _MAX_COLSPAN)
            height = min(max(1, cell.rowspan), len(rows) - number)
            if width * height > 1 and width * height > left:
                width = height = 1
            left -= width * height
            text, again = cell.text, without_markers(cell.text)
            whole = width > 1 and len(cells) == 1 and not places[number]
            for down in range(height):
                for right in range(width):
                    first = not (down or right)
                    shown = text if first else "" if whole and right else again
                    places[number + down].setdefault(column + right, shown)
            column += width
    columns = sorted(begins)
    return [[place.get(column, "") for column in columns] for place in places]


def _count_headers(rows: Sequence[Sequence[Cell]]) -> int:
    """Rows at the top of header cells only; the first one, unless every row begins with a name of its own."""
    n = 0
    while n < len(rows) and _names_columns(rows[n], n):
        if n and len(rows[n]) == 1 and rows[n][0].colspan > 1:
            break  # the name of a part of the table
        n += max(1, *(min(cell.rowspan, len(rows) - n) for cell in rows[n]))
    if n:
        return min(n, max(1, len(rows) - 1)) if n < len(rows) else 1
    named = [cells for cells in rows if cells]
    beside = all(cells[0].header and not all(c.header for c in cells) for cells in named)
    # A corner that is empty belongs to a row of names.
    if beside and named and len(named[0]) > 1 and without_markers(named[0][0].text).strip():
        return 0
    return min(_count_joined(rows), len(rows))


def _names_columns(cells: Sequence[Cell], number: int) -> bool:
    """Whether a row has header cells only; gaps may lie between several, as below what goes over two rows."""
    n = sum(cell.header for cell in cells)
    if not n or any(not cell.header and cell.text.strip() for cell in cells):
        return False
    return n == len(cells) or n > 1 or number == 0


def _count_joined(rows: Sequence[Sequence[Cell]]) -> int:
    """Rows at the top that name columns, if a row names nothing but what cells of the row above join."""
    placed = _columns(rows[:_MOST_NAMED])
    n = 1
    while n + 1 < len(rows) and n < len(placed) and len(rows[0]) > 1 and rows[n]:
        open_, named = set[int](), set[int]()
        for cell, columns in placed[n - 1]:
            open_.update(columns if cell.colspan > 1 and cell.rowspan <= 1 else ())
        for cell, columns in placed[n]:
            named.update(columns if cell.text.strip() else ())
        if not open_ or not named <= open_:
            break
        n += 1
    return n


def _columns(rows: Sequence[Sequence[Cell]]) -> list[list[tuple[Cell, range]]]:
    """The columns of each cell, row by row."""
    covered: list[set[int]] = [set() for _ in rows]
    placed: list[list[tuple[Cell, range]]] = []
    for number, cells in enumerate(rows):
        column = 0
        placed.append([])
        for cell in cells:
            while column in covered[number]:
                column += 1
            columns = range(column, column + min(max(1, cell.colspan), _MAX_COLSPAN))
            placed[-1].append((cell, columns))
            for below in covered[number + 1 : number + max(1, cell.rowspan)]:
                below.update(columns)
            column = columns.stop
    return placed


def _joined(header: Sequence[Sequence[str]]) -> list[str]:
    """One name for each column, of all rows of the header, none twice."""
    names = []
    for column in zip(*header, strict=True):
        parts: list[str] = []
        for part in column:
            if part and without_markers(part) not in map(without_markers, parts):
                parts.append(part)
        names.append(" / ".join(parts))
    return names
