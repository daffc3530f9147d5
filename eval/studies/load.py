"""How much does the server bear? Rates, waiting times, refusals, memory, equal answers."""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from rich.table import Table

from ragcompress import Budget, Compressor, Document
from ragcompress.cli.console import note, out
from ragcompress.plan import Plan
from ragcompress.scorers import DEFAULT
from ragcompress.training.examples import Example, read_files
from ragcompress_eval.bench.options import ResultFile
from ragcompress_eval.bench.results import write_json

_RATIO = 0.2
_WAIT = 300.0  # seconds; what takes longer is a time-out, and there must be none
_SHARE_OF_WARM_UP = 0.1
_CHECKING = 8  # clients whose answers are compared with the library's


@dataclass(frozen=True, slots=True)
class Row:
    """One run of requests.

    Attributes:
        passages: ``cold``, each request has its own; ``cached``, those of an earlier one, another question;
            ``overload``, at twice the rate of the best cold run.
        clients: that send one request after another; 0: requests come at a steady rate.
        per_second: answered requests.
        p50, p95, p99, slowest: seconds to the answer of requests with status 200.
        refused: 429.
        degraded: answered from the words alone.
        failed: any other status, or the error of a broken connection or a time-out, and how many.
    """

    scorer: str
    passages: str
    clients: int
    n: int
    per_second: float
    p50: float
    p95: float
    p99: float
    slowest: float
    refused: int
    degraded: int
    failed: dict[str, int]


@dataclass(slots=True)
class Served:
    """A server that runs as a process of its own."""

    url: str
    pid: int

    def megabytes(self) -> float | None:
        """Its memory; None: this system does not tell."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            return None
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1000 if found else None


@contextmanager
def served(scorer: str, *more: object) -> Iterator[Served]:
    """Start ``ragcompress serve`` and wait until it is ready."""
    arguments = ["serve", "--port", "0", "--ratio", str(_RATIO), "--scorer", scorer, *map(str, more)]
    with tempfile.TemporaryFile("w+b") as said:
        process = subprocess.Popen([sys.executable, "-m", "ragcompress", *arguments], stderr=said)
        try:
            yield Served(_ready(process, said), process.pid)
        finally:
            process.terminate()
            process.wait(60)


def _ready(process: subprocess.Popen[bytes], said: Any) -> str:
    while process.poll() is None:
        said.seek(0)
        found = re.search(r"http://\S+:\d+", said.read().decode())
        if found:
            try:
                if httpx.get(f"{found[0]}/readyz", timeout=30).status_code == 200:
                    return found[0]
            except httpx.HTTPError:
                pass
        time.sleep(0.2)
    said.seek(0)
    raise RuntimeError(f"the server ended: {said.read().decode()}")


def body_of(question: str, example: Example) -> dict[str, Any]:
    """A request."""
    documents = [{"text": d.text, "title": d.title} for d in example.segmentation.documents]
    return {"query": question, "documents": documents, "budget": {"ratio": _RATIO}, "explain": False}


async def send(url: str, bodies: Sequence[dict[str, Any]], clients: int) -> tuple[list[Any], float]:
    """Send requests, each client its own one by one; returns (status, seconds, answer) of each, and seconds.

    Connections are kept open, as a service's clients keep them.
    """
    found: list[Any] = [None] * len(bodies)
    work = iter(list(enumerate(bodies)))
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=_WAIT, limits=limits) as http:

        async def client() -> None:
            for i, body in work:
                found[i] = await _ask(http, body)

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        return found, time.perf_counter() - began


async def arrive(url: str, bodies: Sequence[dict[str, Any]], per_second: float) -> tuple[list[Any], float]:
    """Send requests at a steady rate, whatever became of those before; returns what ``send`` does."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=url, timeout=_WAIT, limits=limits) as http:

        async def one(i: int, body: dict[str, Any]) -> Any:
            await asyncio.sleep(i / per_second)
            return await _ask(http, body)

        began = time.perf_counter()
        found = await asyncio.gather(*(one(i, body) for i, body in enumerate(bodies)))
        return found, time.perf_counter() - began


async def _ask(http: httpx.AsyncClient, body: dict[str, Any]) -> tuple[int | str, float, dict[str, Any]]:
    began = time.perf_counter()
    try:
        answer = await http.post("/v1/compress", json=body)
        return answer.status_code, time.perf_counter() - began, answer.json()
    except httpx.HTTPError as error:
        return type(error).__name__, time.perf_counter() - began, {}


def summary(scorer: str, passages: str, clients: int, found: Sequence[Any], seconds: float) -> Row:
    """Figures of a run."""
    times = [s for status, s, _ in found if status == 200]
    statuses = Counter(status for status, _, _ in found)
    p50, p95, p99, slowest = (float(np.quantile(times, q)) if times else 0.0 for q in (0.5, 0.95, 0.99, 1.0))
    degraded = sum("degraded" in answer for _, _, answer in found)
    failed = {str(status): n for status, n in statuses.items() if status not in (200, 429)}
    return Row(
        scorer, passages, clients, len(found), len(times) / seconds, p50, p95, p99, slowest,
        statuses[429], degraded, failed,
    )  # fmt: skip


