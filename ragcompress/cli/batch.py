"""``ragcompress batch``: requests from one file, results to another, one line at a time."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ..batch.cluster import Cluster
from ..batch.journal import Checkpoint, errors_path, partial_path, state_path
from ..batch.run import Batch, Done, Surroundings
from ..documents.reading import STDIN
from ..files import is_stream
from ..plan import Plan
from .console import byte_bar, err, note
from .options import (
    Address,
    Cpus,
    Engine,
    EngineName,
    Gpus,
    Resume,
    Workers,
    load_compressor,
    plan_options,
)
from .streams import stdin, stdout

_SAY_EVERY = 60.0  # seconds between lines about the progress where there is no terminal for a bar


@plan_options()
def batch(
    source: Annotated[str, typer.Argument(metavar="IN.jsonl", help="Requests, one a line; - for stdin.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.jsonl", help="Where the results go, one a line.")
    ],
    *,
    plan: Plan,
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

    A pipe, a device, or - for standard output as OUT gets each result at once, stderr the reasons. Otherwise
    the results are in OUT.jsonl.partial until the end. A run that was interrupted, however it ended, resumes
    with --resume and the same input and settings; workers and engine may differ.
    """
    through = str(output) == STDIN or is_stream(output)
    if through and resume:
        raise typer.BadParameter(f"{output} is a pipe or a device, which --resume cannot continue")
    output = output if through else Path(os.path.realpath(output))
    if not through and (output.is_dir() or not output.parent.is_dir()):
        raise typer.BadParameter(f"{output} is not a file in a folder that exists")
    _check_apart(source, output, through)
    if source == "-" and (resume or engine is Engine.ray):
        raise typer.BadParameter("standard input can't be read again: --resume and --engine ray need a file")
    if engine is Engine.local and (address, cpus, gpus) != (None, 1, 0):
        raise typer.BadParameter("--address, --cpus and --gpus are about a cluster: give --engine ray")
    cluster = Cluster(address, cpus, gpus) if engine is Engine.ray else None
    # Off a terminal its own lines, which say more, take the place of the bar's.
    with byte_bar("compressing", "compressing", every=math.inf) as bar:
        around = Surroundings(load_compressor, stdin, stdout, note, _progress(bar))
        run = Batch(
            source=source,
            output=output,
            plan=plan,
            around=around,
            n_workers=workers,
            resume=resume,
            cluster=cluster,
        )
        if run.is_complete():
            note(f"{output} is already complete; nothing to resume")
            raise typer.Exit(int(run.errors.exists()))
        done = run.run_through() if through else run.run()
    _summarize(done, "above" if through else str(run.errors))
    if done.at.n_failed:
        raise typer.Exit(1)


def _check_apart(source: str, output: Path, through: bool) -> None:
    """Refuse an input that the run would write over, with results, with reasons or with its state."""
    if source == STDIN or not Path(source).exists():
        return
    if output.exists() and output.samefile(source):
        raise typer.BadParameter("input and output are the same file")
    outputs = () if through else (errors_path(output), state_path(output), partial_path(output))
    for path in outputs:
        if path.exists() and path.samefile(source):
            raise typer.BadParameter(
                f"the input {source} is a file that the run writes beside {output.name}: "
                "choose another output"
            )


def _progress(bar: Callable[[int, int], None]) -> Callable[[Checkpoint, Checkpoint, int], None]:
    """Shows the progress as a bar or, without a terminal, as a line now and then."""
    began = last_note = time.monotonic()

    def show(at: Checkpoint, first: Checkpoint, size: int) -> None:
        nonlocal last_note
        bar(at.offset, size)
        now = time.monotonic()
        if err().is_terminal or now - last_note < _SAY_EVERY:
            return
        last_note = now
        left = (size - at.offset) * (now - began) / max(1, at.offset - first.offset)
        note(
            f"{at.n_done + at.n_failed} requests, {at.offset / size:.0%} of the input, {at.n_failed} failed, "
            f"about {_clock(left)} left"
        )

    return show


def _summarize(done: Done, errors: str) -> None:
    at = done.at
    note(f"{at.n_done} done, {at.n_failed} failed" + (f": see {errors}" if at.n_failed else ""))
    if at.n_done:
        whole = f" ({_clock(at.seconds)} in all)" if at.seconds > done.seconds + 1 else ""
        note(
            f"kept {at.tokens_after:,} of {at.tokens_before:,} tokens "
            f"({at.tokens_after / max(1, at.tokens_before):.0%}), {at.tokens_before - at.tokens_after:,} "
            f"saved, in {_clock(done.seconds)}{whole}"
        )
    if n_recalls := at.n_promised + at.n_withdrawn:
        note(
            f"the recall is promised for {at.n_promised:,} of {n_recalls:,} results "
            f"({at.n_promised / n_recalls:.0%}); `promise` of the others says why not"
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
