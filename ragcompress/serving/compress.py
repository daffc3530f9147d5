"""``POST /v1/compress``: our own contract; with ``messages``, headroom's."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Discriminator, Tag

from ..budget import Budget
from ..context import CompressedContext
from .compressing import AtDesk, Job
from .engine import Answer
from .messages import MessagesIn, shorten_messages
from .schemas import CompressIn, Escaped, example, read_documents
from .tools import AtToolDesk

_EXAMPLE = {
    "query": "Who built the bridge?",
    "documents": [
        {"text": "The bridge is red. Anna Lund built it in 1902. Ferries leave at noon.", "title": "Bridge"}
    ],
    "budget": {"ratio": 0.6},
}


def router(default: Budget) -> APIRouter:
    """The endpoint.

    Args:
        default: the budget of requests that name none.
    """
    made = APIRouter(tags=["compress"])

    @made.post("/v1/compress", response_model=dict[str, Any], openapi_extra=example(_EXAMPLE))
    async def compress(
        body: Annotated[
            Annotated[MessagesIn, Tag("messages:")] | Annotated[CompressIn, Tag("documents:")],
            Discriminator(_kind),
        ],
        at: AtDesk,
        tools: AtToolDesk,
    ) -> Response:
        """Keep of the documents what the question needs; or of a conversation's tool results.

        The answer for documents is what ``ragcompress compress --format json`` writes. ``degraded`` is there
        if the scorer had no part in it, and says why; ``passthrough`` if nothing was compressed.
        """
        if isinstance(body, MessagesIn):
            return Escaped(await shorten_messages(tools, body, default))
        documents = read_documents(body.documents, at.limits)
        budget = body.budget.budget() if body.budget else default
        job = Job(body.query, documents, budget, body.layout(), body.on_error)
        answer = await at.compress(job, body.deadline_ms)
        # Long documents have many sentences: the event loop has others to serve meanwhile.
        return await asyncio.to_thread(_response, answer, body.explain)

    return made


def _response(answer: Answer[CompressedContext], explain: bool) -> Response:
    result: dict[str, Any] = answer.value.to_dict()
    if not explain:
        del result["dropped"]
    if answer.degraded is not None:
        result["degraded"] = answer.degraded
    return Escaped(result)


def _kind(body: Any) -> str:
    """Which of the two contracts a body follows, so that errors are about its fields alone."""
    has = isinstance(body, MessagesIn) or (isinstance(body, dict) and "messages" in body)
    return "messages:" if has else "documents:"
