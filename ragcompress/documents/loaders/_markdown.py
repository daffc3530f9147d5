"""Markdown tables, which the loaders of Office files write."""

from __future__ import annotations

from collections.abc import Sequence


def row(cells: Sequence[str]) -> str:
    """One line of a pipe table; white space and bars in a cell can't break it."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def delimiter(n_columns: int) -> str:
    """The line between a table's header and its rows."""
    return "|" + " --- |" * n_columns


def table(rows: Sequence[Sequence[str]]) -> str:
    """A pipe table whose header is the first row; rows of equal length."""
    return "\n".join([row(rows[0]), delimiter(len(rows[0])), *map(row, rows[1:])]) if rows else ""
