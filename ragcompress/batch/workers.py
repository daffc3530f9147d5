"""Requests compressed in several processes: scorers that are Python hold the interpreter's lock, so threads
would wait for one another. Outcomes come in the order of the requests; only a few lie in memory.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from itertools import islice

from ..compressor import Compressor
from ..cores import n_cores
from ..errors import ModelError, RagCompressError, explain
from ..plan import Plan
from .request import Outcome, run_request

_AHEAD = 4  # requests in memory per worker


@dataclass(frozen=True, slots=True)
class Line:
    """A request: its line's number, from 1, its bytes, and where in the input it ends."""

    number: int
    request: bytes
    end: int


def run_lines(
    lines: Iterable[Line], plan: Plan, n_workers: int, load: Callable[[Plan], Compressor]
) -> Iterator[tuple[Line, Outcome]]:
    """Compress for every request, with one compressor per worker.

    Args:
        load: builds the one compressor of this process. With workers, too: an error shows here, and a model
            that is missing is downloaded once.

    Raises:
        ModelError: if the model is broken, or a worker died.
    """
    compressor = load(plan)
    if n_workers == 1:
        for line in lines:
            yield line, run_request(compressor, None, line.number, line.request)
        return
    del compressor
    threads = max(1, n_cores() // n_workers)
    source = iter(lines)
    pool = ProcessPoolExecutor(
        n_workers, multiprocessing.get_context("spawn"), initializer=_start, initargs=(threads,)
    )
    waiting: deque[tuple[Line, Future[Outcome]]] = deque()
    try:
        while True:
            for line in islice(source, _AHEAD * n_workers - len(waiting)):
                waiting.append((line, pool.submit(_work, plan, threads, line)))
            if not waiting:
                break
            line, future = waiting.popleft()
            yield line, future.result()
    except BrokenProcessPool:
        raise ModelError(
            "a worker process was killed or out of memory; use fewer --workers, and --resume to continue"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(threads: int) -> None:
    """Set up a worker: it leaves interrupts to its parent, and ends when that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # torch reads it when it is imported
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)


def _work(plan: Plan, threads: int, line: Line) -> Outcome:
    try:
        compressor = _compressor(plan, threads)
        return run_request(compressor, None, line.number, line.request)
    except RagCompressError as error:
        # Some of the family can't be sent to another process; this one can.
        raise ModelError(explain(error)) from None


@cache
def _compressor(plan: Plan, threads: int) -> Compressor:
    """The one compressor of a worker."""
    return Compressor.from_plan(plan, threads=threads)
