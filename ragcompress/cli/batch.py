"""``ragcompress batch``: requests from one file, results to another, one line at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from .. import __version__
from ..batch.cluster import Cluster
from ..batch.journal import Checkpoint, Journal, Outlet, Stream, errors_path, state_path
from ..batch.request import Outcome
from ..batch.source import Requests, open_requests
from ..batch.workers import Line, run_lines
from ..documents.reading import STDIN
from ..errors import InputError
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


@dataclass(frozen=True, slots=True)
class Batch:
    """One run over a file of requests; memory does not grow with their number.

    Results come in the order of the requests. A request that fails goes to ``OUT.errors.jsonl`` with its
    line number and the reason, and the others go on.

    Attributes:
        source: file of requests, or ``-``.
        output: OUT.
        n_workers: processes on this machine, or actors of the cluster.
        resume: whether to go on with a run that was cut short.
    """

    source: str
    output: Path
    plan: Plan
    n_workers: int = 1
    resume: bool = False
    cluster: Cluster | None = None

    def run(self) -> bool:
        """Compress every request; says at the end how it went.

        Returns:
            Whether all of them have a result.

        Raises:
            DataError, ModelError: what concerns all requests; what concerns one is written down.
        """
        errors = errors_path(self.output)
        if self.resume and self.output.exists() and not state_path(self.output).exists():
            note(f"{self.output} is already complete; nothing to resume")
            return not errors.exists()
        started = time.monotonic()
        with open_requests(self.source, stdin) as requests:
            about = self._about(requests)
            with Journal(self.output, about, resume=self.resume) as journal:
                if journal.at.lines:
                    note(f"resuming after {journal.at.n_done + journal.at.n_failed} requests")
                self._pass(requests, journal)
                journal.finish()
        _summarise(journal.at, str(errors), time.monotonic() - started)
        return not journal.at.n_failed

    def run_through(self) -> bool:
        """As ``run``, for an output that is no file of its own: results go on at once, reasons to stderr.

        Raises:
            DataError, ModelError: as ``run``.
        """
        started = time.monotonic()
        with open_requests(self.source, stdin) as requests, _opened(self.output) as out:
            stream = Stream(out, lambda reason: note(f"failed: {reason}"))
            self._pass(requests, stream)
        _summarise(stream.at, "above", time.monotonic() - started)
        return not stream.at.n_failed

    def _pass(self, requests: Requests, outlet: Outlet) -> None:
        for line, outcome in _shown(self._outcomes(requests, outlet.at), outlet, requests.size):
            outlet.add(outcome, offset=line.end, lines=line.number)

    def _outcomes(self, requests: Requests, at: Checkpoint) -> Iterator[tuple[Line, Outcome]]:
        if self.cluster is None:
            return run_lines(requests.lines(at), self.plan, self.n_workers, load_compressor)
        load_compressor(self.plan)  # an error shows here, and a model that nodes share is downloaded once
        return self.cluster.run(requests, self.plan, self.n_workers, at)

    def _about(self, requests: Requests) -> dict[str, Any] | None:
        """What makes two runs the same; None if the input can be read only once."""
        if requests.size is None:
            if self.resume:
                raise InputError("a run over standard input or a pipe cannot be resumed")
            return None
        return {"version": __version__, "input": requests.digest(), **self.plan.to_dict()}


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
        raise typer.BadParameter(f"{output} is no file of its own: nothing is there for --resume")
    output = output if through else Path(os.path.realpath(output))
    if not through and (output.is_dir() or not output.parent.is_dir()):
        raise typer.BadParameter(f"{output} is not a file in a folder that exists")
    if output.exists() and source != "-" and Path(source).exists() and output.samefile(source):
        raise typer.BadParameter("input and output are the same file")
    if source == "-" and (resume or engine is Engine.ray):
        raise typer.BadParameter("standard input can't be read again: --resume and --engine ray need a file")
    if engine is Engine.local and (address, cpus, gpus) != (None, 1, 0):
        raise typer.BadParameter("--address, --cpus and --gpus are about a cluster: give --engine ray")
    cluster = Cluster(address, cpus, gpus) if engine is Engine.ray else None
    run = Batch(source, output, plan, workers, resume, cluster)
    if not (run.run_through() if through else run.run()):
        raise typer.Exit(1)


@contextmanager
def _opened(output: Path) -> Iterator[IO[bytes]]:
    """A stream to write to. A file that the shell has put behind one is appended to."""
    if str(output) == STDIN:
        yield stdout()
        return
    with output.open("ab") as file:
        yield file


def _shown(
    outcomes: Iterator[tuple[Line, Outcome]], outlet: Outlet, size: int | None
) -> Iterator[tuple[Line, Outcome]]:
    """Pass outcomes on and show the progress: as a bar or, without a terminal, as a line now and then."""
    tell = _progress_notes(outlet.at, size)
    with byte_bar("compressing", "compressing") as bar:
        for line, outcome in outcomes:
            yield line, outcome
            if size:
                bar(line.end, size)
                tell(outlet.at)


def _progress_notes(first: Checkpoint, size: int | None) -> Callable[[Checkpoint], None]:
    if err().is_terminal or not size:
        return lambda at: None
    began = said = time.monotonic()

    def say(at: Checkpoint) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < _SAY_EVERY:
            return
        said = now
        left = (size - at.offset) * (now - began) / max(1, at.offset - first.offset)
        note(
            f"{at.n_done + at.n_failed} requests, {at.offset / size:.0%} of the input, {at.n_failed} failed, "
            f"about {_clock(left)} left"
        )

    return say


def _summarise(at: Checkpoint, errors: str, seconds: float) -> None:
    note(f"{at.n_done} done, {at.n_failed} failed" + (f": see {errors}" if at.n_failed else ""))
    if at.n_done:
        whole = f" ({_clock(at.seconds)} in all)" if at.seconds > seconds + 1 else ""
        note(
            f"kept {at.tokens_after:,} of {at.tokens_before:,} tokens "
            f"({at.tokens_after / max(1, at.tokens_before):.0%}), {at.tokens_before - at.tokens_after:,} "
            f"saved, in {_clock(seconds)}{whole}"
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
