"""One question on its way: documents, sentences, scores, a selection, its order, the context."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from . import scorers
from .budget import Budget
from .calibration.judging import Judge, Judgment, doubt, keeps_everything
from .context import CompressedContext
from .data import Document, Progress, Scores, Segmentation, Selection
from .errors import BudgetTooSmall, InputError
from .plan import Plan
from .proxy.base import Proxy
from .selection.layout import Layout
from .stopping import Bounds, OnError, Stop, Watch, check_on_error
from .text import segmentation
from .text.open_tables import open_tables, opened_as_before

_LOG = logging.getLogger("ragcompress")

_BYTES_A_TOKEN = 4
# A table may take this part of a budget; of a larger one rows are kept.
_MOST_OF_A_TABLE = 1 / 2
_ONLY_ALL = "with this counter nothing that could be kept is shorter than all of it"
Splitter = Callable[[Sequence[Document]], Segmentation]


@dataclass(frozen=True, slots=True)
class Call:
    """One question with its documents, and how far the work on it may go."""

    question: str
    documents: Sequence[Document] | Segmentation
    budget: Budget
    scores: Scores | None
    progress: Progress | None
    stop: Stop
    on_error: OnError

    def __post_init__(self) -> None:
        check_on_error(self.on_error)
        _check_question(self.question)
        if not isinstance(self.documents, Segmentation):
            object.__setattr__(self, "documents", _to_list(self.documents))


class _Aim(NamedTuple):
    """What a selection is made for: the arguments of ``Layout.fit``."""

    parts: Segmentation
    scores: Scores
    limit: int
    before: int
    budget: Budget
    wanted: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One of each stage, and the way of a question through them.

    Attributes:
        plan: how to compress.
        scorer: gives every sentence a number.
        layout: how kept sentences become a text, with the counter of the budget.
        judge: what promises about recall rest on.
        splitter: the caller's own, which cuts documents into sentences; None: ``ragcompress.segment``.
        proxy: what the order ``attention-sort`` reads, if the plan has it.
        counter_name: of the counter, for the settings of a result.

    Raises:
        InputError: for a plan that needs a proxy or vectors that the scorer does not have.
    """

    plan: Plan
    scorer: scorers.Scorer
    layout: Layout
    judge: Judge
    splitter: Splitter | None
    proxy: Proxy | None
    counter_name: str

    def __post_init__(self) -> None:
        if (sort := self.plan.attention_sort) and self.proxy is None:
            raise InputError(
                f"the order {sort.name!r} reads a proxy, and the scorer {self.scorer.name!r} has none: "
                "pass proxy="
            )
        if self.plan.near_repeats and not getattr(self.scorer, "makes_vectors", False):
            raise _without_vectors(self.plan.near_repeats, self.scorer.name)

    def run(self, call: Call) -> CompressedContext:
        """Take a call through all stages; its ``on_error`` says what happens when one of them fails."""
        watch = Watch()
        try:
            return self._compress(call, watch)
        except Exception as error:
            if call.on_error == "raise":
                raise
            reason = f"{type(error).__name__}: {error}"
        context = self._passthrough(call, reason, watch)
        n = len(context.segmentation.documents)
        what = "1 document is" if n == 1 else f"{n} documents are"
        _LOG.warning("%s passed on uncompressed: %s", what, reason)
        return context

    def _compress(self, call: Call, watch: Watch) -> CompressedContext:
        budget = call.budget
        layout = replace(self.layout, count=call.stop.before(self.layout.count))
        parts = self._cut(call.documents, call.stop)
        if not parts.sentences:
            raise InputError("the documents hold no text: there is nothing to compress")
        before = layout.tokens_before(parts)
        limit = budget.limit(before)
        if before <= budget.min_tokens:
            reason = f"not worth compressing: {before} tokens, and {budget.min_tokens} are always allowed"
            return self._passthrough(replace(call, documents=parts), reason, watch)
        whole, parts = parts, self._open_tables(call, parts, limit)
        # Which sentences must be kept whatever the limit is not known before scoring.
        if not (budget.min_per_document or budget.min_tokens):
            with self._naming(call, whole, parts, before):
                layout.check_fits(parts, limit, before)
        watch.lap("segment")
        # What a recall needs is known after reading, and its calibration has read as if all could be kept.
        share = 1.0 if budget.recall is not None else min(1.0, limit / before)
        scores = self._score(call, parts, share)
        judged = self.judge.look(parts, scores, budget)
        watch.lap("score")
        if budget.min_tokens:
            best = layout.count(layout.render(parts, scores.ranking()[:1], scores).text)
            limit = min(max(limit, best), before)
        aim = _Aim(parts, scores, limit, before, budget, judged.wanted)
        with self._naming(call, whole, parts, before):
            fitted = self._fit(call, layout, aim, watch)
        if fitted is None:
            return self._passthrough(replace(call, documents=parts), _ONLY_ALL, watch, aim.limit)
        return self._context(call, aim, judged, fitted, watch)

    def _cut(self, documents: Sequence[Document] | Segmentation, stop: Stop) -> Segmentation:
        if self.plan.whole_documents:
            whole = documents.documents if isinstance(documents, Segmentation) else documents
            return segmentation.uncut(whole)
        if isinstance(documents, Segmentation):
            return documents
        if self.splitter is not None:
            return self.splitter(documents)
        return segmentation.segment(documents, language=self.plan.language, check=stop.check)

    def _open_tables(self, call: Call, parts: Segmentation, limit: int) -> Segmentation:
        """Rows in place of a table that would take most of the budget; not of what the caller has cut."""
        if self.splitter is not None or self.plan.whole_documents or isinstance(call.documents, Segmentation):
            return parts
        if isinstance(call.scores, Scores):
            return opened_as_before(parts, len(call.scores.values), self.layout.count)
        return open_tables(parts, lambda table: self.layout.count(table) > limit * _MOST_OF_A_TABLE)

    @contextmanager
    def _naming(self, call: Call, whole: Segmentation, parts: Segmentation, before: int) -> Iterator[None]:
        """The budget that an error names is everything, if under it a table stays whole that is open here.

        Whole it takes more than its best row, and nothing was tried with it.
        """
        try:
            yield
        except BudgetTooSmall as error:
            if self._open_tables(call, whole, error.smallest).sentences == parts.sentences:
                raise
            raise BudgetTooSmall(error.limit, before, error.what) from None

    def _score(self, call: Call, parts: Segmentation, share: float) -> Scores:
        """Scores; ``share`` of the text can be kept at most."""
        scores = call.scores or scorers.score(
            self.scorer,
            call.question,
            parts,
            bounds=Bounds(call.stop.until, share),
            progress=call.stop.after(call.progress),
        )
        if not isinstance(scores, Scores):
            raise InputError(
                "scores must be those of a context of the same sentences (context.scores), "
                f"got {type(scores).__name__}"
            )
        if len(scores.values) != len(parts.sentences):
            raise InputError(
                f"{len(scores.values)} scores for {len(parts.sentences)} sentences; those of an earlier call "
                "fit the same documents, cut in the same way"
            )
        without = scores.vectors is None and not scores.details.get("stopped_early")
        if self.layout.near_repeats and without:
            raise _without_vectors(self.layout.near_repeats, scores.scorer)
        return scores

    def _fit(self, call: Call, layout: Layout, aim: _Aim, watch: Watch) -> tuple[Layout, Selection] | None:
        """Select what fits, in its order; None: nothing that could be kept is shorter than all of it."""
        # Another order may need more separators than the source: the output is still never longer (R4).
        fitted = layout.fit(*aim)
        watch.lap("select")
        if not (fitted and self.plan.attention_sort and self.proxy):
            return fitted
        ranked = self.plan.attention_sort.documents(
            self.proxy, call.question, aim.parts, fitted[1].kept, progress=call.stop.after(None)
        )
        # Tokens at the borders of documents can merge otherwise in another order: selected anew under it.
        try:
            fitted = replace(layout, documents=ranked).fit(*aim)
        except BudgetTooSmall as error:  # with another budget other sentences are read and ranked
            raise BudgetTooSmall(aim.limit, aim.before, error.what) from None
        watch.lap("order")
        return fitted

    def _context(
        self, call: Call, aim: _Aim, judged: Judgment, fitted: tuple[Layout, Selection], watch: Watch
    ) -> CompressedContext:
        layout, selection = fitted
        made = layout.render(aim.parts, selection.kept, aim.scores)
        after = layout.count(made.text)
        watch.lap("render")
        context = CompressedContext(
            text=made.text,
            question=call.question,
            segmentation=aim.parts,
            scores=aim.scores,
            selection=selection,
            pieces=made.pieces,
            tokens_before=aim.before,
            tokens_after=after,
            limit=aim.limit,
            order=self.layout.order,
            settings={**self._settings(aim.scores, aim.budget), "keep_together": layout.keep_together},
            seconds=watch.seconds,
            promise=self.judge.settle(judged, selection),
            outlook=judged.outlook,
            layout=replace(layout, count=self.layout.count),
        )
        best_effort = doubt(context.sufficiency, self.plan.abstain_below)
        return replace(context, best_effort=best_effort) if best_effort else context

    def _passthrough(
        self, call: Call, reason: str, watch: Watch, limit: int | None = None
    ) -> CompressedContext:
        """All documents, in source order, each a piece of its own where they were not cut before.

        Args:
            limit: what was allowed, where that is more than the budget says by itself.
        """
        documents = call.documents
        parts = documents if isinstance(documents, Segmentation) else segmentation.uncut(documents)
        everything = tuple(range(len(parts.sentences)))
        rendered = self.layout.everything(parts)
        try:
            tokens = self.layout.count(rendered.text)
        except Exception as error:  # of a counter that nothing is known about
            tokens = -(-len(rendered.text.encode()) // _BYTES_A_TOKEN)
            detail = "" if str(error) in reason else f"; {error}"
            reason += f"{detail}; tokens are estimated, {_BYTES_A_TOKEN} bytes each"
        scores = Scores(np.zeros(len(everything)), "none")
        watch.lap("passthrough")
        return CompressedContext(
            text=rendered.text,
            question=call.question,
            segmentation=parts,
            scores=scores,
            selection=Selection(everything, {}),
            pieces=rendered.pieces,
            tokens_before=tokens,
            tokens_after=tokens,
            limit=call.budget.limit(tokens) if limit is None else limit,
            order="source",
            settings=self._settings(scores, call.budget),
            seconds=watch.seconds,
            passthrough=reason,
            promise=keeps_everything(call.budget),
        )

    def _settings(self, scores: Scores, budget: Budget) -> dict[str, Any]:
        return {
            "scorer": scores.scorer,
            "scorer_settings": dict(scores.settings),
            "budget": asdict(budget),
            **self.plan.layout_settings(),
            "counter": self.counter_name,
        }


def _without_vectors(near_repeats: float, scorer: str) -> InputError:
    return InputError(
        f"near_repeats={near_repeats:g} compares sentences by their vectors, and the scorer {scorer!r} made "
        "none: take evidence (with its embedder) or minilm, or near_repeats=0"
    )


def _check_question(question: object) -> None:
    if not isinstance(question, str):
        raise InputError(f"the question must be a text, got {type(question).__name__}")
    if not question.strip():
        raise InputError("the question is empty; compression needs a question")
    if any("\ud800" <= c <= "\udfff" for c in question):
        raise InputError("the question holds a lone surrogate, which is no valid text")


def _to_list(documents: Iterable[Document] | None) -> Sequence[Document]:
    """The documents as they are listed now: a generator gives them once, an array has no truth value."""
    try:
        listed = () if documents is None else tuple(documents)
    except TypeError:
        raise InputError(
            f"documents must be a list of ragcompress.Document, got {type(documents).__name__}"
        ) from None
    if not listed:
        raise InputError("there are no documents to compress")
    for d in listed:
        if not isinstance(d, Document):
            raise InputError(
                f"documents must be ragcompress.Document, got {type(d).__name__}; of a text, Document(text)"
            )
    return listed
