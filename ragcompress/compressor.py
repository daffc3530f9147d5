"""``Compressor``: one of each stage, put together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from . import models, scorers
from .context import CompressedContext
from .data import Budget, Document, Progress, Scores, Segmentation, Selection, Sentence
from .errors import InputError
from .proxy.base import Proxy
from .proxy.loading import DEFAULT_PROXY, load_proxy
from .proxy.reuse import KeyValueStore
from .selection.attention_sort import AttentionSort
from .selection.layout import Layout
from .stopping import OnError, Stop, check_on_error
from .text import segmentation
from .text.tokenizing import Tokenizer, as_counter

_LOG = logging.getLogger("ragcompress")

Splitter = Callable[[Sequence[Document]], Segmentation]


class Compressor:
    """Compresses documents for a question. Holds no state between calls; safe to use from several threads.

    Args:
        scorer: gives every sentence a number (``ragcompress.scorers``).
        counter: counts tokens of rendered text: the tokenizer of the main LLM, or any ``str -> int``.
        order: ``source``, ``best-first``, ``best-last``, ``edges`` or ``attention-sort``; or an
            ``AttentionSort`` with settings of its own.
        format: ``text``, ``md`` or ``plain`` (without titles).
        mark_gaps: write ``[…]`` where sentences were left out.
        keep_together: put whole documents in order, each as good as its best sentence, not single sentences.
        headings: keep the heading above a kept sentence, too.
        splitter: cuts documents into sentences.
        proxy: what ``attention-sort`` reads; None: the scorer's.

    Attributes:
        proxy: the model that scorer or order read; None: they read none.

    Raises:
        InputError, UnknownName: for a counter, order or format that can't be used.
    """

    def __init__(
        self,
        scorer: scorers.Scorer,
        *,
        counter: Any,
        order: str | AttentionSort = "source",
        format: str = "text",
        mark_gaps: bool = False,
        keep_together: bool = False,
        headings: bool = False,
        splitter: Splitter = segmentation.segment,
        proxy: Proxy | None = None,
    ) -> None:
        self._sort = AttentionSort() if order == AttentionSort.name else None
        if isinstance(order, AttentionSort):
            self._sort, order = order, order.name
        self.proxy: Proxy | None = proxy or getattr(scorer, "proxy", None)
        if self._sort and self.proxy is None:
            raise InputError(
                f"the order {order!r} reads a proxy, and the scorer {scorer.name!r} has none: pass proxy="
            )
        self.layout = Layout(as_counter(counter), order, format, mark_gaps, keep_together, headings)
        self.scorer, self.order, self.format, self.mark_gaps = scorer, order, format, mark_gaps
        self.keep_together = keep_together
        self._counter_name = type(counter).__name__
        self._split = splitter

    @classmethod
    def from_pretrained(
        cls,
        proxy: str = DEFAULT_PROXY,
        *,
        scorer: str = scorers.DEFAULT,
        scorer_settings: dict[str, Any] | None = None,
        backend: str | None = None,
        download: bool = True,
        progress: Progress | None = None,
        counter: Any = None,
        threads: int | None = None,
        precision: str | None = None,
        store: KeyValueStore | None = None,
        **options: Any,
    ) -> Compressor:
        """Load a proxy (only if the scorer needs one) and build a compressor.

        Args:
            proxy: a known model, a local folder, a GGUF file, or a hub id; also names the tokenizer that
                counts when ``counter`` is None.
            scorer: a name of ``ragcompress.scorers.available()``.
            backend: ``onnx`` (default) or ``torch``.
            download: fetch the model when it is not cached (a log message says so first).
            progress: called with (bytes done, bytes in all) while downloading.
            threads: threads of one run of the onnx backend; None: one per core.
            precision: of the proxy (``load_proxy``); None: the backend's default.
            store: where passages' keys and values are kept for later questions; None: a part of the memory.
            options: keyword arguments of the constructor.

        Raises:
            ModelNotFound, ModelError, ProbeMismatch, UnknownName, MissingExtra: each says what to do.
        """

        def loaded() -> Proxy:
            return load_proxy(
                proxy,
                backend=backend,
                download=download,
                progress=progress,
                threads=threads,
                precision=precision,
                store=store,
            )

        made = scorers.make(scorer, proxy=loaded, **(scorer_settings or {}))
        if _reads(options.get("order")) and not hasattr(made, "proxy") and "proxy" not in options:
            options["proxy"] = loaded()
        if counter is None:
            own = getattr(made, "proxy", None)
            counter = own.tokenizer if own else _tokenizer(proxy, download, progress)
        return cls(made, counter=counter, **options)

    def __call__(
        self,
        question: str,
        documents: Sequence[Document] | Segmentation,
        *,
        budget: Budget,
        scores: Scores | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
        on_error: OnError = "raise",
    ) -> CompressedContext:
        """Compress.

        Args:
            documents: retrieved documents, or a segmentation made elsewhere. Never changed.
            budget: hard ceiling on the rendered text.
            scores: scores computed before for the same sentences, to try another budget without scoring.
            progress: called with (passages done, passages in all) while scoring.
            timeout: seconds. Looked at between batches of passages and while selecting: the work stops, and
                at most one batch (about 1,000 tokens) begins before the limit and ends after it.
            on_error: ``raise``, or ``passthrough``: whatever goes wrong, the time limit included, gives all
                documents back uncompressed, which may be more than the budget; the log has a warning, and
                ``CompressedContext.passthrough`` the reason. Arguments that can't be used raise all the same.

        Raises:
            InputError: for an empty question, no documents, or documents without any text.
            BudgetTooSmall: if not one sentence fits; says the smallest budget that would work.
            CompressionTimeout: when the time is up.
        """
        check_on_error(on_error)
        return self._guarded(question, documents, budget, scores, progress, Stop(timeout), on_error)

    async def acompress(
        self,
        question: str,
        documents: Sequence[Document] | Segmentation,
        *,
        budget: Budget,
        scores: Scores | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
        on_error: OnError = "raise",
    ) -> CompressedContext:
        """Compress in a thread of the event loop's default executor; the loop goes on meanwhile.

        Cancelling the call ends the work as the time limit does, between batches. The time limit runs from
        the call, so waiting for a free thread counts. ``progress`` is called in the thread. Arguments and
        errors as in a plain call.
        """
        import asyncio  # who awaits has it already; others shall not wait for it at every start

        check_on_error(on_error)
        stop = Stop(timeout)
        try:
            return await asyncio.to_thread(
                self._guarded, question, documents, budget, scores, progress, stop, on_error
            )
        finally:
            stop.cancel()

    def count(self, text: str) -> int:
        """Tokens of a text, counted as for the budget."""
        return self.layout.count(text)

    def _guarded(
        self,
        question: str,
        documents: Sequence[Document] | Segmentation,
        budget: Budget,
        scores: Scores | None,
        progress: Progress | None,
        stop: Stop,
        on_error: OnError,
    ) -> CompressedContext:
        _check(question, documents)
        watch = _Watch()
        try:
            return self._compress(question, documents, budget, scores, progress, stop, watch)
        except Exception as error:
            if on_error == "raise":
                raise
            reason = f"{type(error).__name__}: {error}"
        context = self._passthrough(question, documents, budget, reason, watch)
        _LOG.warning(
            "%d documents are passed on uncompressed: %s", len(context.segmentation.documents), reason
        )
        return context

    def _compress(
        self,
        question: str,
        documents: Sequence[Document] | Segmentation,
        budget: Budget,
        scores: Scores | None,
        progress: Progress | None,
        stop: Stop,
        watch: _Watch,
    ) -> CompressedContext:
        layout = replace(self.layout, count=stop.before(self.layout.count))
        parts = documents if isinstance(documents, Segmentation) else self._split(documents)
        if not parts.sentences:
            raise InputError("the documents hold no text: there is nothing to compress")
        before = layout.tokens_before(parts)
        limit = budget.limit(before)
        # Another order may need more separators than the source: the output is still never longer (R4).
        allowed = min(limit, before)
        layout.check_fits(parts, allowed)
        watch.lap("segment")
        scores = scores or self.scorer.score(question, parts, progress=stop.after(progress))
        if len(scores.values) != len(parts.sentences):
            raise InputError(f"{len(scores.values)} scores for {len(parts.sentences)} sentences")
        watch.lap("score")
        kept = layout.select(parts, scores, allowed, budget.recall, budget)
        watch.lap("select")
        if self._sort and self.proxy:
            ranked = self._sort.documents(self.proxy, question, parts, kept.kept, progress=stop.after(None))
            # Tokens at the borders of documents can merge otherwise in another order: selected anew under it.
            layout = replace(layout, documents=ranked)
            kept = layout.select(parts, scores, allowed, budget.recall, budget)
            watch.lap("order")
        made = layout.render(parts, kept.kept, scores)
        after = layout.count(made.text)
        watch.lap("render")
        return CompressedContext(
            made.text, question, parts, scores, kept, made.pieces, before, after, limit, self.order,
            self._settings(scores, budget), watch.seconds,
            layout=replace(self.layout, documents=layout.documents),
        )  # fmt: skip

    def _passthrough(
        self,
        question: str,
        documents: Sequence[Document] | Segmentation,
        budget: Budget,
        reason: str,
        watch: _Watch,
    ) -> CompressedContext:
        """All documents, in source order, each a piece of its own where they were not cut before."""
        parts = documents if isinstance(documents, Segmentation) else _uncut(documents)
        everything = tuple(range(len(parts.sentences)))
        rendered = self.layout.everything(parts)
        tokens = self.count(rendered.text)
        scores = Scores(np.zeros(len(everything)), "none")
        watch.lap("passthrough")
        return CompressedContext(
            rendered.text, question, parts, scores, Selection(everything, {}), rendered.pieces, tokens,
            tokens, budget.limit(tokens), "source", self._settings(scores, budget), watch.seconds, reason,
        )  # fmt: skip

    def _settings(self, scores: Scores, budget: Budget) -> dict[str, Any]:
        return {
            "scorer": scores.scorer,
            "scorer_settings": dict(scores.settings),
            "budget": asdict(budget),
            "format": self.format,
            "mark_gaps": self.mark_gaps,
            "keep_together": self.keep_together,
            "headings": self.layout.headings,
            **({"order": self._sort.settings()} if self._sort else {}),
            "counter": self._counter_name,
        }


def _reads(order: str | AttentionSort | None) -> bool:
    return isinstance(order, AttentionSort) or order == AttentionSort.name


def _tokenizer(proxy: str, download: bool, progress: Progress | None) -> Tokenizer:
    """The proxy's tokenizer without the proxy, for scorers that need none."""
    return Tokenizer.from_folder(models.resolve(proxy, download=download, progress=progress).path)


def _uncut(documents: Sequence[Document]) -> Segmentation:
    """Every document that holds text as one sentence."""
    texts = ((d, document.text, document.text.strip()) for d, document in enumerate(documents))
    starts = ((d, text.find(stripped), stripped) for d, text, stripped in texts if stripped)
    return Segmentation(
        tuple(documents), tuple(Sentence(d, a, a + len(stripped), stripped) for d, a, stripped in starts)
    )


class _Watch:
    """Wall time per stage, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now


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
