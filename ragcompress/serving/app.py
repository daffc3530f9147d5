"""The application: guards around, endpoints within, one engine behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi_offline import FastAPIOffline

from .. import __version__
from ..budget import Budget
from . import about, compresr, compress, dify, rerank
from .engine import Engine, Load
from .faults import answer_faults
from .guards import DOCS_FILES, Guard
from .limits import Keys, Limits
from .loading import indexes_by_name
from .metrics import Metrics
from .schemas import Fault
from .tools import Replay

_ABOUT = """\
Keeps the sentences of documents that a question needs, within a token budget, word for word.

All offsets are half open and in Unicode code points. A request may carry `X-Request-ID`, which comes back,
and `X-Deadline-Ms`: when the time is nearly up, the words alone decide, and the answer says so (`degraded`).
"""
_FAULTS = (
    (400, "The body is not valid JSON."),
    (401, "No key, or a wrong one."),
    (404, "What is named is not served."),
    (408, "The body did not come in time."),
    (421, "Another name than this machine's, and no keys are asked for."),
    (413, "Too large: the body, the number of documents, or their text."),
    (415, "The body is not sent as JSON."),
    (422, "A field is missing or wrong; `detail` has its name."),
    (429, "Too many wait already; `Retry-After` says for how long not to try."),
    (502, "A source behind the server fails."),
    (503, "The model is not loaded."),
)

_BEARER, _HEADER = HTTPBearer(auto_error=False), APIKeyHeader(name="X-API-Key", auto_error=False)


async def _shown_in_the_schema(
    bearer: Annotated[object, Depends(_BEARER)], header: Annotated[object, Depends(_HEADER)]
) -> None:
    """The guard asks for the key; this tells the OpenAPI page that it does."""


@dataclass(frozen=True, slots=True)
class Service:
    """How the server answers.

    Attributes:
        budget: of requests that name none.
        returned_text: what a reranker's returned texts are compressed to; None: they are the originals.
        keys: who is let in.
        indexes: folders of indexes, by the ``knowledge_id`` that Dify asks for.
        upstream: a server of Dify's External Knowledge API whose records are compressed.
    """

    budget: Budget = field(default_factory=lambda: Budget(ratio=0.2))
    returned_text: Budget | None = None
    limits: Limits = field(default_factory=Limits)
    keys: Keys = field(default_factory=Keys)
    indexes: Mapping[str, Path] = field(default_factory=dict)
    upstream: str | None = None


def create_app(load: Load, service: Service | None = None, *, wait: bool = False) -> FastAPI:
    """Build the application; the model is loaded when it starts.

    Args:
        load: makes the compressor, in a thread; until it has, requests are answered with 503.
        wait: start only when it has, and fail to start, with ``NotReady``, if it can't: for balancers that
            send requests to whatever has started, and ask no ``/readyz``.
    """
    service = service or Service()
    metrics = Metrics()
    engine = Engine(load, service.limits, metrics.queue_depth.set, metrics.count_lookup)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(asyncio.to_thread(engine.start))
        if wait:
            await loading
            _ = engine.compressor  # raises what went wrong
        yield
        await loading
        await asyncio.to_thread(engine.close)

    # FastAPI's own page loads its scripts from a public network; this one has them.
    app = FastAPIOffline(
        title="ragcompress", version=__version__, description=_ABOUT, lifespan=lifespan,
        redoc_url=None, static_url=DOCS_FILES, swagger_ui_parameters={"validatorUrl": None},
    )  # fmt: skip
    app.state.engine, app.state.metrics = engine, metrics
    app.state.replay = Replay()
    faults: dict[int | str, dict[str, Any]] = {
        s: {"model": Fault, "description": text} for s, text in _FAULTS
    }
    locked = [Depends(_shown_in_the_schema)] if service.keys else []
    for made in _routers(service):
        app.include_router(made, responses=dict(faults), dependencies=locked)
    app.include_router(about.router)
    answer_faults(app)
    app.add_middleware(Guard, keys=service.keys, limits=service.limits, metrics=metrics)
    return app


def _routers(service: Service) -> Iterator[APIRouter]:
    """The endpoints that need a key."""
    yield compress.router(service.budget)
    yield rerank.router(service.returned_text)
    yield dify.router(dify.Knowledge(indexes_by_name(service.indexes), service.upstream), service.budget)
    yield compresr.router(service.budget)