def cells(served_at: Served, scorer: str, examples: Sequence[Example], clients: int, n: int) -> Iterator[Row]:
    """``n`` requests whose passages are new, then as many with another question about the same passages."""
    chosen = list(itertools.islice(itertools.cycle(examples), n))
    cold = [body_of(e.question, e) for e in chosen]
    cached = [body_of(other.question, e) for e, other in zip(chosen, chosen[1:] + chosen[:1], strict=True)]
    for name, bodies in (("cold", cold), ("cached", cached)):
        yield summary(scorer, name, clients, *asyncio.run(send(served_at.url, bodies, clients)))


def equal_to_library(served_at: Served, examples: Sequence[Example], n: int) -> dict[str, Any]:
    """``n`` BM25 requests from some clients: answers that differ from the library's, and memory."""
    compressor = Compressor.from_plan(Plan(scorer="bm25"))
    texts = {
        e.id: compressor(
            e.question,
            [Document(d.text, d.title) for d in e.segmentation.documents],
            budget=Budget(ratio=_RATIO),
        ).text
        for e in examples
    }
    chosen = list(itertools.islice(itertools.cycle(examples), n))
    first = int(n * _SHARE_OF_WARM_UP)
    differ, memory = 0, []
    for part in (chosen[:first], chosen[first:]):
        found, _ = asyncio.run(send(served_at.url, [body_of(e.question, e) for e in part], _CHECKING))
        differ += sum(
            answer.get("text") != texts[e.id] for (_, _, answer), e in zip(found, part, strict=True)
        )
        memory.append(served_at.megabytes())
    return {"n": n, "differ": differ, "megabytes_after_a_tenth": memory[0], "megabytes_after_all": memory[1]}


def overload(scorer: str, examples: Sequence[Example], n: int, capacity: float) -> Row:
    """Twice as many requests a second as the server can answer: the surplus is refused, none is late."""
    with served(scorer) as found:
        chosen = list(itertools.islice(itertools.cycle(examples), n))
        bodies = [body_of(e.question, e) for e in chosen]
        return summary(scorer, "overload", 0, *asyncio.run(arrive(found.url, bodies, 2 * capacity)))


def load_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Questions.", exists=True)],
    scorer: Annotated[
        list[str] | None, typer.Option("--scorer", metavar="NAME", help="Repeatable; without: bm25, default.")
    ] = None,
    clients: Annotated[
        list[int] | None, typer.Option("--clients", metavar="N", min=1, help="Repeatable; 1, 8, 64.")
    ] = None,
    requests: Annotated[int, typer.Option("--requests", metavar="N", min=2, help="Of each run.")] = 200,
    check: Annotated[
        int, typer.Option("--check", metavar="N", min=0, help="BM25 requests compared with the library.")
    ] = 0,
    overload_requests: Annotated[
        int | None, typer.Option("--overload", metavar="N", min=2, help="Of the run at twice the capacity.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Ask this server instead of starting one.")
    ] = None,
    cache: Annotated[
        int, typer.Option("--cache", metavar="MB", min=0, help="What the server may keep of passages.")
    ] = 4096,
    json_file: ResultFile = None,
) -> None:
    """How much does the server bear?

    Starts `ragcompress serve` for each scorer. For each number of clients: requests whose passages are new,
    then another question about the same passages. Then twice as many requests a second as it answered, with
    its own queue and deadline; and --check requests whose answers must be the library's. Time it on a machine
    that does nothing else.
    """
    examples = [e for f in read_files(files) for e in f.examples]
    numbers = clients or [1, 8, 64]
    rows: list[Row] = []
    equal: dict[str, Any] | None = None
    for name in scorer or ["bm25", DEFAULT]:
        rest = iter(examples)
        if url is not None:
            for n_clients in numbers:
                fresh = list(itertools.islice(rest, requests)) or examples
                rows += cells(Served(url, 0), "its own", fresh, n_clients, requests)
            break
        # Nothing is refused or cut short here: what is wanted is how long it takes.
        # The passages of a whole run must find room, or the second question about them reads all anew.
        patient = ("--queue", max(*numbers, _CHECKING), "--deadline", _WAIT, "--cache", cache)
        with served(name, *patient) as found:
            for n_clients in numbers:
                fresh = list(itertools.islice(rest, requests)) or examples
                if len(fresh) < requests and name != "bm25":
                    note(f"{len(fresh)} questions are left: their passages come more than once")
                rows += cells(found, name, fresh, n_clients, requests)
                note(
                    f"{name}, {n_clients} clients: {rows[-2].per_second:.1f} and {rows[-1].per_second:.1f}/s"
                )
            if check and name == "bm25":
                equal = equal_to_library(found, examples[:100], check)
                note(f"{equal}")
        capacity = max(row.per_second for row in rows if (row.scorer, row.passages) == (name, "cold"))
        rows.append(overload(name, examples, overload_requests or requests, capacity))
    out().print(table(rows))
    if json_file is not None:
        content = {"results": [asdict(row) for row in rows], "equal": equal}
        write_json(json_file, content)


def table(rows: Sequence[Row]) -> Table:
    """The figures, a line a run."""
    names = ("scorer", "passages", "clients", "requests", "a second", "p50", "p95", "p99", "slowest", "429",
             "degraded", "failed")  # fmt: skip
    made = Table(*names, box=None, header_style="bold")
    for row in rows:
        values = asdict(row).values()
        made.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v or 0) for v in values))
    return made
