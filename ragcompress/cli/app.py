"""``ragcompress``: results on stdout, all else on stderr; exit 0 done, 1 a failure, 2 wrong usage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__, scorers
from ..proxy.loading import DEFAULT_PROXY
from .compress import compress
from .console import byte_bar, count_bar, emit, exit_code, note
from .index import index_app
from .options import (
    CONVERTING,
    Address,
    Backend,
    BudgetTokens,
    Cpus,
    Engine,
    EngineName,
    Format,
    Gpus,
    Headings,
    KeepTogether,
    MarkGaps,
    Order,
    Output,
    Precision,
    ProbePath,
    ProxyName,
    Ratio,
    Recall,
    Resume,
    ScorerName,
    Setup,
    Told,
    Workers,
    check_question,
    make_budget,
)
from .support import support
from .train import train


class _Group(TyperGroup):
    """Ends every failure of a command with one line and an exit status, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, (typer.Exit, typer.Abort)) or hasattr(error, "exit_code"):
                raise
            raise typer.Exit(exit_code(error)) from None


# Plain help and messages: nothing of the user's is read as markup, and docs/cli.md can hold them as they are.
_PLAIN: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}
app = typer.Typer(cls=_Group, **_PLAIN)
models_app = typer.Typer(help="The small language models that are probed.", **_PLAIN)
app.add_typer(models_app, name="models")
app.add_typer(index_app, name="index")


def main() -> None:
    """Run the command line."""
    app(prog_name="ragcompress")


def _print_version(wanted: bool) -> None:
    if wanted:
        emit(f"ragcompress {__version__}\n")
        raise typer.Exit


@app.callback()
def ragcompress(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep the sentences of documents that a question needs, within a token budget.

    Exit status: 0 done, 1 failure (one line on stderr says why), 2 wrong usage.
    """


app.command()(compress)


@app.command()
def batch(
    source: Annotated[str, typer.Argument(metavar="IN.jsonl", help="Requests, one a line; - for stdin.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.jsonl", help="Where the results go, one a line.")
    ],
    budget: BudgetTokens = None,
    ratio: Ratio = None,
    recall: Recall = None,
    order: Order = "source",
    keep_together: KeepTogether = False,
    scorer: ScorerName = scorers.DEFAULT,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    precision: Precision = None,
    probe: ProbePath = None,
    mark_gaps: MarkGaps = False,
    headings: Headings = False,
    workers: Workers = 1,
    resume: Resume = False,
    engine: EngineName = Engine.local,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
) -> None:
    """Compress documents for many questions.

    A request is {"id", "question", "documents": [{"text", "title", "id", "metadata"}]}; only question and
    text must be there. A result is what `compress --format json` writes, with the request's id, in the
    order of the requests. What fails goes to OUT.errors.jsonl with line number and reason; the exit status
    is then 1, and the other results are there all the same.

    Until the end the results stand in OUT.jsonl.partial. A run that was cut short, however it ended, goes on
    with --resume and the same input and settings; workers and engine may differ.
    """
    from .batch import Batch, Cluster

    if output.is_dir() or not output.absolute().parent.is_dir():
        raise typer.BadParameter(f"{output} is not a file in a folder that exists")
    if output.exists() and source != "-" and Path(source).exists() and output.samefile(source):
        raise typer.BadParameter("input and output are the same file")
    if source == "-" and (resume or engine is Engine.ray):
        raise typer.BadParameter("standard input can't be read again: --resume and --engine ray need a file")
    if engine is Engine.local and (address, cpus, gpus) != (None, 1, 0):
        raise typer.BadParameter("--address, --cpus and --gpus are about a cluster: give --engine ray")
    cluster = Cluster(address, cpus, gpus) if engine is Engine.ray else None
    limits = make_budget(budget, ratio, recall)
    setup = Setup(
        scorer, proxy, backend, probe, order, Format.json, mark_gaps, headings, precision, keep_together
    )
    if not Batch(source, output, setup, limits, workers, resume, cluster).run():
        raise typer.Exit(1)


@app.command()
def explain(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the reader will be asked.")],
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="As for compress.")],
    budget: BudgetTokens = None,
    ratio: Ratio = None,
    recall: Recall = None,
    scorer: ScorerName = scorers.DEFAULT,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    probe: ProbePath = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Sentences in the ranking.")] = 10,
    heads: Annotated[
        int | None,
        typer.Option(
            "--heads",
            metavar="RANK",
            min=1,
            help="Which layers and heads carried the decision about the sentence of this rank.",
        ),
    ] = None,
    format: Annotated[
        Told, typer.Option("--format", help="For the terminal, or JSON with a reason for every drop.")
    ] = Told.text,
    output: Output = None,
) -> None:
    """Show why each sentence is kept or dropped.

    The documents, shaded by score; the best sentences with rank, score and what became of them; with
    --heads, what in the small model's attention decided. For a page to look around in, see compress --html.
    """
    from ..documents.reading import read_documents
    from . import explain as cli_explain

    check_question(question)
    if output is not None and format is not Told.json:
        raise typer.BadParameter("--output is for --format json")
    limits = make_budget(budget, ratio, recall)
    documents = read_documents(paths, stdin=sys.stdin.buffer, note=note)
    compressor = Setup(scorer, proxy, backend, probe).load()
    with count_bar("reading passages") as progress:
        context = compressor(question, documents, budget=limits, progress=progress)
    found = None if heads is None else cli_explain.attribution(compressor, context, heads)
    if format is Told.json:
        emit(cli_explain.record(context, found), output)
    else:
        cli_explain.show(context, top, found)


app.command()(support)


@app.command()
def demo(
    budget: BudgetTokens = None,
    ratio: Ratio = None,
    recall: Recall = None,
    order: Order = "source",
    scorer: ScorerName = scorers.DEFAULT,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    probe: ProbePath = None,
) -> None:
    """Show what is kept of a small archive.

    The archive comes with the package; the question needs sentences of two of its documents. The exit
    status is 1 if the answer was lost.
    """
    from .demo import show

    if not show(Setup(scorer, proxy, backend, probe, order), make_budget(budget, ratio, recall)):
        raise typer.Exit(1)


@app.command()
def doctor(proxy: ProxyName = DEFAULT_PROXY) -> None:
    """Check this installation.

    Shows versions, cache, model, backends and probe, and times a small run. Nothing is downloaded. The exit
    status is 1 if something that is needed is broken.
    """
    from .doctor import report

    if not report(proxy):
        raise typer.Exit(1)


@models_app.command("list")
def models_list() -> None:
    """List models, known and cached."""
    from .models import show

    show()


@models_app.command("fetch")
def models_fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name of `models list`, a .gguf file, or a hub id.")
    ] = DEFAULT_PROXY,
) -> None:
    """Make a model ready.

    It is downloaded, or converted from a .gguf file, once; later runs need no network. Writes its folder.
    """
    from .. import models

    with byte_bar(f"downloading {name}", CONVERTING) as progress:
        folder = models.fetch(name, progress)
    emit(f"{folder.path}\n")


app.command()(train)
