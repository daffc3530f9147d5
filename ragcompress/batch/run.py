"""One run over a file of requests, from its lines to the files of results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .. import __version__
from ..compressor import Compressor
from ..documents.reading import STDIN
from ..errors import InputError
from ..plan import Plan
from .cluster import Cluster
from .finished import check_finished
from .journal import Checkpoint, Journal, Outlet, Stream, errors_path, state_path
from .request import Outcome
from .source import Requests, open_requests
from .workers import Line, run_lines


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run needs of the program that it is part of.

    Attributes:
        load: builds the compressor of this process.
        stdin, stdout: the standard streams, as bytes.
        note: says one line.
        progress: called after each request with how far the run is, how far it was at its start, and the
            bytes of the input.
    """

    load: Callable[[Plan], Compressor]
    stdin: Callable[[], IO[bytes]]
    stdout: Callable[[], IO[bytes]]
    note: Callable[[str], None]
    progress: Callable[[Checkpoint, Checkpoint, int], None] = lambda at, first, size: None


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended.

    Attributes:
        at: how far it has come, earlier runs included.
        seconds: of this run.
    """

    at: Checkpoint
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One run over a file of requests; memory does not grow with their number.

    Results come in the order of the requests. A request that fails goes to ``OUT.errors.jsonl`` with its
    line number and the reason, and the others go on.

    Attributes:
        source: file of requests, or ``-``.
        output: OUT.
        n_workers: processes on this machine, or actors of the cluster.
        resume: whether to continue a run that was interrupted.
    """

    source: str
    output: Path
    plan: Plan
    around: Surroundings
    n_workers: int = 1
    resume: bool = False
    cluster: Cluster | None = None

    def is_complete(self) -> bool:
        """Whether there is nothing left to resume, because the output has a result of every request.

        Raises:
            DataError: if an output is there that is no such thing, nor a run's that was cut short.
            InputError: if the input can be read only once.
        """
        if not self.resume or not self.output.exists() or state_path(self.output).exists():
            return False
        with open_requests(self.source, self.around.stdin) as requests:
            _check_again(requests)
            check_finished(requests.lines(Checkpoint()), self.output, self.errors, self.plan)
        return True

    @property
    def errors(self) -> Path:
        """Where requests that failed go."""
        return errors_path(self.output)

    def run(self) -> Done:
        """Compress every request.

        Raises:
            DataError, ModelError: what concerns all requests; what concerns one is written down.
        """
        started = time.monotonic()
        with open_requests(self.source, self.around.stdin) as requests:
            with Journal(self.output, self._about(requests), resume=self.resume) as journal:
                if journal.at.lines:
                    self.around.note(f"resuming after {journal.at.n_done + journal.at.n_failed} requests")
                self._pass(requests, journal)
                journal.finish()
        return Done(journal.at, time.monotonic() - started)

    def run_through(self) -> Done:
        """As ``run``, for an output that is no file of its own: results go on at once, reasons to ``note``.

        Raises:
            DataError, ModelError: as ``run``.
        """
        started = time.monotonic()
        with open_requests(self.source, self.around.stdin) as requests, self._open_output() as out:
            stream = Stream(out, lambda reason: self.around.note(f"failed: {reason}"))
            self._pass(requests, stream)
        return Done(stream.at, time.monotonic() - started)

    def _pass(self, requests: Requests, outlet: Outlet) -> None:
        first = outlet.at
        for line, outcome in self._outcomes(requests, first):
            outlet.add(outcome, offset=line.end, lines=line.number)
            if requests.size:
                self.around.progress(outlet.at, first, requests.size)

    def _outcomes(self, requests: Requests, at: Checkpoint) -> Iterator[tuple[Line, Outcome]]:
        if self.cluster is None:
            return run_lines(requests.lines(at), self.plan, self.n_workers, self.around.load)
        self.around.load(self.plan)  # an error shows here, and a model that nodes share is downloaded once
        return self.cluster.run(requests, self.plan, self.n_workers, at)

    def _about(self, requests: Requests) -> dict[str, Any] | None:
        """What makes two runs the same; None if the input can be read only once."""
        if self.resume:
            _check_again(requests)
        if requests.size is None:
            return None
        return {"version": __version__, "input": requests.digest(), **self.plan.to_dict()}

    @contextmanager
    def _open_output(self) -> Iterator[IO[bytes]]:
        """A stream to write to. A file that the shell has put behind one is appended to."""
        if str(self.output) == STDIN:
            yield self.around.stdout()
            return
        with self.output.open("ab") as file:
            yield file


def _check_again(requests: Requests) -> None:
    """Refuse an input that can be read only once."""
    if requests.size is None:
        raise InputError("a run over standard input or a pipe cannot be resumed")
