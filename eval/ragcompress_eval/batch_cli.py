"""``ragcompress-eval batch``: throughput, memory and resumption of ``ragcompress batch``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from ragcompress import scorers
from ragcompress.cli.console import note, out
from ragcompress.cli.options import ProxyName, ScorerName
from ragcompress.proxy.loading import DEFAULT_PROXY

from . import batch_runs
from .bench import options
from .bench.provenance import provenance
from .report import page as report

_MEGABYTE = 1 << 20


def batch_command(
    files: options.Files,
    work: Annotated[Path, typer.Option("--work", metavar="DIR", help="Where requests and results are kept.")],
    n_requests: Annotated[int, typer.Option("--requests", metavar="N", min=1, help="Lines.")] = 1000,
    workers: Annotated[
        list[int], typer.Option("--workers", metavar="N", min=1, help="Give it again to compare numbers.")
    ] = [1, 2],  # noqa: B006 - typer copies it
    runs: Annotated[int, typer.Option("--runs", metavar="N", min=1, help="With each number, in turn.")] = 1,
    kills: Annotated[
        int, typer.Option("--kills", metavar="N", min=0, help="In one more run: kill -9 so often, and go on.")
    ] = 5,
    scorer: ScorerName = scorers.DEFAULT,
    budget: Annotated[int, typer.Option("--budget", metavar="N", min=1, help="Tokens to keep.")] = 100,
    limit: options.Limit = None,
    json_file: options.JsonFile = None,
    proxy: ProxyName = DEFAULT_PROXY,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the requests and the kills.")] = 0,
    on_bad: options.BadRecords = options.OnBad.stop,
) -> None:
    """Run `ragcompress batch` over requests made of real questions, each with one to three documents.

    How many requests a second with how many workers; does its memory stay as it is; and is what a run has
    that was killed again and again, byte for byte, what an undisturbed one has?
    """
    read, _ = options.read_examples(files, limit=limit, on_bad=on_bad)
    work.mkdir(parents=True, exist_ok=True)
    source, rng = work / "requests.jsonl", Random(seed)
    batch_runs.write_requests(read, source, n_requests, seed=seed)
    given = ["--scorer", scorer, "--budget", str(budget), "--proxy", proxy]
    done, prints = [], set()
    for _ in range(runs):
        for n in workers:
            whole = work / "whole.jsonl"
            done.append(batch_runs.undisturbed(source, whole, given, n))
            prints.add(batch_runs.fingerprint(whole))
            note(f"{n} workers: {done[-1].n_requests / done[-1].seconds:.2f} requests a second")
    out().print(_table(done))
    _say("the runs", len(prints) == 1, f"{len(done)} runs without a kill")
    killed = []
    if kills:
        again, most = work / "killed.jsonl", max(workers)
        within = max(r.seconds for r in done) / kills
        killed = batch_runs.killed(source, again, given, most, times=kills, within=within, rng=rng)
        moments = ", ".join(f"{k.seconds:.1f} s ({k.n_done} done)" for k in killed)
        same = prints == {batch_runs.fingerprint(again)}
        _say("the results", same, f"killed after {moments}, with {most} workers")
    if json_file:
        settings = {"scorer": scorer, "budget": budget, "proxy": proxy, "requests": n_requests}
        about = provenance(read, limit=limit, seed=seed, settings=settings)
        results = {"runs": [asdict(r) for r in done], "kills": [asdict(k) for k in killed]}
        report.write_json(json_file, {"results": results, "provenance": about})


def _say(what: str, same: bool, of: str) -> None:
    out().print(f"{of}: {what} are {'the same, byte for byte, but for the seconds' if same else 'DIFFERENT'}")


def _table(done: Sequence[batch_runs.Run]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, caption="MB: most of each quarter of the run", caption_justify="left")
    names = ("workers", "requests", "failed", "seconds", "core seconds", "requests/s")
    for name in (*names, "MB 1", "MB 2", "MB 3", "MB 4"):
        table.add_column(name, justify="right", no_wrap=True)
    for r in done:
        counts = (str(n) for n in (r.workers, r.n_requests, r.n_failed))
        numbers = (f"{r.seconds:.1f}", f"{r.core_seconds:.1f}", f"{r.n_requests / r.seconds:.2f}")
        table.add_row(*counts, *numbers, *(f"{p / _MEGABYTE:.0f}" for p in r.peaks()))
    return table
