"""``/rerank``, ``/v1/rerank``, ``/v2/rerank``: Cohere's contract for ``documents``, TEI's for ``texts``.

After Cohere's SDK 7.3.1 (``relevant_spans`` of Rerank 5 included). Jina, Infinity and vLLM answer with the
same object and more fields, Text Embeddings Inference (TEI) with a bare list.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, JsonValue, model_validator

from ..budget import Budget
from ..compressor import Compressor
from ..data import Document, FloatArray, Scores, Segmentation
from ..errors import BudgetTooSmall
from ..scorers import Scorer, score
from ..stopping import Stop
from ..text.segmentation import segment
from .compressing import TOGETHER, AtDesk, Desk, Job, score_in_time
from .engine import Answer, Work
from .schemas import Body, Escaped, Query, Share, TextOr, check_echo, example, name_field

_THRESHOLD = 0.1  # Cohere's
_EXAMPLE = {
    "model": "any",
    "query": "Who built the bridge?",
    "documents": ["Ferries leave at noon.", "The bridge is red. Anna Lund built it in 1902."],
    "top_n": 2,
    "relevant_spans": {"mode": "enabled", "threshold": 0.1},
}


def _has(name: str) -> dict[str, JsonValue]:
    """The schema of objects with a list of that name."""
    return {"required": [name], "properties": {name: {"type": "array"}}}


class SpansIn(Body):
    """Cohere's ``relevant_spans``."""

    mode: Literal["enabled", "disabled"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    max_spans: Annotated[int, Field(ge=1)] | None = None


class TextIn(Body):
    """A document as an object; where documents are returned, what else it holds comes back with it."""

    model_config = ConfigDict(extra="allow")

    text: str
    title: str | None = None

    @model_validator(mode="after")
    def _can_be_returned(self) -> TextIn:
        check_echo(self.model_extra)
        return self


class OwnIn(Body):
    """What to compress the returned texts to; a field of ours."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    ratio: Share | None = None

    @model_validator(mode="after")
    def _check(self) -> OwnIn:
        self.budget()
        return self

    def budget(self) -> Budget:
        """The budget as the library has it."""
        return Budget(self.max_tokens, self.ratio)


class RerankIn(Body):
    """A rerank request in any of the contracts: give ``documents``, or ``texts`` for TEI's answer."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_has("documents"), _has("texts")]})

    query: Query
    model: str | None = None
    documents: list[TextOr[TextIn]] | None = None
    texts: list[str] | None = None
    top_n: Annotated[int, Field(ge=0)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    return_documents: bool | None = None
    return_text: bool | None = None
    relevant_spans: SpansIn | None = None
    ragcompress: OwnIn | None = None
    deadline_ms: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_list(self) -> RerankIn:
        if (self.documents is None) == (self.texts is None):
            raise ValueError("give documents (Cohere, Jina, vLLM …) or texts (TEI): one of them")
        return self

    @property
    def items(self) -> Sequence[str | TextIn]:
        """What is to be ranked."""
        return self.texts if self.documents is None else self.documents  # type: ignore[return-value]

    @property
    def n_best(self) -> int:
        """How many results are wanted."""
        limit = self.top_n if self.top_n is not None else self.top_k
        return len(self.items) if not limit else min(limit, len(self.items))


@dataclass(frozen=True, slots=True)
class Ranked:
    """Documents with their sentences' scores.

    Attributes:
        values: of every sentence, in [0, 1].
        best: of every document, that of its best sentence; 0 for one without text.
        tokens: of the documents and the question, by the server's counter.
        stopped_early: whether time ran out before all was read that should have been.
    """

    parts: Segmentation
    values: FloatArray
    best: FloatArray
    tokens: int
    stopped_early: bool = False

    def order(self) -> list[int]:
        """Documents, best first; ties by position."""
        return [int(i) for i in np.argsort(-self.best, kind="stable")]

    def spans(self, setting: SpansIn) -> dict[int, list[dict[str, Any]]]:
        """Sentences that reach the threshold, by document, best first; ties by position."""
        least = _THRESHOLD if setting.threshold is None else setting.threshold
        spans: dict[int, list[dict[str, Any]]] = {}
        for index in np.argsort(-self.values, kind="stable"):
            if (score := float(self.values[index])) < least:
                break
            sentence = self.parts.sentences[index]
            of_document = spans.setdefault(sentence.document, [])
            if setting.max_spans is None or len(of_document) < setting.max_spans:
                of_document.append({"start": sentence.start_char, "end": sentence.end_char, "score": score})
        return spans


def router(compresses_text: Budget | None) -> APIRouter:
    """The endpoints.

    Args:
        compresses_text: what returned texts are compressed to where a request says nothing; None: they are
            the originals.
    """
    made = APIRouter(tags=["rerank"])

    async def rerank(body: RerankIn, at: AtDesk) -> Response:
        """Put documents in order, best first; each as good as its best sentence.

        All documents come back unless ``top_n`` (or ``top_k``) says otherwise. ``relevant_spans`` are half
        open, in code points of the document, best first.
        """
        texts = [item if isinstance(item, str) else item.text for item in body.items]
        at.limits.check(texts)
        titles = [None if isinstance(item, str) else item.title for item in body.items]
        field = "documents" if body.texts is None else "texts"
        documents = [
            name_field(f"{field}.{i}", partial(Document, text, title))
            for i, (text, title) in enumerate(zip(texts, titles, strict=True))
        ]
        answer = await rank(at, body.query, documents, body.deadline_ms)
        ranked: Ranked = answer.value
        order = ranked.order()[: body.n_best]
        budget = compresses_text if body.ragcompress is None else body.ragcompress.budget()
        shown = texts
        if (body.return_documents or body.return_text) and budget is not None:
            shown = await _shorten(at, body, documents, budget)
        if body.texts is not None:
            return Escaped(_tei_rows(body, ranked, order, shown))
        result = _cohere_result(body, ranked, order, shown, at.engine.compressor.scorer.name)
        return Escaped(result if answer.degraded is None else result | {"degraded": answer.degraded})

    for path in ("/rerank", "/v1/rerank", "/v2/rerank"):
        name = f"rerank{path.replace('/', '_')}"
        made.post(path, operation_id=name, response_model=Any, openapi_extra=example(_EXAMPLE))(rerank)
    return made


def _tei_rows(
    body: RerankIn, ranked: Ranked, order: Sequence[int], shown: Sequence[str]
) -> list[dict[str, Any]]:
    """TEI's answer: documents in order; ``shown`` has the texts that come back."""
    wants_text = body.return_text or body.return_documents
    return [
        {"index": i, "score": float(ranked.best[i])} | ({"text": shown[i]} if wants_text else {})
        for i in order
    ]


def _cohere_result(
    body: RerankIn, ranked: Ranked, order: Sequence[int], shown: Sequence[str], scorer: str
) -> dict[str, Any]:
    """Cohere's answer, with the fields of Jina, vLLM and Infinity; ``shown`` has the texts that come back."""
    setting = body.relevant_spans
    spans = ranked.spans(setting) if setting is not None and setting.mode == "enabled" else {}
    return {
        "id": uuid.uuid4().hex,
        "object": "rerank",
        "model": body.model or scorer,
        "results": [
            {"index": i, "relevance_score": float(ranked.best[i])}
            | ({"document": _with_text(body.items[i], shown[i])} if body.return_documents else {})
            | ({"relevant_spans": spans[i]} if i in spans else {})
            for i in order
        ],
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"search_units": 1},
            "tokens": {"input_tokens": ranked.tokens, "output_tokens": 0},
        },
        "usage": {"prompt_tokens": ranked.tokens, "completion_tokens": 0, "total_tokens": ranked.tokens},
    }


