"""``ragcompress models list``."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from .. import models
from .console import out


def show() -> None:
    """Write a table of the known models and those in the cache to stdout."""
    table = Table("model", "state", "MB", "license", "note", "folder", box=None, header_style="bold")
    for row in models.list_models():
        cells = (row.name, row.state, str(row.megabytes), row.license, row.note, str(row.path or ""))
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    out().print(table)
