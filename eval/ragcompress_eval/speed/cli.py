"""``ragcompress-eval speed``: its options, and what it writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import RagCompressError, models, scorers
from ragcompress.cli.console import byte_bar, note, out, phase_bar
from ragcompress.cli.options import CONVERTING, ProxyName
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.training.examples import DataFile, read_files

from ..bench.options import check_output
from ..bench.provenance import provenance
from ..bench.runner import write_json
from . import measure as speed
from . import report as speed_report
from . import texts as speed_texts
from .contestants import CONTESTANTS
from .processes import RIVALS

EVERYONE = (*CONTESTANTS, *RIVALS)


def _check_contestants(values: list[str]) -> list[str]:
    for value in values:
        if value not in EVERYONE:
            raise typer.BadParameter(f"{value!r} is none of: {', '.join(EVERYONE)}")
    return list(dict.fromkeys(values))


def _check_rivals(values: list[str]) -> list[str]:
    for value in values:
        name, _, python = value.partition("=")
        if name not in RIVALS or not python:
            raise typer.BadParameter(f"{value!r} is not NAME=PYTHON with one of: {', '.join(RIVALS)}")
        if not os.access(python, os.X_OK) or not Path(python).is_file():
            raise typer.BadParameter(f"{python} is not a program")
    return values


def _check_scorer(value: str) -> str:
    reading = [name for name in scorers.available() if scorers.load(name).needs_proxy]
    if value not in reading:
        raise typer.BadParameter(f"{value!r} is none of those that read the proxy: {', '.join(reading)}")
    return value


def _check_ratio(value: float) -> float:
    if not 0 < value <= 1:
        raise typer.BadParameter(f"{value} is not in (0, 1]")
    return value


Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Records to take text from (without: the package's samples)."),
]
Counts = Annotated[list[int], typer.Option("--passages", min=1, metavar="N", help="How many passages.")]
Lengths = Annotated[list[int], typer.Option("--tokens", min=1, metavar="N", help="Tokens of a passage.")]
Total = Annotated[
    int | None,
    typer.Option("--max-total", min=1, metavar="N", help="Leave out sizes of more tokens in all."),
]
Runs = Annotated[int, typer.Option(min=1, metavar="N", help="Timed runs of each, after a first.")]
Names = Annotated[
    list[str],
    typer.Option(
        "--contestant",
        callback=_check_contestants,
        metavar="NAME",
        help=f"One of {', '.join(EVERYONE)}. Ratios are to the first.",
    ),
]
Rivals = Annotated[
    list[str],
    typer.Option(
        "--rival",
        callback=_check_rivals,
        metavar="NAME=PYTHON",
        help=f"Interpreter of the environment of {', '.join(RIVALS)}.",
    ),
]
ScorerName = Annotated[
    str, typer.Option("--scorer", callback=_check_scorer, metavar="NAME", help="One that reads the proxy.")
]
Ratio = Annotated[
    float, typer.Option(callback=_check_ratio, metavar="R", help="Share of the tokens to keep, in (0, 1].")
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", callback=check_output, metavar="OUT", help="Write results and provenance here."),
]
PlotFile = Annotated[
    Path | None,
    typer.Option("--plot", callback=check_output, metavar="PNG", help="Draw cost against tokens."),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of the order of the documents.")]


def speed_command(
    files: Files = None,
    passages: Counts = [5, 20, 100],  # noqa: B006 - typer copies it
    tokens: Lengths = [100, 300, 1000],  # noqa: B006
    max_total: Total = None,
    runs: Runs = 3,
    contestant: Names = list(EVERYONE),  # noqa: B006
    rival: Rivals = [],  # noqa: B006
    scorer: ScorerName = scorers.DEFAULT,
    ratio: Ratio = 0.2,
    proxy: ProxyName = DEFAULT_PROXY,
    json_file: JsonFile = None,
    plot_file: PlotFile = None,
    seed: Seed = 0,
) -> None:
    """What does it cost? Time and memory of contestants side by side, on the same passages and question."""
    _check_files(files or [], json_file, plot_file)
    sizes = _sizes(passages, tokens, max_total)
    read = read_files(files or [])
    source = speed_texts.from_files(read, seed=seed) if files else speed_texts.from_samples(seed=seed)
    with byte_bar(f"downloading {proxy}", CONVERTING) as progress:
        folder = models.resolve(proxy, progress=progress)
    pythons = {name: Path(python) for name, _, python in (r.partition("=") for r in rival)}
    plan = speed.Plan(proxy, folder, scorer, ratio, runs, pythons)
    with phase_bar() as advance:
        measured = speed.measure(plan, source, sizes, contestant, progress=advance)
    results = speed.summarise(measured, ratio=ratio)
    if json_file:
        settings = {
            "sizes": [[s.passages, s.tokens] for s in sizes],
            "seed": seed,
            **_settings(plan, contestant),
        }
        _write(json_file, results, read, settings)
    if plot_file:
        speed_report.plot(results, plot_file)
    out().print(speed_report.table(results))
    _tell_skipped(results)


def _check_files(files: Sequence[Path], json_file: Path | None, plot_file: Path | None) -> None:
    """See, before anything is measured, that what is asked for can be written.

    Raises:
        typer.BadParameter: if a result would overwrite what is read.
        MissingExtra: if the plot needs it.
    """
    for option, target in (("--json", json_file), ("--plot", plot_file)):
        if target and any(target.resolve() == f.resolve() for f in files):
            raise typer.BadParameter(f"{option} would overwrite a file of questions")
    if plot_file:
        speed_report.figure_class()


def _sizes(passages: Sequence[int], tokens: Sequence[int], max_total: int | None) -> list[speed.Size]:
    """All combinations, without those that are too large: these are said.

    Raises:
        typer.BadParameter: if none is left.
    """
    sizes = [speed.Size(p, t) for p, t in dict.fromkeys(product(passages, tokens))]
    fitting = [s for s in sizes if max_total is None or s.total <= max_total]
    for size in sizes:
        if size not in fitting:
            note(f"left out: {size.passages} × {size.tokens} tokens, more than --max-total {max_total}")
    if not fitting:
        raise typer.BadParameter(f"no size has at most {max_total} tokens in all")
    return fitting


def _settings(plan: speed.Plan, contestants: Sequence[str]) -> dict[str, Any]:
    return {
        "contestants": list(contestants),
        "reference": contestants[0],
        "runs": plan.runs,
        "ratio": plan.ratio,
        "scorer": plan.scorer,
        "proxy": plan.folder.name,
        "proxy_fingerprint": plan.folder.fingerprint,
    }


def _write(
    path: Path,
    results: Sequence[Mapping[str, Any]],
    read: Sequence[DataFile],
    settings: Mapping[str, Any],
) -> None:
    about = provenance(read, limit=None, seed=settings["seed"], settings=settings)
    del about["bootstrap"]  # Nothing is resampled here.
    write_json(path, {"results": results, "provenance": about})


def _tell_skipped(results: Sequence[Mapping[str, Any]]) -> None:
    """Say who was skipped and why.

    Raises:
        RagCompressError: if everyone was.
    """
    for reason in speed_report.reasons(results):
        note(reason)
    if all(r["skipped"] is not None for r in results):
        raise RagCompressError("nothing could be measured")
