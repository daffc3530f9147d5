"""Writes the help texts of docs/cli.md: ``cog -I docs -r docs/cli.md``, or ``make docs``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import typer
from typer.testing import CliRunner

from ragcompress.cli.app import app


def show(command: str = "") -> None:
    """Write the help text of a command, such as ``index build``, as a block of the page."""
    import cog  # which is there while Cog runs

    os.environ["COLUMNS"] = "80"
    result = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="ragcompress")
    if result.exit_code:
        raise ValueError(f"no command {command!r}: {result.output}")
    cog.out(f"```console\n$ ragcompress {f'{command} ' if command else ''}--help\n{result.stdout}```\n")


def commands() -> list[str]:
    """Every command that has a help text, the empty name for ragcompress itself."""
    return list(_names(typer.main.get_command(app), ""))


def _names(command: object, name: str) -> Iterator[str]:
    yield name
    for child, below in getattr(command, "commands", {}).items():
        yield from _names(below, f"{name} {child}".strip())
