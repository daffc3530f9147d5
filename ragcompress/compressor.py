"""``Compressor``: one of each stage, put together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Self, Unpack

import numpy as np

from . import scorers
from .calibration.judging import Judge, doubt, keeps_everything
from .context import CompressedContext
from .data import Budget, Document, Progress, Scores, Segmentation, Selection
from .errors import BudgetTooSmall, InputError
from .loading import give_back, load_models
from .plan import LayoutOptions, ModelOptions, Plan
from .proxy.base import Proxy
from .proxy.loading import DEFAULT_PROXY
from .proxy.reuse import KeyValueStore
from .selection.attention_sort import AttentionSort
from .stopping import OnError, Stop, Watch, check_on_error
from .text import segmentation
from .text.tokenizing import as_counter

_LOG = logging.getLogger("ragcompress")

_BYTES_A_TOKEN = 4
_ONLY_ALL = "with this counter nothing that could be kept is shorter than all of it"
Splitter = Callable[[Sequence[Document]], Segmentation]


@dataclass(frozen=True, slots=True)
class _Call:
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
        _check(self.question, self.documents)


class Compressor:
    """Compresses documents for a question. Holds no state between calls; safe to use from several threads.

    In a ``with`` block it lets go of its models at the end.

    Args:
        scorer: gives every sentence a number (``ragcompress.scorers``).
        counter: counts tokens of rendered text: the tokenizer of the main LLM, or any ``str -> int``.
        plan: how to compress. Its scorer and models are for ``from_plan``; here the scorer is made already.
        splitter: cuts documents into sentences; None: ``ragcompress.segment`` in the plan's language. It is
            not asked where the plan has ``whole_documents``.
        proxy: what the order ``attention-sort`` reads; None: the scorer's.
        options: fields of ``Plan``, in place of the plan's: ``order``, ``keep_together``, ``format``,
            ``mark_gaps``, ``headings``, ``language``, ``timeout``, ``on_error``, ``calibration`` …

    Attributes:
        plan: how it compresses.
        judge: what promises about recall rest on.
        proxy: the model that scorer or order read; None: they read none.

    Raises:
        InputError, UnknownName: for a counter or an option that can't be used.
        DataError, ProbeMismatch: for a calibration that can't be read, or is for another scorer or probe.
    """

    def __init__(
        self,
        scorer: scorers.Scorer,
        *,
        counter: Any,
        plan: Plan | None = None,
        splitter: Splitter | None = None,
        proxy: Proxy | None = None,
        **options: Unpack[LayoutOptions],
    ) -> None:
        self._closed = False
        self.plan = (plan or Plan()).with_options(options)
        self.proxy: Proxy | None = proxy or getattr(scorer, "proxy", None)
        if self.plan.attention_sort and self.proxy is None:
            raise InputError(
                f"the order {AttentionSort.name!r} reads a proxy, and the scorer {scorer.name!r} has none: "
                "pass proxy="
            )
        if self.plan.near_repeats and not getattr(scorer, "makes_vectors", False):
            raise _without_vectors(self.plan.near_repeats, scorer.name)
        self.layout = self.plan.layout(as_counter(counter))
        self.scorer = scorer
        self.judge = Judge.find(self.plan.calibration, scorer.name, getattr(scorer, "probe", None))
        self._counter_name = type(counter).__name__
        self._split = _splitter(self.plan, splitter)

    @classmethod
    def from_pretrained(
        cls,
        proxy: str = DEFAULT_PROXY,
        *,
        counter: Any = None,
        download: bool = True,
        progress: Progress | None = None,
        threads: int | None = None,
        store: KeyValueStore | None = None,
        **options: Unpack[ModelOptions],
    ) -> Compressor:
        """Load a proxy (only if the scorer needs one) and build a compressor.

        Args:
            proxy: a known model, a local folder, a GGUF file, or a hub id; also names the tokenizer that
                counts when ``counter`` is None.
            counter: as in ``from_plan``, and so are ``download``, ``progress``, ``threads`` and ``store``.
            options: the other fields of ``Plan``, such as ``scorer`` and ``backend``.

        Raises:
            ModelNotFound, ModelError, ProbeMismatch, UnknownName, MissingExtra: each says what to do.
        """
        return cls.from_plan(
            Plan(proxy=proxy).with_options(options),
            counter=counter,
            download=download,
            progress=progress,
            threads=threads,
            store=store,
        )

    @classmethod
    def from_plan(
        cls,
        plan: Plan,
        *,
        counter: Any = None,
        download: bool = True,
        progress: Progress | None = None,
        threads: int | None = None,
        store: KeyValueStore | None = None,
    ) -> Compressor:
        """Load what a plan names and build a compressor.

        Args:
            counter: counts tokens of rendered text; None: the proxy's tokenizer.
            download: fetch what is not cached, the proxy and the scorer's embedding model (a log message says
                so first). Without, a scorer that can do without vectors does so if its model is not there.
            progress: called with (bytes done, bytes in all) while downloading.
            threads: threads of one run of the onnx backend; None: one per core.
            store: where passages' keys and values are kept for later questions; None: a part of the memory.

        Raises:
            ModelNotFound, ModelError, ProbeMismatch, MissingExtra: each says what to do.
        """
        loaded = load_models(
            plan, counter=counter, download=download, progress=progress, threads=threads, store=store
        )
        return cls(loaded.scorer, counter=loaded.counter, plan=plan, proxy=loaded.proxy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm_up(self) -> None:
        """Load what the first call would load, by scoring a short text; later calls take no longer for it.

        Raises:
            ModelError, ModelNotFound: as the first call would.
        """
        self._check_open()
        question = "What does the text say?"
        parts = segmentation.segment([Document(f"{question} The text says what it says.")])
        self.scorer.score(question, parts)

    def close(self) -> None:
        """Let go of the models; what nobody else holds is freed at once. Not while a call is running.

        A closed compressor can't be used any more; to close it again does nothing.
        """
        if not self._closed:
            self._closed = True
            self.proxy = None
            del self.scorer, self.layout, self._split
            give_back()

    def _check_open(self) -> None:
        if self._closed:
            raise InputError("this compressor is closed; make another, or use it within its with block")

    def __call__(
        self,
        question: str,
        documents: Sequence[Document] | Segmentation,
        *,
        budget: Budget | None = None,
        scores: Scores | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        on_error: OnError | None = None,
    ) -> CompressedContext:
        """Compress.

        Args:
            documents: retrieved documents, or a segmentation made elsewhere. Never changed.
            budget: hard ceiling on the rendered text; None: the plan's.
            scores: scores computed before for the same sentences, to try another budget without scoring.
            progress: called with (passages done, passages in all) while scoring.
            timeout: seconds; None: the plan's. Looked at between batches of passages and while selecting: the
                work stops, and at most one batch (about 1,000 tokens) begins before the limit and ends after
                it.
            deadline: seconds from the call after which a scorer that can (``evidence``) reads no more; what
                was not read is scored by the cheap signals, and the scores' details say so. None: the
                plan's.
            on_error: ``raise``, or ``passthrough``: whatever goes wrong, the time limit included, gives all
                documents back uncompressed, which may be more than the budget; the log has a warning, and
                ``CompressedContext.passthrough`` the reason. Arguments that can't be used raise all the same.
                None: the plan's.

        Raises:
            InputError: for an empty question, no documents, documents without any text, or no budget.
            BudgetTooSmall: if not one sentence fits, or not all that documents must keep; names a budget that
                works.
            CompressionTimeout: when the time is up.
        """
        stop = self._stop(timeout, deadline)
        return self._run(
            _Call(
                question=question,
                documents=documents,
                budget=self._budget(budget),
                scores=scores,
                progress=progress,
                stop=stop,
                on_error=on_error or self.plan.on_error,
            )
        )

    async def acompress(
        self,
        question: str,
        documents: Sequence[Document] | Segmentation,
        *,
        budget: Budget | None = None,
        scores: Scores | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        on_error: OnError | None = None,
    ) -> CompressedContext:
        """Compress in a thread of the event loop's default executor; the loop is free meanwhile.

        Cancelling the call ends the work as the time limit does, between batches. The time limit runs from
        the call, so waiting for a free thread counts. ``progress`` is called in the thread. Arguments and
        errors as in a plain call.
        """
        import asyncio  # who awaits has it already; others shall not wait for it at every start

        stop = self._stop(timeout, deadline)
        call = _Call(
            question=question,
            documents=documents,
            budget=self._budget(budget),
            scores=scores,
            progress=progress,
            stop=stop,
            on_error=on_error or self.plan.on_error,
        )
        try:
            return await asyncio.to_thread(self._run, call)
        finally:
            stop.cancel()

    def _stop(self, timeout: float | None, deadline: float | None) -> Stop:
        self._check_open()
        return Stop(
            self.plan.timeout if timeout is None else timeout,
            deadline=self.plan.deadline if deadline is None else deadline,
        )

    def _budget(self, budget: Budget | None) -> Budget:
        budget = budget or self.plan.budget
        if not isinstance(budget, Budget):
            raise InputError(f"a call needs a budget, such as budget=Budget(max_tokens=800), got {budget!r}")
        return budget

    def count(self, text: str) -> int:
        """Tokens of a text, counted as for the budget."""
        self._check_open()
        return self.layout.count(text)

    def _run(self, call: _Call) -> CompressedContext:
        watch = Watch()
        try:
            return self._compress(call, watch)
        except Exception as error:
            if call.on_error == "raise":
                raise
            reason = f"{type(error).__name__}: {error}"
        context = self._passthrough(call, reason, watch)
        _LOG.warning(
            "%d documents are passed on uncompressed: %s", len(context.segmentation.documents), reason
        )
        return context

    def _compress(self, call: _Call, watch: Watch) -> CompressedContext:
        question, budget, stop = call.question, call.budget, call.stop
        layout = replace(self.layout, count=stop.before(self.layout.count))
        parts = self._cut(call.documents)
        if not parts.sentences:
            raise InputError("the documents hold no text: there is nothing to compress")
        before = layout.tokens_before(parts)
        limit = budget.limit(before)
        if before <= budget.min_tokens:
            reason = f"not worth compressing: {before} tokens, and {budget.min_tokens} are always allowed"
            return self._passthrough(call, reason, watch)
        # Which sentences must be kept whatever the limit is not known before scoring.
        if not (budget.min_per_document or budget.min_tokens):
            layout.check_fits(parts, limit, before)
        watch.lap("segment")
        scores = call.scores or self._score(call, parts)
        if len(scores.values) != len(parts.sentences):
            raise InputError(f"{len(scores.values)} scores for {len(parts.sentences)} sentences")
        if layout.near_repeats and scores.vectors is None and not scores.details.get("stopped_early"):
            raise _without_vectors(layout.near_repeats, scores.scorer)
        judged = self.judge.look(parts, scores, budget)
        watch.lap("score")
        if budget.min_tokens:
            best = layout.count(layout.render(parts, scores.ranking()[:1], scores).text)
            limit = min(max(limit, best), before)
        # Another order may need more separators than the source: the output is still never longer (R4).
        fitted = layout.fit(parts, scores, limit, before, budget, judged.wanted)
        watch.lap("select")
        if fitted and self.plan.attention_sort and self.proxy:
            kept = fitted[1].kept
            ranked = self.plan.attention_sort.documents(
                self.proxy, question, parts, kept, progress=stop.after(None)
            )
            # Tokens at the borders of documents can merge otherwise in another order: selected anew under it.
            try:
                in_order = replace(layout, documents=ranked)
                fitted = in_order.fit(parts, scores, limit, before, budget, judged.wanted)
            except BudgetTooSmall as error:  # with another budget other sentences are read and ranked
                raise BudgetTooSmall(limit, before, error.what) from None
            watch.lap("order")
        if fitted is None:
            return self._passthrough(replace(call, documents=parts), _ONLY_ALL, watch)
        layout, selection = fitted
        made = layout.render(parts, selection.kept, scores)
        after = layout.count(made.text)
        watch.lap("render")
        context = CompressedContext(
            text=made.text,
            question=question,
            segmentation=parts,
            scores=scores,
            selection=selection,
            pieces=made.pieces,
            tokens_before=before,
            tokens_after=after,
            limit=limit,
            order=self.layout.order,
            settings={**self._settings(scores, budget), "keep_together": layout.keep_together},
            seconds=watch.seconds,
            promise=self.judge.settle(judged, selection),
            outlook=judged.outlook,
            layout=replace(layout, count=self.layout.count),
        )
        best_effort = doubt(context.sufficiency, self.plan.abstain_below)
        return replace(context, best_effort=best_effort) if best_effort else context

    def _cut(self, documents: Sequence[Document] | Segmentation) -> Segmentation:
        if isinstance(documents, Segmentation):
            return segmentation.uncut(documents.documents) if self.plan.whole_documents else documents
        return self._split(documents)

    def _score(self, call: _Call, parts: Segmentation) -> Scores:
        progress, until = call.stop.after(call.progress), call.stop.until
        return scorers.score(self.scorer, call.question, parts, until=until, progress=progress)

    def _passthrough(self, call: _Call, reason: str, watch: Watch) -> CompressedContext:
        """All documents, in source order, each a piece of its own where they were not cut before."""
        documents = call.documents
        parts = documents if isinstance(documents, Segmentation) else segmentation.uncut(documents)
        everything = tuple(range(len(parts.sentences)))
        rendered = self.layout.everything(parts)
        try:
            tokens = self.count(rendered.text)
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
            limit=call.budget.limit(tokens),
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
            "counter": self._counter_name,
        }


def _splitter(plan: Plan, own: Splitter | None) -> Splitter:
    if plan.whole_documents:
        return segmentation.uncut
    if own is not None or plan.language is None:
        return own or segmentation.segment
    return partial(segmentation.segment, language=plan.language)


def _without_vectors(near_repeats: float, scorer: str) -> InputError:
    return InputError(
        f"near_repeats={near_repeats:g} compares sentences by their vectors, and the scorer {scorer!r} made "
        "none: take evidence (with its embedder) or minilm, or near_repeats=0"
    )


def _check(question: str, documents: Sequence[Document] | Segmentation) -> None:
    if not isinstance(question, str) or not question.strip():
        raise InputError("the question is empty; compression needs a question")
    if any("\ud800" <= c <= "\udfff" for c in question):
        raise InputError("the question holds a lone surrogate, which is no valid text")
    if isinstance(documents, Segmentation):
        return
    if not documents:
        raise InputError("there are no documents to compress")
    for d in documents:
        if not isinstance(d, Document):
            raise InputError(f"documents must be ragcompress.Document, got {type(d).__name__}")
