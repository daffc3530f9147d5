"""``ragcompress mcp``: tools for agents over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import MissingExtra
from ..plan import Plan
from .options import plan_options
from .serve import named_indexes

if TYPE_CHECKING:
    from ..compressor import Compressor

PLANNED = ("scorer", "scorer_settings", "probe", "proxy", "backend", "precision", "language")


@plan_options(only=PLANNED)
def mcp(
    *,
    plan: Plan,
    root: Annotated[
        list[Path], typer.Option("--root", metavar="DIR", help="A folder that may be read. Repeatable.")
    ],
    index: Annotated[
        list[str] | None,
        typer.Option("--index", metavar="NAME=IDX", help="An index that may be searched. Repeatable."),
    ] = None,
    http: Annotated[bool, typer.Option("--http", help="Listen on 127.0.0.1 instead of stdin.")] = False,
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any that is free.")
    ] = 8485,
) -> None:
    """Serve tools that read long files for an agent.

    read_relevant, expand and, with --index, search_relevant return the sentences that a question needs, with
    path:line. Nothing outside the roots is read. The protocol is on stdin and stdout, or with --http at
    http://127.0.0.1:PORT/mcp. Needs the extra `mcp`.
    """
    try:
        from ..serving.agent import Agent
        from ..serving.loading import indexes_by_name
        from ..serving.mcp import build, run
        from ..serving.roots import Roots
    except ModuleNotFoundError as error:
        raise MissingExtra("ragcompress mcp", "mcp") from error

    def load() -> Compressor:
        from ..compressor import Compressor

        return Compressor.from_plan(plan)

    indexes = indexes_by_name(named_indexes(index or []))
    server = build(Agent(load, Roots(root), indexes), has_indexes=bool(indexes))
    run(server, "http" if http else "stdio", "127.0.0.1", port)
