"""How much does the server bear? Rates, waiting times, refusals, memory, equal answers."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import httpx
import numpy as np
import typer

from ragcompress import Budget, Compressor, Document
from ragcompress.cli.console import note, out
from ragcompress.plan import Plan
from ragcompress.scorers import DEFAULT
from ragcompress.training.examples import Example, read_files
from ragcompress_eval.bench import options
from ragcompress_eval.bench.results import write_results
from ragcompress_eval.bench.summary import describe, lay_out

from .processes import RATIO, Served, serving

_WAIT = 300.0  # seconds; what takes longer is a time-out, and there must be none
_SHARE_OF_WARM_UP = 0.1
SCORERS, CLIENTS = ["bm25", DEFAULT], [1, 8, 64]
_CHECKING = 8  # clients whose answers are compared with the library's
Answer = tuple[int | str, float, dict[str, Any]]
"""Status or the name of an error, seconds, and what was answered."""


_SECONDS = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "slowest": 1.0}
ABOUT = describe(
    "load",
    "How much does the server bear?",
    ("scorer", "passages", "clients"),
    {"per_second": ("a second", ".3g"), **{key: (key, ".3g") for key in _SECONDS}}
    | {"refused": ("429", "d"), "degraded": ("degraded", "d"), "n_failed": ("failed", "d")},
    higher=["per_second"],
    lower=list(_SECONDS),
)


def body_of(question: str, example: Example) -> dict[str, Any]:
    """A request."""
    documents = [{"text": d.text, "title": d.title} for d in example.segmentation.documents]
    return {"query": question, "documents": documents, "budget": {"ratio": RATIO}, "explain": False}


async def send(url: str, bodies: Sequence[dict[str, Any]], clients: int) -> tuple[list[Answer], float]:
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


async def arrive(url: str, bodies: Sequence[dict[str, Any]], per_second: float) -> tuple[list[Answer], float]:
    """Send requests at a steady rate, whatever became of those before; returns what ``send`` does."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=url, timeout=_WAIT, limits=limits) as http:

        async def one(i: int, body: dict[str, Any]) -> Any:
            await asyncio.sleep(i / per_second)
            return await _ask(http, body)

        began = time.perf_counter()
        found = await asyncio.gather(*(one(i, body) for i, body in enumerate(bodies)))
        return found, time.perf_counter() - began


async def _ask(http: httpx.AsyncClient, body: dict[str, Any]) -> Answer:
    began = time.perf_counter()
    try:
        answer = await http.post("/v1/compress", json=body)
        return answer.status_code, time.perf_counter() - began, answer.json()
    except httpx.HTTPError as error:
        return type(error).__name__, time.perf_counter() - began, {}


def summary(
    scorer: str, passages: str, clients: int, found: Sequence[Answer], seconds: float
) -> dict[str, Any]:
    """Figures of one run of requests.

    Args:
        passages: ``cold``, each request has its own; ``cached``, those of an earlier one, another question;
            ``overload``, at twice the rate of the best cold run.
        clients: that send one request after another; 0: requests come at a steady rate.

    Returns:
        ``per_second``: answered requests; seconds to the answer of requests with status 200; ``refused``:
        429; ``degraded``: answered from the words alone; ``failed``: any other status, or the error of a
        broken connection or a time-out, and how many.
    """
    times = [s for status, s, _ in found if status == 200]
    statuses = Counter(status for status, _, _ in found)
    failed = {str(status): n for status, n in statuses.items() if status not in (200, 429)}
    return {
        "scorer": scorer,
        "passages": passages,
        "clients": clients,
        "n": len(found),
        "per_second": len(times) / seconds,
        **{key: float(np.quantile(times or [0.0], share)) for key, share in _SECONDS.items()},
        "refused": statuses[429],
        "degraded": sum("degraded" in answer for _, _, answer in found),
        "failed": failed,
        "n_failed": sum(failed.values()),
    }


def repeated(examples: Sequence[Example], n: int) -> list[Example]:
    """``n`` questions, those there are again and again."""
    return list(itertools.islice(itertools.cycle(examples), n))


