"""Checks of options that several commands share. What is wrong with them is wrong usage (exit 2)."""

from __future__ import annotations

from pathlib import Path

import typer


def check_output(value: Path | None) -> Path | None:
    """Refuse a file that can't be written to, before any work is done.

    Raises:
        typer.BadParameter: for a folder, or a file in one that doesn't exist.
    """
    if value is not None and (value.is_dir() or not value.absolute().parent.is_dir()):
        raise typer.BadParameter(f"{value} is not a file in a folder that exists")
    return value
