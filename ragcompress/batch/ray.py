"""Ray: batches on a cluster, with Ray Data. Each worker is an actor that loads its model once.

Ray Data streams: it reads ahead only as far as its memory limits allow, and gives the work of an actor that
dies to another one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from ..compressor import Compressor
from ..errors import DataError, MissingExtra, ModelError
from ..plan import Plan
from .request import Outcome, run_request

try:
    import ray
    import ray.data
except ImportError as error:
    raise MissingExtra("work on a Ray cluster", "ray") from error

__all__ = ["Done", "compress_dataset", "compress_file"]

_TOGETHER = 16  # requests that a worker is given at once
_Batch = dict[str, Any]


class Done(NamedTuple):
    """A request of a file: number and end (bytes) of its line, and what became of it."""

    line: int
    end: int
    outcome: Outcome


def compress_dataset(
    dataset: ray.data.Dataset,
    *,
    plan: Plan,
    column: str = "text",
    concurrency: int = 1,
    num_cpus: float = 1,
    num_gpus: float = 0,
) -> ray.data.Dataset:
    """Compress for every row of a dataset that holds a request as JSON, such as ``ray.data.read_text`` gives.

    Args:
        plan: how to compress, with a budget. Models must be on every node, or each fetches them; a run of one
            has ``num_cpus`` threads.
        column: the one that holds ``{"id"?, "question", "documents": [{"text", …}]}``.
        concurrency: number of workers.
        num_cpus, num_gpus: what each takes of a node. Reading takes cores, too: if the workers take them
            all, nothing is read and nothing gets done.

    Returns:
        A row per row: ``result`` (JSON with the request's ``id``, or with the ``reason`` why there is none),
        ``failed``, ``tokens_before``, ``tokens_after``. Lazy, as all datasets.
    """
    return dataset.map_batches(
        _Rows,
        fn_constructor_args=(plan, num_cpus, column),
        batch_size=_TOGETHER,
        compute=ray.data.ActorPoolStrategy(size=concurrency),
        num_cpus=num_cpus,
        num_gpus=num_gpus or None,
        zero_copy_batch=False,
    )


def compress_file(
    path: Path,
    *,
    plan: Plan,
    offset: int = 0,
    lines: int = 0,
    concurrency: int = 1,
    num_cpus: float = 1,
    num_gpus: float = 0,
    address: str | None = None,
) -> Iterator[Done]:
    """Compress for every line of a file of requests, in order; workers read the file themselves.

    Args:
        path: where every node finds the file.
        offset, lines: bytes and lines to leave out.
        address: of a running cluster; None: Ray's own choice, a new one on this machine if there is none.

    Raises:
        ModelError, DataError: if Ray or a worker gives up; says why.
    """
    if not ray.is_initialized():
        # A cluster of our own reports nothing about its use; who wants that sets the variable.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address=address, log_to_driver=False, logging_level="warning")
    chunks = list(_chunks(path, offset, lines))
    if not chunks:
        return
    dataset = ray.data.from_items(chunks, override_num_blocks=len(chunks)).map_batches(
        _Lines,
        fn_constructor_args=(plan, num_cpus, str(path)),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=concurrency),
        num_cpus=num_cpus,
        num_gpus=num_gpus or None,
        zero_copy_batch=False,
    )
    dataset.context.execution_options.preserve_order = True
    dataset.context.enable_progress_bars = False
    try:
        yield from map(_done, dataset.iter_rows())
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise ModelError(f"the work on the cluster ended: {cause}") from error


def _done(row: dict[str, Any]) -> Done:
    """A request that a worker is done with."""
    outcome = Outcome(
        row["result"], row["failed"], row["tokens_before"], row["tokens_after"],
        promised=(json.loads(row["result"]).get("promise") or {}).get("holds"),
    )  # fmt: skip
    return Done(row["line"], row["end"], outcome)


class _Rows:
    """Compresses for requests that are in a column."""

    def __init__(self, plan: Plan, n_cpus: float, column: str) -> None:
        self._compressor, self._column = _load(plan, n_cpus), column

    def __call__(self, batch: _Batch) -> _Batch:
        outcomes = [run_request(self._compressor, None, 0, str(r).encode()) for r in batch[self._column]]
        return {**_columns(outcomes), "result": [_without_line(o) for o in outcomes]}


class _Lines:
    """Compresses for requests that are at (start, stop) of a file; ``line`` lines come before them."""

    def __init__(self, plan: Plan, n_cpus: float, path: str) -> None:
        self._compressor, self._path = _load(plan, n_cpus), path

    def __call__(self, batch: _Batch) -> _Batch:
        rows = zip(batch["start"], batch["stop"], batch["line"], strict=True)
        outcomes = [done for row in rows for done in self._run(*row)]
        return {
            **_columns([d.outcome for d in outcomes]),
            "result": [d.outcome.line for d in outcomes],
            "line": [d.line for d in outcomes],
            "end": [d.end for d in outcomes],
        }

    def _run(self, start: int, stop: int, line: int) -> Iterator[Done]:
        try:
            with open(self._path, "rb") as file:
                file.seek(int(start))
                data = file.read(int(stop - start))
        except OSError as error:
            raise DataError(f"{self._path} can't be read on this node: {error.strerror or error}") from None
        end = int(start)
        for number, request in enumerate(BytesIO(data), int(line) + 1):
            end += len(request)
            if request.strip():
                yield Done(number, end, run_request(self._compressor, None, number, request))


def _chunks(path: Path, offset: int, lines: int) -> Iterator[dict[str, int]]:
    """Stretches of a file with a few requests each."""
    start = stop = offset
    first, n = lines, 0
    with path.open("rb") as file:
        file.seek(offset)
        for number, line in enumerate(file, lines + 1):
            stop += len(line)
            n += bool(line.strip())
            if n == _TOGETHER:
                yield {"start": start, "stop": stop, "line": first}
                start, first, n = stop, number, 0
    if n:
        yield {"start": start, "stop": stop, "line": first}


def _load(plan: Plan, n_cpus: float) -> Compressor:
    return Compressor.from_plan(plan, threads=max(1, int(n_cpus)))


def _columns(outcomes: list[Outcome]) -> _Batch:
    return {
        "failed": [o.failed for o in outcomes],
        "tokens_before": [o.tokens_before for o in outcomes],
        "tokens_after": [o.tokens_after for o in outcomes],
    }


def _without_line(outcome: Outcome) -> str:
    """The JSON, without the number of a line where there is no file."""
    if not outcome.failed:
        return outcome.line.decode()
    value = json.loads(outcome.line)
    del value["line"]
    return json.dumps(value, ensure_ascii=False)