def cold_and_cached(
    url: str, scorer: str, examples: Sequence[Example], clients: int, n: int
) -> Iterator[dict[str, Any]]:
    """``n`` requests whose passages are new, then as many with another question about the same passages."""
    chosen = repeated(examples, n)
    cold = [body_of(e.question, e) for e in chosen]
    cached = [body_of(other.question, e) for e, other in zip(chosen, chosen[1:] + chosen[:1], strict=True)]
    for name, bodies in (("cold", cold), ("cached", cached)):
        yield summary(scorer, name, clients, *asyncio.run(send(url, bodies, clients)))


def equal_to_library(server: Served, examples: Sequence[Example], n: int) -> dict[str, Any]:
    """``n`` BM25 requests from some clients: answers that differ from the library's, and memory."""
    compressor = Compressor.from_plan(Plan(scorer="bm25"))
    texts = {
        e.id: compressor(
            e.question,
            [Document(d.text, d.title) for d in e.segmentation.documents],
            budget=Budget(ratio=RATIO),
        ).text
        for e in examples
    }
    chosen = repeated(examples, n)
    first = int(n * _SHARE_OF_WARM_UP)
    differ, memory = 0, []
    for part in (chosen[:first], chosen[first:]):
        found, _ = asyncio.run(send(server.url, [body_of(e.question, e) for e in part], _CHECKING))
        differ += sum(
            answer.get("text") != texts[e.id] for (_, _, answer), e in zip(found, part, strict=True)
        )
        memory.append(server.megabytes())
    return {"n": n, "differ": differ, "megabytes_after_a_tenth": memory[0], "megabytes_after_all": memory[1]}


def overload(scorer: str, examples: Sequence[Example], n: int, capacity: float) -> dict[str, Any]:
    """Twice as many requests a second as the server can answer: the surplus is refused, none is late."""
    bodies = [body_of(e.question, e) for e in repeated(examples, n)]
    with serving(scorer) as server:
        return summary(scorer, "overload", 0, *asyncio.run(arrive(server.url, bodies, 2 * capacity)))


def load_command(
    files: options.Files,
    scorer: Annotated[list[str], typer.Option("--scorer", metavar="NAME", help="Repeatable.")] = SCORERS,
    clients: Annotated[
        list[int], typer.Option("--clients", metavar="N", min=1, help="Repeatable.")
    ] = CLIENTS,
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
    json_file: options.ResultFile = None,
) -> None:
    """How much does the server bear?

    Starts `ragcompress serve` for each scorer. For each number of clients: requests whose passages are new,
    then another question about the same passages. Then twice as many requests a second as it answered, with
    its own queue and deadline; and --check requests whose answers must be the library's. Time it on a machine
    that does nothing else.
    """
    read = read_files(files)
    examples = [e for f in read for e in f.examples]
    rows: list[dict[str, Any]] = []
    equal: dict[str, Any] | None = None

    def run(url: str, name: str) -> None:
        """All numbers of clients, each with passages that the server has not seen."""
        rest = iter(examples)
        for n_clients in clients:
            fresh = list(itertools.islice(rest, requests)) or examples
            if len(fresh) < requests and name != "bm25":
                note(f"{len(fresh)} questions are left: their passages come more than once")
            rows.extend(cold_and_cached(url, name, fresh, n_clients, requests))
            rates = " and ".join(f"{row['per_second']:.1f}" for row in rows[-2:])
            note(f"{name}, {n_clients} clients: {rates}/s")

    if url is not None:
        run(url, "its own")
    # Nothing is refused or cut short here: what is wanted is how long it takes.
    # The passages of a whole run must find room, or the second question about them reads all anew.
    patient = ("--queue", max(*clients, _CHECKING), "--deadline", _WAIT, "--cache", cache)
    for name in scorer if url is None else ():
        with serving(name, *patient) as server:
            run(server.url, name)
            if check and name == "bm25":
                equal = equal_to_library(server, examples[:100], check)
                note(f"{equal}")
        cold = [row for row in rows if (row["scorer"], row["passages"]) == (name, "cold")]
        capacity = max(row["per_second"] for row in cold)
        rows.append(overload(name, examples, overload_requests or requests, capacity))
    out().print(lay_out(ABOUT, rows, caption="p50 and the like: seconds to an answer; 429: refused"))
    settings = {"requests": requests, "ratio": RATIO, "cache": cache}
    write_results(json_file, rows, about=ABOUT, settings=settings, files=read, equal=equal)
