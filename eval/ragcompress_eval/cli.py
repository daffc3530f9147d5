"""``ragcompress-eval``: results on stdout, progress and notes on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ragcompress import Tokenizer, __version__, models, scorers
from ragcompress.cli.console import byte_bar, count_bar, exit_code, out
from ragcompress.cli.options import CONVERTING, DEFAULT_RATIO, Backend, ProxyName
from ragcompress.proxy.loading import BACKENDS, DEFAULT_PROXY
from ragcompress.training.augment import joined

from .ablation import ablation_command
from .attribution import attribution_command
from .batch_cli import batch_command
from .bench import options
from .bench.journal import Journal, beside
from .bench.provenance import provenance, session
from .citations import citations_command
from .fidelity import fidelity_command
from .langchain_app import langchain_command
from .lookback import lookback_command
from .quality import evidence
from .quality.answers_cli import answers_command, positions_command
from .quality.retrieval import retrieval_command
from .report import page as report
from .report.cli import report_command
from .speed.cli import speed_command
from .sufficiency import sufficiency_command
from .tasks.cli import tasks_app

DEFAULT_SCORERS = (scorers.DEFAULT, "bm25", "lead", "random")

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


@app.callback()
def evaluate() -> None:
    """Measure context compression on questions with known evidence and answers."""


@app.command("evidence", short_help="Does the evidence survive?")
def evidence_command(
    files: options.Files,
    scorer: options.ScorerNames = list(DEFAULT_SCORERS),  # noqa: B006 - typer copies it
    ratio: options.Ratios = [],  # noqa: B006
    recall: options.Recalls = [],  # noqa: B006
    rival: options.Rivals = [],  # noqa: B006
    limit: options.Limit = None,
    join: Annotated[
        int,
        typer.Option(
            "--join", metavar="N", min=1, help="Make every N documents one long one, without title."
        ),
    ] = 1,
    json_file: options.JsonFile = None,
    resume: options.Resume = False,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    seed: options.Seed = 0,
    on_bad: options.BadRecords = options.OnBad.stop,
) -> None:
    """Does the evidence survive? Compress every question with every scorer, and look."""
    options.check_json(json_file, files, resume=resume)
    ratio = ratio or ([] if recall else [DEFAULT_RATIO])
    read, examples = options.read_examples(files, limit=limit, on_bad=on_bad)
    if join > 1:
        examples = [joined(example, join) for example in examples]
    with byte_bar(f"downloading {proxy}", CONVERTING) as progress:
        folder = models.resolve(proxy, progress=progress)
    counter = Tokenizer.from_folder(folder.path)
    settings: dict[str, Any] = {
        "ratios": ratio,
        "recalls": recall,
        "join": join,
        "order": "source",
        "on_bad": on_bad.value,
        "proxy": folder.name,
        "proxy_fingerprint": folder.fingerprint,
        "backend": backend or BACKENDS[0],
    }
    rests_on = {"command": "evidence", "version": __version__, "seed": seed, **settings}
    rows = beside(json_file) if json_file else None
    with (
        Journal(rows, settings=rests_on, session=session(), resume=resume) as journal,
        options.build_methods(
            scorer, rival, folder=folder, counter=counter, proxy=proxy, backend=backend, seed=seed
        ) as methods,
        count_bar("compressing questions") as progress,
    ):
        runs = evidence.run(
            examples,
            methods,
            ratio,
            recalls=recall,
            journal=journal,
            on_bad=on_bad.value,
            progress=progress,
        )
        results = evidence.summarise(runs, seed=seed)
        if json_file:
            settings["scorers"] = {r.scorer: r.settings for r in runs}
            about = provenance(read, limit=limit, seed=seed, settings=settings, sessions=journal.sessions)
            content = {"results": results, "provenance": about, "rows": list(evidence.rows_of(runs))}
            report.write_json(json_file, content)
            journal.finish()
    out().print(report.table(results, seed=seed))


app.command("answers", short_help="Does the answer survive?")(answers_command)
app.command("positions", short_help="Lost in the middle?")(positions_command)
app.command("report", short_help="Render results as Markdown and plots.")(report_command)
app.command("speed", short_help="What does it cost?")(speed_command)
app.command("fidelity", short_help="What do fewer bits cost?")(fidelity_command)
app.command("langchain", short_help="A LangChain application with and without.")(langchain_command)
app.command("retrieval", short_help="Is the evidence found in one large folder?")(retrieval_command)
app.command("batch", short_help="Run `ragcompress batch` on real questions.")(batch_command)
app.command("citations", short_help="Open every citation of a result.")(citations_command)
app.command("ablation", short_help="What would the probe be without this?")(ablation_command)
app.command("attribution", short_help="Does an answer rest on the evidence?")(attribution_command)
app.command("sufficiency", short_help="Is it seen that the evidence is missing?")(sufficiency_command)
app.command("lookback", short_help="Is a draft right?")(lookback_command)
app.add_typer(tasks_app, name="tasks")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="ragcompress-eval")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except (Exception, KeyboardInterrupt) as error:
        return exit_code(error)
    return 0
