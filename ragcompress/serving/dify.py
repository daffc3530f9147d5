"""``POST /retrieval``: Dify's External Knowledge API, over an index or over a server that speaks the same.

After docs.dify.ai, "External Knowledge API". RAGFlow serves it too, so that we can stand between the two.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from ..context import CompressedContext
from ..data import Budget, Document, Segmentation
from ..errors import DataError, UnknownName
from .compressing import TOGETHER, AtDesk, Job
from .schemas import Body, Query

Search = Callable[[str, int], Segmentation]
"""Finds for a question so many passages of an index, each a document, best first."""

_LARGEST_ANSWER = 32 << 20


class RetrievalSetting(Body):
    """How many records are wanted, and how good they must be."""

    top_k: Annotated[int, Field(ge=1, le=1_000)] = 10
    score_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0


class RetrievalIn(Body):
    """A question to a knowledge base."""

    knowledge_id: str
    query: Query
    retrieval_setting: RetrievalSetting = Field(default_factory=RetrievalSetting)
    metadata_condition: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Where ``/retrieval`` gets its records.

    Attributes:
        indexes: by ``knowledge_id``.
        upstream: address of a server that speaks the same, asked for all other ids; None: there is none.
        seconds: in which it must answer.
    """

    indexes: Mapping[str, Search]
    upstream: str | None = None
    seconds: float = 20.0


def router(knowledge: Knowledge, budget: Budget) -> APIRouter:
    """The endpoint.

    Args:
        budget: for the records of one question together.
    """
    made = APIRouter(tags=["retrieval"])

    @made.post("/retrieval")
    async def retrieval(body: RetrievalIn, at: AtDesk, request: Request) -> dict[str, Any]:
        """Find records and keep of them what the question needs; ``metadata.ragcompress`` has the places."""
        wanted = body.retrieval_setting
        documents: Sequence[Document] | Segmentation
        if body.knowledge_id in knowledge.indexes:
            search = knowledge.indexes[body.knowledge_id]
            documents = await asyncio.to_thread(search, body.query, wanted.top_k)
            found = [_record(d) for d in documents.documents]
        elif knowledge.upstream is not None:
            key = request.headers.get("authorization")
            found = await asyncio.to_thread(_ask, knowledge, body.model_dump(exclude_none=True), key)
            documents = [Document(str(r["content"]), r.get("title") or None) for r in found]
        else:
            raise UnknownName("knowledge_id", body.knowledge_id, sorted(knowledge.indexes))
        if not any(str(r["content"]).strip() for r in found):
            return {"records": []}
        answer = await at.compress(Job(body.query, documents, budget, TOGETHER))
        return {"records": _records(answer.value, found, wanted)}

    return made


def _record(document: Document) -> dict[str, Any]:
    title = document.title or document.source or ""
    return {"content": document.text, "title": title, "metadata": dict(document.metadata)}


def _records(
    context: CompressedContext, found: Sequence[dict[str, Any]], wanted: RetrievalSetting
) -> list[dict[str, Any]]:
    """What keeps something, in the order of retrieval; scores are the source's own, or falling with rank."""
    spans: dict[int, list[dict[str, Any]]] = {}
    for piece in context.to_dict()["pieces"]:
        spans.setdefault(piece["document"], []).append(
            {key: piece[key] for key in ("start_char", "end_char", "score")}
        )
    records = []
    for i, text in enumerate(context.texts()):
        score = found[i].get("score")
        score = 1 / (1 + i) if score is None else float(score)
        if text and score >= wanted.score_threshold:
            metadata = {**(found[i].get("metadata") or {}), "ragcompress": {"spans": spans[i]}}
            title = found[i].get("title") or ""
            records.append({"content": text, "score": score, "title": title, "metadata": metadata})
    return records[: wanted.top_k]


def _ask(knowledge: Knowledge, body: dict[str, Any], key: str | None) -> list[dict[str, Any]]:
    """Ask upstream, with the caller's own key.

    Raises:
        DataError: if it can't be reached, refuses, or answers something else.
    """
    url = f"{str(knowledge.upstream).rstrip('/')}/retrieval"
    headers = {"Content-Type": "application/json"} | ({"Authorization": key} if key else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=knowledge.seconds) as answer:
            found = json.loads(answer.read(_LARGEST_ANSWER))["records"]
    except (OSError, ValueError, KeyError, TypeError, urllib.error.HTTPError) as error:
        raise DataError(f"the source {url} gave no records: {error}") from error
    if not isinstance(found, list) or not all(isinstance(r, dict) and "content" in r for r in found):
        raise DataError(f"the source {url} gave records of another kind")
    return found
