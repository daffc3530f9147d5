"""``ragcompress-eval``: results on stdout, progress and notes on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import Proxy, RagCompressError, Scorer, Tokenizer, load_proxy, models, scorers
from ragcompress.cli_console import byte_bar, count_bar, exit_code, note, out
from ragcompress.cli_options import CONVERTING, Backend, ProxyName
from ragcompress.proxy.loading import BACKENDS, DEFAULT_PROXY

from . import data, evidence, report
from .options import check_output
from .provenance import provenance
from .speed_cli import speed_command

DEFAULT_SCORERS = (scorers.DEFAULT, "bm25", "lead", "random")
_BAD_SHOWN = 5

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


class OnBad(StrEnum):
    """What a malformed record does."""

    stop = "stop"
    skip = "skip"


@app.callback()
def evaluate() -> None:
    """Measure context compression on questions with known evidence and answers."""


def _check_ratios(values: list[float]) -> list[float]:
    for value in values:
        if not 0 < value <= 1:
            raise typer.BadParameter(f"{value} is not in (0, 1]")
    return list(dict.fromkeys(values))


def _check_scorers(values: list[str]) -> list[str]:
    for value in values:
        if value not in scorers.available():
            raise typer.BadParameter(f"{value!r} is none of: {', '.join(scorers.available())}")
    return list(dict.fromkeys(values))


Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="Records, .jsonl or .jsonl.gz.")]
Names = Annotated[
    list[str],
    typer.Option(callback=_check_scorers, metavar="NAME", help=f"One of {', '.join(scorers.available())}."),
]
Ratios = Annotated[
    list[float],
    typer.Option(callback=_check_ratios, metavar="R", help="Share of the tokens to keep, in (0, 1]."),
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Read only the first N records of each file.")
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", callback=check_output, metavar="OUT", help="Write results and provenance here."),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of the bootstrap, and of scorers that draw.")]
BadRecords = Annotated[OnBad, typer.Option(help="What a malformed record does.")]


@app.command("evidence")
def evidence_command(
    files: Files,
    scorer: Names = list(DEFAULT_SCORERS),  # noqa: B006 - typer copies it
    ratio: Ratios = [0.2],  # noqa: B006
    limit: Limit = None,
    json_file: JsonFile = None,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    seed: Seed = 0,
    on_bad: BadRecords = OnBad.stop,
) -> None:
    """Does the evidence survive? Compress every question with every scorer, and look."""
    if json_file and any(json_file.resolve() == f.resolve() for f in files):
        raise typer.BadParameter("--json would overwrite a file of questions")
    read = data.read(files, limit=limit, on_bad=on_bad.value)
    _tell_bad(read)
    examples = [e for f in read for e in f.examples]
    if not examples:
        raise RagCompressError("the files hold no question that can be used")
    with byte_bar(f"downloading {proxy}", CONVERTING) as progress:
        folder = models.resolve(proxy, progress=progress)
    counter, built = Tokenizer.from_folder(folder.path), _scorers(scorer, proxy, backend, seed)
    with count_bar("compressing questions") as progress:
        runs = evidence.run(examples, built, ratio, counter=counter, progress=progress)
    results = evidence.summarise(runs, seed=seed)
    if json_file:
        settings = {
            "scorers": {r.scorer: _nameless(r.scores[0].settings, proxy, folder.name) for r in runs},
            "ratios": ratio,
            "order": "source",
            "on_bad": on_bad.value,
            "proxy": folder.name,
            "proxy_fingerprint": folder.fingerprint,
            "backend": backend or BACKENDS[0],
        }
        about = provenance(read, limit=limit, seed=seed, settings=settings)
        report.write_json(json_file, {"results": results, "provenance": about})
    out().print(report.table(results, seed=seed))


app.command("speed")(speed_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="ragcompress-eval")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except Exception as error:
        return exit_code(error)
    return 0


def _tell_bad(files: Sequence[data.DataFile]) -> None:
    bad = [reason for f in files for reason in f.bad]
    for reason in bad[:_BAD_SHOWN]:
        note(f"skipped: {reason}")
    if len(bad) > _BAD_SHOWN:
        note(f"skipped: {len(bad) - _BAD_SHOWN} more")


def _nameless(settings: Mapping[str, Any], proxy: str, name: str) -> dict[str, Any]:
    """Settings in which a proxy that was given as a path goes by its name: results hold no paths."""
    return {key: name if value == proxy else value for key, value in settings.items()}


def _scorers(names: Sequence[str], proxy: str, backend: str | None, seed: int) -> dict[str, Scorer]:
    """Build the scorers; the proxy is loaded once, if one of them needs it."""

    @cache
    def loaded() -> Proxy:
        return load_proxy(proxy, backend=backend)

    built = {}
    for name in names:
        own = {"seed": seed} if "seed" in inspect.signature(scorers.load(name)).parameters else {}
        built[name] = scorers.make(name, proxy=loaded, **own)
    return built