async def rank(
    at: Desk, question: str, documents: Sequence[Document], deadline_ms: float | None = None
) -> Answer[Ranked]:
    """Score documents within the deadline; of more than the scorer may read, those that BM25 puts first."""
    compressor, spare = at.engine.compressor, at.engine.compressor_for({}, cheap=True)
    most = at.limits.rank_documents

    def full(stop: Stop) -> Ranked:
        parts = segment(documents, language=compressor.plan.language)
        read = _worth_reading(spare.scorer, question, parts, most)
        values = np.zeros(len(parts.sentences))
        chosen = [i for i, s in enumerate(parts.sentences) if s.document in read]
        scores = score_in_time(compressor.scorer, question, _part(parts, read), stop)
        values[chosen] = in_unit_interval(scores)
        ranked = _rank(parts, values, compressor, question, behind=_words(spare.scorer, question, parts))
        return replace(ranked, stopped_early=bool(scores.details.get("stopped_early")))

    def cheap() -> Ranked:
        parts = segment(documents, language=compressor.plan.language)
        values = _words(spare.scorer, question, parts)
        return _rank(parts, values, compressor, question, behind=values)

    with at.span("rerank") as tell:
        work = Work(full, cheap, at.due(deadline_ms))
        answer: Answer[Ranked] = at.mark_stopped(await at.run(work), lambda ranked: ranked.stopped_early)
        tell(
            {
                "documents": len(documents),
                "tokens_before": answer.value.tokens,
                "scorer": compressor.scorer.name,
                "outcome": at.outcome,
            }
        )
    return answer


