"""``POST /v1/compress``: our own contract; with ``messages``, headroom's."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..data import Budget
from .compressing import AtDesk, Job
from .schemas import CompressIn, read_documents

_EXAMPLE = {
    "query": "Who built the bridge?",
    "documents": [
        {"text": "The bridge is red. Anna Lund built it in 1902. Ferries leave at noon.", "title": "Bridge"}
    ],
    "budget": {"ratio": 0.5},
}


def router(default: Budget) -> APIRouter:
    """The endpoint.

    Args:
        default: the budget of requests that name none.
    """
    made = APIRouter(tags=["compress"])

    @made.post("/v1/compress", openapi_extra=_examples(_EXAMPLE))
    async def compress(body: CompressIn, at: AtDesk) -> dict[str, Any]:
        """Keep of the documents what the question needs.

        The answer is what ``ragcompress compress --format json`` writes. ``degraded`` is there if the scorer
        had no part in it, and says why; ``passthrough`` if nothing was compressed.
        """
        documents = read_documents(body.documents, at.limits)
        budget = body.budget.budget() if body.budget else default
        answer = await at.compress(
            Job(body.query, documents, budget, body.layout(), body.on_error), body.deadline_ms
        )
        result: dict[str, Any] = answer.value.to_dict()
        if not body.explain:
            del result["dropped"]
        if answer.degraded is not None:
            result["degraded"] = answer.degraded
        return result

    return made


def _examples(value: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"example": value}}}}
