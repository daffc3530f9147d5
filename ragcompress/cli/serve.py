"""``ragcompress serve``: the HTTP server."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..budget import Budget
from ..errors import MissingExtra
from ..options import DEFAULT_MIN_TOKENS, DEFAULT_RATIO
from ..plan import Plan
from .console import Terminated
from .options import plan_options

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ..serving.app import Service
    from ..serving.loading import Loading

PLANNED = (
    "max_tokens", "ratio", "recall", "scorer", "scorer_settings", "probe", "proxy", "backend", "precision",
    "language", "recall_of", "calibration", "abstain_below",
)  # fmt: skip
"""Options of a plan that a server has; a request says the rest itself."""


class ReturnedText(StrEnum):
    """What a reranker returns where a request asks for the documents."""

    original = "original"
    compressed = "compressed"


@plan_options(only=PLANNED)
def serve(
    *,
    plan: Plan,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any that is free.")
    ] = 8484,
    api_keys: Annotated[
        Path | None,
        typer.Option(
            "--api-keys",
            metavar="FILE",
            help="Accept only requests with one of these keys, one a line; also RAGCOMPRESS_API_KEYS.",
        ),
    ] = None,
    deadline: Annotated[
        float,
        typer.Option("--deadline", metavar="S", min=0.05, help="Seconds in which a request is answered."),
    ] = 4.0,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, help="Requests that are processed at a time.")
    ] = 2,
    queue: Annotated[
        int, typer.Option("--queue", metavar="N", min=0, help="Requests that may wait; more get 429.")
    ] = 32,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, help="Each with a model of its own.")
    ] = 1,
    cache: Annotated[
        int,
        typer.Option("--cache", metavar="MB", min=0, help="Memory for passages that were read before."),
    ] = 512,
    max_body: Annotated[int, typer.Option("--max-body", metavar="MB", min=1, help="Longest request.")] = 16,
    max_documents: Annotated[
        int, typer.Option("--max-documents", metavar="N", min=1, help="Most documents of a request.")
    ] = 1_000,
    max_characters: Annotated[
        int,
        typer.Option("--max-characters", metavar="N", min=1, help="Most characters of a request's texts."),
    ] = 2_000_000,
    rank_limit: Annotated[
        int,
        typer.Option("--rank-limit", metavar="N", min=1, help="Documents of a rerank that the scorer reads."),
    ] = 100,
    return_text: Annotated[
        ReturnedText, typer.Option("--return-text", help="What a rerank returns where it returns documents.")
    ] = ReturnedText.original,
    index: Annotated[
        list[str] | None,
        typer.Option(
            "--index", metavar="NAME=IDX", help="Index for the Dify knowledge base NAME. Repeatable."
        ),
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", metavar="URL", help="A source of Dify's API: its records are compressed."),
    ] = None,
    no_download: Annotated[
        bool, typer.Option("--no-download", help="Never fetch a model; start with what is there.")
    ] = False,
) -> None:
    """Serve compression and reranking over HTTP.

    Endpoints: /v1/compress; /rerank, /v1/rerank, /v2/rerank (Cohere's, Jina's and TEI's contracts);
    /retrieval (Dify's external knowledge); /api/compress/question-specific/ (LiteLLM's guardrail compresr);
    /info, /v1/models, /healthz, /readyz, /metrics; /docs describes them. A budget given here is that of
    requests that name none. SIGTERM lets running requests end. Needs the extra `server`.
    """
    try:
        from ..serving.app import Service
        from ..serving.limits import Keys, Limits
        from ..serving.loading import Loading
        from ..serving.running import Listening
        from ..serving.running import serve as run
    except ModuleNotFoundError as error:
        raise MissingExtra("ragcompress serve", "server") from error

    budget = plan.budget or Budget(ratio=DEFAULT_RATIO, min_tokens=DEFAULT_MIN_TOKENS)
    bounds = Limits(
        body_bytes=max_body << 20,
        documents=max_documents,
        characters=max_characters,
        queue=queue,
        threads=threads,
        deadline=deadline,
        rank_documents=rank_limit,
    )
    keys = Keys.find(api_keys)
    returned = budget if return_text is ReturnedText.compressed else None
    loading = Loading(plan, cache << 20, not no_download)
    service = Service(
        budget=budget,
        returned_text=returned,
        limits=bounds,
        keys=keys,
        indexes=named_indexes(index or []),
        upstream=upstream,
    )
    try:
        run(partial(_make, loading, service), Listening(host, port, processes), keys)
    except Terminated:
        pass  # told to end, it has: systemd and container engines count other statuses as failures


def named_indexes(named: Sequence[str]) -> dict[str, Path]:
    """Indexes by name; each must be a folder."""
    indexes = {}
    for text in named:
        name, equals, path = text.partition("=")
        if not (name and equals and Path(path).is_dir()):
            raise typer.BadParameter(f"{text!r} must be NAME=IDX, IDX the folder of an index")
        indexes[name] = Path(path)
    return indexes


def _make(loading: Loading, service: Service) -> FastAPI:
    """The application, in the process that runs it."""
    from ..serving.app import create_app
    from ..serving.running import log_to_stderr

    log_to_stderr()
    return create_app(loading, service)
