"""``Compressor``: one of each stage, put together."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Self, Unpack

from . import scorers
from .budget import Budget
from .calibration.judging import Judge
from .context import CompressedContext
from .data import Document, Progress, Scores, Segmentation
from .errors import InputError
from .loading import give_back, load_models
from .pipeline import Call, Pipeline, Splitter
from .plan import LayoutOptions, ModelOptions, Plan
from .proxy.base import Proxy
from .proxy.loading import DEFAULT_PROXY
from .proxy.reuse import KeyValueStore
from .selection.layout import Layout
from .stopping import OnError, Stop
from .text import segmentation
from .text.tokenizing import as_counter


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
        if not callable(getattr(scorer, "score", None)):
            raise InputError(
                f"scorer must be an object that scores, got {scorer!r}; by name it is made by "
                "Compressor.from_pretrained(scorer=NAME) or ragcompress.scorers.make(NAME)"
            )
        self.plan = (plan or Plan()).with_options(options)
        self._pipeline: Pipeline | None = Pipeline(
            plan=self.plan,
            scorer=scorer,
            layout=self.plan.layout(as_counter(counter)),
            judge=Judge.find(self.plan.calibration, scorer.name, getattr(scorer, "probe", None)),
            splitter=splitter,
            proxy=proxy or getattr(scorer, "proxy", None),
            counter_name=type(counter).__name__,
        )

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
        question = "What does the text say?"
        parts = segmentation.segment([Document(f"{question} The text says what it says.")])
        self.scorer.score(question, parts)

    def close(self) -> None:
        """Let go of the models; what nobody else holds is freed at once. Not while a call is running.

        A closed compressor can't be used any more; to close it again does nothing.
        """
        if self._pipeline is not None:
            self._pipeline = None
            give_back()

    @property
    def _open(self) -> Pipeline:
        if self._pipeline is None:
            raise InputError("this compressor is closed; make another, or use it within its with block")
        return self._pipeline

    @property
    def scorer(self) -> scorers.Scorer:
        """What gives every sentence a number."""
        return self._open.scorer

    @property
    def layout(self) -> Layout:
        """How kept sentences become a text."""
        return self._open.layout

    @property
    def proxy(self) -> Proxy | None:
        """The model that scorer or order read; None: they read none, or the compressor is closed."""
        return self._pipeline.proxy if self._pipeline else None

    @property
    def judge(self) -> Judge:
        """What promises about recall rest on."""
        return self._open.judge

    def with_judge(self, judge: Judge) -> Self:
        """Return a compressor with the same models whose promises rest on something else."""
        other = copy(self)
        other._pipeline = replace(self._open, judge=judge)
        return other

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
        return self._open.run(
            self._call(
                question,
                documents,
                budget=budget,
                scores=scores,
                progress=progress,
                timeout=timeout,
                deadline=deadline,
                on_error=on_error,
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

        call = self._call(
            question,
            documents,
            budget=budget,
            scores=scores,
            progress=progress,
            timeout=timeout,
            deadline=deadline,
            on_error=on_error,
        )
        try:
            return await asyncio.to_thread(self._open.run, call)
        finally:
            call.stop.cancel()

    def _call(
        self,
        question: str,
        documents: Sequence[Document] | Segmentation,
        *,
        budget: Budget | None,
        scores: Scores | None,
        progress: Progress | None,
        timeout: float | None,
        deadline: float | None,
        on_error: OnError | None,
    ) -> Call:
        """A call's arguments, with the plan's values where it has none; its time runs from here."""
        plan = self._open.plan
        stop = Stop(
            plan.timeout if timeout is None else timeout,
            deadline=plan.deadline if deadline is None else deadline,
        )
        budget = budget or plan.budget
        if not isinstance(budget, Budget):
            raise InputError(f"a call needs a budget, such as budget=Budget(max_tokens=800), got {budget!r}")
        return Call(
            question,
            documents,
            budget,
            scores=scores,
            progress=progress,
            stop=stop,
            on_error=on_error or plan.on_error,
        )

    def count(self, text: str) -> int:
        """Tokens of a text, counted as for the budget."""
        return self.layout.count(text)
