"""What the endpoints share: from documents to a context within the deadline, counted and traced."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from ..budget import Budget
from ..context import CompressedContext
from ..data import Document, Scores, Segmentation
from ..plan import LayoutOptions
from ..scorers import Scorer, score
from ..stopping import Bounds, OnError, Stop
from ..tool_results import ToolResult
from .engine import DEADLINE, Answer, Engine, Work
from .limits import Limits
from .metrics import Metrics
from .telemetry import Tell, span

TOGETHER = LayoutOptions(format="plain", keep_together=True)
"""Layout in which each document's text stands in one place."""

OK = "ok"
_T = TypeVar("_T")
_SHARE_OF_READING = 0.8  # of the time that a full answer has


@dataclass(frozen=True, slots=True)
class Job:
    """What a request asks for, whatever its contract.

    Attributes:
        layout: what of the server's plan is otherwise.
        on_error: whether the originals are an answer when all else fails.
    """

    question: str
    documents: Sequence[Document] | Segmentation
    budget: Budget
    layout: LayoutOptions = field(default_factory=LayoutOptions)
    on_error: OnError = "passthrough"


class Desk:
    """Takes one request's work to the engine, with its deadline, and tells counters and spans about it."""

    def __init__(self, request: Request, engine: Engine, metrics: Metrics, deadline_ms: float | None) -> None:
        self._request, self.engine, self._metrics = request, engine, metrics
        self._deadline_ms = deadline_ms

    @property
    def limits(self) -> Limits:
        """The server's bounds."""
        return self.engine.limits

    @property
    def outcome(self) -> str:
        """How it went, in the words of counters and logs: ``ok``, ``degraded_deadline`` …"""
        return self._request.state.outcome or OK

    def span(self, name: str) -> AbstractContextManager[Tell]:
        """Open a span of the request, where traces are kept."""
        return span(name, self._request.headers)

    async def run(self, work: Work[Any]) -> Answer[Any]:
        """Run work of any kind; the outcome shows in counters."""
        return self._record(await self.engine.run(work, self._wait_for_disconnect))

    async def run_without_model(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Do in a thread what needs no model; see ``Engine.run_without_model``."""
        return await self.engine.run_without_model(work, *arguments)

    def mark_stopped(self, answer: Answer[_T], stopped_early: Callable[[_T], bool]) -> Answer[_T]:
        """Mark an answer whose scorer stopped reading because time was short."""
        if answer.degraded is None and stopped_early(answer.value):
            return self._record(replace(answer, degraded=DEADLINE))
        return answer

    def _record(self, answer: Answer[_T]) -> Answer[_T]:
        """Let the outcome show in counters, the log and the answer's header."""
        if answer.degraded is not None:
            outcome = "deadline" if answer.degraded == DEADLINE else "failed"
            self._metrics.passthrough.labels(outcome).inc()
            self._set_outcome(f"degraded_{outcome}")
        else:
            self._set_outcome(OK)
        return answer

    def record_passthrough(self) -> None:
        """Note that the originals are the answer."""
        self._request.state.outcome = "passthrough"
        self._metrics.passthrough.labels("uncompressed").inc()

    def _set_outcome(self, outcome: str) -> None:
        """Note how a part of the request's work went; what went wrong counts."""
        if self.outcome == OK:
            self._request.state.outcome = outcome

    def due(self, deadline_ms: float | None = None) -> float:
        """When the answer is due; the body's own wish counts before the header's."""
        milliseconds = self._deadline_ms if deadline_ms is None else deadline_ms
        return self.engine.due(milliseconds, self._request.state.arrived)

    async def compress(self, job: Job, deadline_ms: float | None = None) -> Answer[CompressedContext]:
        """Compress for a request.

        Raises:
            InputError, NotReady, Full: as the engine.
        """
        compressor = self.engine.compressor_for(job.layout)
        spare = self.engine.compressor_for(job.layout, cheap=True)
        question, documents, budget = job.question, job.documents, job.budget
        # Words alone promise no recall; of the original they keep what the promise may cost.
        plain = budget.without_recall()

        def full(stop: Stop) -> CompressedContext:
            left, progress = stop.seconds_left() or self.limits.deadline, stop.after(None)
            # A scorer that can stops reading before that; the rest is left for the selection.
            deadline = _SHARE_OF_READING * left
            return compressor(
                question, documents, budget=budget, timeout=left, deadline=deadline, progress=progress
            )

        def cheap() -> CompressedContext:
            return spare(question, documents, budget=plain, on_error=job.on_error)

        with self.span("compress") as tell:
            answer = await self.run(Work(full, cheap, self.due(deadline_ms)))
            context: CompressedContext = answer.value
            answer = self.mark_stopped(answer, lambda made: bool(made.scores.details.get("stopped_early")))
            if context.passthrough is not None:
                self.record_passthrough()
            n_documents, scorer = len(context.segmentation.documents), context.scores.scorer
            self.report(tell, context, documents=n_documents, budget=context.limit, scorer=scorer)
        return answer

    def report(
        self, tell: Tell, made: CompressedContext | ToolResult, *, documents: int, budget: int, scorer: str
    ) -> None:
        """Count tokens, and say in a span what was done."""
        self.count(made.tokens_before, made.tokens_after)
        tell(
            {
                "documents": documents,
                "tokens_before": made.tokens_before,
                "tokens_after": made.tokens_after,
                "budget": budget,
                "scorer": scorer,
                "outcome": self.outcome,
            }
        )

    def count(self, before: int, after: int) -> None:
        """Count tokens."""
        self._metrics.tokens_before.inc(before)
        self._metrics.tokens_after.inc(after)

    async def _wait_for_disconnect(self) -> None:
        """Return when the client has hung up."""
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


def score_in_time(scorer: Scorer, question: str, parts: Segmentation, stop: Stop) -> Scores:
    """Score; a scorer that can stops reading before the time is up, and its details say so.

    Raises:
        CompressionTimeout: from the others, when it is.
    """
    progress, left = stop.after(None), stop.seconds_left()
    until = None if left is None else time.monotonic() + _SHARE_OF_READING * left
    return score(scorer, question, parts, bounds=Bounds(until), progress=progress)


_Milliseconds = Annotated[float, Field(gt=0)]


def desk(
    request: Request,
    x_deadline_ms: Annotated[
        _Milliseconds | SkipJsonSchema[None],
        Header(description="Milliseconds in which the answer must be there."),
    ] = None,
) -> Desk:
    """The desk of a request."""
    state = request.app.state
    return Desk(request, state.engine, state.metrics, x_deadline_ms)


AtDesk = Annotated[Desk, Depends(desk)]
