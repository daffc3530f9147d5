"""``POST /retrieval``: Dify's External Knowledge API, over an index or over a server that speaks the same.

After docs.dify.ai, "External Knowledge API". RAGFlow serves it too, so that we can stand between the two.
"""

from __future__ import annotations

import json
import logging
import math
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from ..budget import Budget
from ..context import CompressedContext
from ..data import Document, Segmentation
from ..errors import BudgetTooSmall, DataError
from .compressing import TOGETHER, AtDesk, Job
from .conditions import MetadataCondition
from .limits import NotHere
from .rerank import best_by_document, in_unit_interval
from .schemas import Body, Query, example

if TYPE_CHECKING:
    from ..index import Index

_LOG = logging.getLogger("ragcompress.serving")
_LARGEST_ANSWER = 32 << 20
_EXAMPLE = {
    "knowledge_id": "handbook",
    "query": "Who built the bridge?",
    "retrieval_setting": {"top_k": 5, "score_threshold": 0.0},
}


class RetrievalSetting(Body):
    """How many records are wanted, and how good they must be."""

    top_k: Annotated[int, Field(ge=1, le=1_000)] = 10
    score_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0


class RetrievalIn(Body):
    """A question to a knowledge base."""

    knowledge_id: str
    query: Query
    retrieval_setting: RetrievalSetting = Field(default_factory=RetrievalSetting)
    metadata_condition: MetadataCondition | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Where ``/retrieval`` gets its records.

    Attributes:
        indexes: by ``knowledge_id``; opened at the first question.
        upstream: address of a server that speaks the same, asked for all other ids; None: there is none.
        seconds: in which it must answer.
    """

    indexes: Mapping[str, Callable[[], Index]]
    upstream: str | None = None
    seconds: float = 20.0


def router(knowledge: Knowledge, budget: Budget) -> APIRouter:
    """The endpoint.

    Args:
        budget: for the records of one question together.
    """
    made = APIRouter(tags=["retrieval"])

    @made.post("/retrieval", openapi_extra=example(_EXAMPLE))
    async def retrieval(body: RetrievalIn, at: AtDesk, request: Request) -> dict[str, Any]:
        """Find records and keep of them what the question needs; ``metadata.ragcompress`` has the places."""
        setting = body.retrieval_setting
        documents: Sequence[Document] | Segmentation
        if body.knowledge_id in knowledge.indexes:
            opened = knowledge.indexes[body.knowledge_id]
            condition = body.metadata_condition or MetadataCondition()
            documents = await at.run_without_model(search, opened, body.query, setting.top_k, condition)
            records = [_record(d) for d in documents.documents]
        elif knowledge.upstream is not None:
            key = request.headers.get("authorization")
            query = body.model_dump(exclude_none=True)
            records = await at.run_without_model(_ask, knowledge, query, key)
            documents = [Document(r["content"], r["title"] or None) for r in records]
        else:
            known = ", ".join(sorted(knowledge.indexes)) or "none: start the server with --index NAME=IDX"
            raise NotHere(f"there is no knowledge_id {body.knowledge_id[:80]!r}; served: {known}")
        if not any(r["content"].strip() for r in records):
            return {"records": []}
        try:
            answer = await at.compress(Job(body.query, documents, budget, TOGETHER))
        except BudgetTooSmall:  # the server's own: whoever asks Dify can do nothing about it
            at.record_passthrough()
            return {"records": _uncompressed(records, setting)}
        return {"records": _records(answer.value, records, setting)}

    return made


def search(
    opened: Callable[[], Index], question: str, top_k: int, condition: MetadataCondition
) -> Segmentation:
    """So many passages of an index that meet a condition, each a document, best first."""
    index, depth = opened(), top_k
    while True:
        hits = index.search(question, depth)
        kept = [hit for hit in hits if condition.holds(hit.passage.document.metadata)]
        if len(kept) >= top_k or len(hits) < depth:
            return index.segmentation(kept[:top_k])
        depth *= 4


def _record(document: Document) -> dict[str, Any]:
    title = document.title or document.source or ""
    return {"content": document.text, "title": title, "score": None, "metadata": dict(document.metadata)}


def _records(
    context: CompressedContext, records: Sequence[dict[str, Any]], setting: RetrievalSetting
) -> list[dict[str, Any]]:
    """What keeps something, in the order of retrieval, with the source's own score, or ours."""
    ours = best_by_document(context.segmentation, in_unit_interval(context.scores))
    spans: dict[int, list[dict[str, Any]]] = {}
    for piece in context.to_dict()["pieces"]:
        spans.setdefault(piece["document"], []).append(
            {key: piece[key] for key in ("start_char", "end_char", "score")}
        )
    kept = (
        _replace_text(record, float(ours[i]), text, {"spans": spans[i]})
        for i, (record, text) in enumerate(zip(records, context.texts(), strict=True))
        if text
    )
    return _best(kept, setting)


def _uncompressed(records: Sequence[dict[str, Any]], setting: RetrievalSetting) -> list[dict[str, Any]]:
    """The records as they were found, marked; one that nobody gave a score is none too bad."""
    about = {"passthrough": "the server's budget holds no sentence of them"}
    return _best((_replace_text(record, 1.0, record["content"], about) for record in records), setting)


def _replace_text(record: dict[str, Any], ours: float, text: str, about: dict[str, Any]) -> dict[str, Any]:
    """A record with another text; ``ours`` is its score where its source gave none."""
    score = ours if record["score"] is None else record["score"]
    metadata = {**record["metadata"], "ragcompress": about}
    return {"content": text, "score": score, "title": record["title"], "metadata": metadata}


def _best(records: Iterable[dict[str, Any]], setting: RetrievalSetting) -> list[dict[str, Any]]:
    return [r for r in records if r["score"] >= setting.score_threshold][: setting.top_k]


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
            content = json.loads(answer.read(_LARGEST_ANSWER))
    except (OSError, ValueError, RecursionError, urllib.error.HTTPError) as error:
        raise DataError(f"the source {url} gave no records: {error}") from error
    records = content.get("records") if isinstance(content, dict) else None
    if not isinstance(records, list):
        # RAGFlow answers 200 in any case, and says what is wrong in ``message``.
        reason = content.get("message") if isinstance(content, dict) else None
        raise DataError(
            f"the source {url} gave no records: {str(reason or 'it answers something else')[:200]}"
        )
    return [record for record in map(_plain_record, records) if record is not None]


def _plain_record(record: Any) -> dict[str, Any] | None:
    """What upstream sent, as Dify has it; None: it is no record. One bad record never costs the others."""
    if not isinstance(record, dict) or not isinstance(content := record.get("content"), str):
        _LOG.warning("a record without content was left out")
        return None
    score, metadata = record.get("score"), record.get("metadata")
    is_number = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
    try:
        json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        metadata = None
    return {
        "content": _text(content),
        "score": float(score) if is_number else None,  # type: ignore[arg-type]
        "title": _text(title) if isinstance(title := record.get("title"), str) else "",
        "metadata": metadata if isinstance(metadata, dict) else {},
    }


def _text(text: str) -> str:
    """Text that can be sent on: what is no character, such as half a surrogate pair, is a question mark."""
    return text.encode("utf-8", "replace").decode()
