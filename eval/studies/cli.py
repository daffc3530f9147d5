"""The command line of the development studies: as ``ragcompress-eval``, one command each."""

from __future__ import annotations

from collections.abc import Sequence

from ragcompress_eval.cli import new_app, run

from .loaders import loaders_command
from .manuals import manuals_command
from .random_reader import random_reader_command
from .tool_results import tool_results_command

app = new_app()


@app.callback()
def studies() -> None:
    """Studies of loaders, manuals and tool results, for those who develop them."""


app.command("loaders", short_help="Is what is seen in the text?")(loaders_command)
app.command("manuals", short_help="Is what is kept of a manual under its name?")(manuals_command)
app.command("random-reader", short_help="A reader's shape for llama.cpp, to be timed.")(random_reader_command)
app.command("tool-results", short_help="Does what a person would keep survive?")(tool_results_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    return run(app, "python -m studies", arguments)
