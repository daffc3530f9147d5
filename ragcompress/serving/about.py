"""What the server says of itself: health, models, counters."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from .. import __version__
from .engine import Engine
from .metrics import CONTENT_TYPE

router = APIRouter(tags=["about"])


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "The model is not loaded, or compresses nothing."}})
async def readyz(request: Request) -> dict[str, str]:
    """Whether a trial compression has worked."""
    return {"status": "ready", "scorer": _engine(request).compressor.scorer.name}


@router.get("/info", responses={503: {"description": "The model is not loaded."}})
async def info(request: Request) -> dict[str, Any]:
    """What is served, in the words of Text Embeddings Inference."""
    engine = _engine(request)
    name, proxy = engine.compressor.scorer.name, engine.compressor.proxy
    limits = engine.limits
    return {
        "model_id": name,
        "model_sha": proxy.info.fingerprint if proxy else None,
        "model_dtype": proxy.info.precision if proxy else "none",
        "model_type": {"reranker": {"id2label": {"0": "relevance"}, "label2id": {"relevance": 0}}},
        "max_concurrent_requests": limits.threads + limits.queue,
        "max_input_length": limits.characters,
        "max_batch_tokens": limits.characters,
        "max_client_batch_size": limits.documents,
        "tokenization_workers": limits.threads,
        "version": __version__,
    }


@router.get("/v1/models", responses={503: {"description": "The model is not loaded."}})
async def models(request: Request) -> dict[str, Any]:
    """The one model, in the words of OpenAI's list."""
    name = _engine(request).compressor.scorer.name
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 0, "owned_by": "ragcompress"}],
    }


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Counters, as Prometheus reads them."""
    return Response(request.app.state.metrics.exposition(), media_type=CONTENT_TYPE)