def in_unit_interval(scores: Scores) -> FloatArray:
    """Scores in [0, 1], in the same order: probabilities as they are, others x as x / (1 + x), at least 0."""
    if scores.calibrated:
        return scores.values
    above = np.maximum(scores.values, 0)
    values: FloatArray = above / (1 + above)
    return values


def _words(scorer: Scorer, question: str, parts: Segmentation) -> FloatArray:
    return in_unit_interval(score(scorer, question, parts))


def _worth_reading(scorer: Scorer, question: str, parts: Segmentation, most: int) -> set[int]:
    """The documents that the scorer reads."""
    if len(parts.documents) <= most:
        return set(range(len(parts.documents)))
    best = best_by_document(parts, _words(scorer, question, parts))
    return {int(i) for i in np.argsort(-best, kind="stable")[:most]}


def _part(parts: Segmentation, read: set[int]) -> Segmentation:
    """The same documents, those that are not read without text."""
    documents = tuple(
        document if i in read else Document("", document.title) for i, document in enumerate(parts.documents)
    )
    return Segmentation(documents, tuple(s for s in parts.sentences if s.document in read))


def best_by_document(parts: Segmentation, values: FloatArray) -> FloatArray:
    """The value of each document's best sentence; 0 for one without."""
    best = np.zeros(len(parts.documents))
    np.maximum.at(best, [s.document for s in parts.sentences], values)
    return best


def _rank(
    parts: Segmentation, values: FloatArray, compressor: Compressor, question: str, behind: FloatArray
) -> Ranked:
    """Documents that were not read stand behind those that were, in the order of their words."""
    best = best_by_document(parts, values)
    unread = [i for i, value in enumerate(best) if value == 0]
    if unread and (lowest := min((v for v in best if v > 0), default=0.0)):
        words = best_by_document(parts, behind)
        best[unread] = lowest * words[unread] / (1 + words[unread])
    tokens = compressor.count(question) + sum(compressor.count(d.text) for d in parts.documents)
    return Ranked(parts, values, best, tokens)


def _with_text(item: str | TextIn, text: str) -> dict[str, Any]:
    """A document as it came, but for its text, which may be shorter."""
    return {"text": text} if isinstance(item, str) else item.model_dump(exclude_unset=True) | {"text": text}


async def _shorten(at: Desk, body: RerankIn, documents: Sequence[Document], budget: Budget) -> list[str]:
    """What each document keeps of one budget for all; empty for one that keeps nothing."""
    if not any(d.text.strip() for d in documents):
        return [d.text for d in documents]
    try:
        answer = await at.compress(Job(body.query, documents, budget, TOGETHER), body.deadline_ms)
    except BudgetTooSmall:
        if body.ragcompress is not None:
            raise
        at.record_passthrough()  # the server's own budget: whoever asks can do nothing about it
        return [d.text for d in documents]
    texts: list[str] = answer.value.texts()
    return texts
