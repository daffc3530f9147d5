"""``ragcompress-eval``: results on stdout, progress and notes on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from ragcompress.cli.console import exit_code

from .bench.compare import compare_command
from .quality.answers import answers_command, positions_command
from .quality.evidence import evidence_command
from .quality.injection import injection_command
from .quality.langchain import langchain_command
from .quality.promises import promises_command
from .quality.retrieval import retrieval_command
from .report.cli import report_command
from .savings.cli import savings_command
from .speed.cli import speed_command
from .tasks.cli import tasks_app


def new_app() -> typer.Typer:
    """A command line of this harness, without commands yet."""
    return typer.Typer(
        add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
    )


app = new_app()


@app.callback()
def evaluate() -> None:
    """Measure context compression on questions with known evidence and answers."""


app.command("evidence", short_help="Does the evidence survive?")(evidence_command)
app.command("retrieval", short_help="Is the evidence found in one large folder, and kept?")(retrieval_command)
app.command("injection", short_help="Does a hostile document get in?")(injection_command)
app.command("promises", short_help="Does a promised recall hold?")(promises_command)
app.command("answers", short_help="Does the answer survive?")(answers_command)
app.command("positions", short_help="Lost in the middle?")(positions_command)
app.command("langchain", short_help="A LangChain application with and without.")(langchain_command)
app.command("speed", short_help="What does it cost?")(speed_command)
app.command("savings", short_help="Does it pay?")(savings_command)
app.command("compare", short_help="What got better or worse between two results?")(compare_command)
app.command("report", short_help="Render results as Markdown and plots.")(report_command)
app.add_typer(tasks_app, name="tasks")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    return run(app, "ragcompress-eval", arguments)


def run(commands: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line of this harness.

    Args:
        name: how it is called, for its help.
    """
    try:
        commands(args=None if arguments is None else list(arguments), prog_name=name)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except (Exception, KeyboardInterrupt) as error:
        return exit_code(error)
    return 0
