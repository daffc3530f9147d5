"""Many at once: is a model asked by several no slower than asked one after the other?"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import Budget, Compressor, InputError
from ragcompress.cli.console import out, phase_bar
from ragcompress.plan import Plan
from ragcompress.prompts.passages import Template, cut_passages
from ragcompress.proxy.base import Encoder
from ragcompress.proxy.reuse import MemoryStore
from ragcompress.scorers.evidence import Scorer as Evidence
from ragcompress.training.examples import Example, read_files
from ragcompress_eval.bench import options
from ragcompress_eval.bench.results import write_results
from ragcompress_eval.bench.summary import describe, lay_out

_BUDGET = Budget(ratio=0.2)
ASKERS, WORKERS = [1, 2, 4, 8], [1, 2]
_TOGETHER = (1, 2, 4)
Way = tuple[str, int, Callable[[], float]]
"""Name, number, and what runs it and gives its seconds."""


ABOUT = describe(
    "askers",
    "Do several askers get more done than one?",
    ["way"],
    {"requests": ("requests", "d"), "seconds": ("seconds", ".1f")}
    | {"per_second": ("a second", ".2f"), "versus_one": ("× one", ".2f")},
    higher=["per_second"],
)


def _time(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def time_threads(compressor: Compressor, examples: Sequence[Example], n: int) -> float:
    """Seconds for requests, each with passages of its own, from ``n`` threads."""

    def ask(example: Example) -> None:
        compressor(example.question, list(example.segmentation.documents), budget=_BUDGET)

    if isinstance(compressor.scorer, Evidence):
        compressor.scorer.forget()
    with ThreadPoolExecutor(n) as pool:
        return _time(lambda: list(pool.map(ask, examples)))


def time_together(compressor: Compressor, examples: Sequence[Example], n: int) -> float:
    """Seconds for reading the passages of requests, those of ``n`` in one call of the proxy."""
    scorer, proxy, template = compressor.scorer, compressor.proxy, Template()
    if not (isinstance(scorer, Evidence) and isinstance(proxy, Encoder)):
        raise InputError(f"the scorer {scorer.name} has no proxy that reads passages by themselves")
    probe = scorer.probe
    each = [
        [p.prefix for p in cut_passages(proxy.tokenizer, template, e.segmentation, probe.passage_tokens)]
        for e in examples
    ]
    calls = [list(chain.from_iterable(each[i : i + n])) for i in range(0, len(each), n)]

    def read() -> None:
        for prefixes in calls:
            for _ in proxy.encode(prefixes, n_layers=probe.n_layers):
                pass

    return _time(read)


def time_workers(examples: Sequence[Example], n: int) -> float:
    """Seconds of ``ragcompress batch`` with ``n`` workers."""
    with tempfile.TemporaryDirectory() as folder:
        requests, results = Path(folder, "requests.jsonl"), Path(folder, "results.jsonl")
        lines = [
            {"question": e.question, "documents": [
                {"text": d.text, "title": d.title} for d in e.segmentation.documents
            ]}
            for e in examples
        ]  # fmt: skip
        requests.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        command = [sys.executable, "-m", "ragcompress", "batch", str(requests), "-o", str(results)]
        command += ["--ratio", str(_BUDGET.ratio), "--workers", str(n)]
        return _time(lambda: subprocess.run(command, check=True, capture_output=True))


def rows_of(
    ways: Sequence[Way], requests: int, progress: Callable[[str, int, int], None]
) -> Iterator[dict[str, Any]]:
    """Run each way once.

    Returns:
        ``way``: ``askers``, threads of one process; ``workers``, processes of ``ragcompress batch``, their
        start included; ``together``, requests whose passages the proxy reads in one call, and nothing else.
        ``n`` of them; ``per_second``: requests; ``versus_one``: ÷ the rate of the first of its name.
    """
    first: dict[str, float] = {}
    for number, (way, n, run) in enumerate(ways):
        progress(f"{way} {n}", number, len(ways))
        seconds = run()
        rates = {"per_second": requests / seconds, "versus_one": first.setdefault(way, seconds) / seconds}
        yield {"way": way, "n": n, "requests": requests, "seconds": seconds, **rates}


def askers_command(
    files: options.Files,
    askers: Annotated[list[int], typer.Option("--askers", min=1, metavar="N", help="Threads.")] = ASKERS,
    workers: Annotated[list[int], typer.Option("--workers", min=1, metavar="N", help="Processes.")] = WORKERS,
    requests: Annotated[int, typer.Option("--requests", min=1, metavar="N", help="Of each run.")] = 32,
    json_file: options.ResultFile = None,
) -> None:
    """How much more do several askers get done than one?

    The same requests, each with its own documents, from threads of one process and by `ragcompress batch`;
    and the passages of several requests read in one call. Time it on a machine that does nothing else.
    """
    read = read_files(files)
    examples = [e for f in read for e in f.examples][:requests]
    if len(examples) < requests:
        raise typer.BadParameter(
            f"the files have {len(examples)} questions, fewer than --requests {requests}"
        )
    # Nothing that one run has read may be there in the next.
    compressor = Compressor.from_plan(Plan(), store=MemoryStore(0))
    compressor(examples[0].question, list(examples[0].segmentation.documents), budget=_BUDGET)
    ways: list[Way] = [
        *(("askers", n, partial(time_threads, compressor, examples, n)) for n in askers),
        *(("together", n, partial(time_together, compressor, examples, n)) for n in _TOGETHER),
        *(("workers", n, partial(time_workers, examples, n)) for n in workers),
    ]
    with phase_bar() as advance:
        rows = list(rows_of(ways, requests, advance))
    out().print(lay_out(ABOUT, rows, caption="n: threads, processes, or requests in one call"))
    write_results(json_file, rows, about=ABOUT, settings={"requests": requests}, files=read)
