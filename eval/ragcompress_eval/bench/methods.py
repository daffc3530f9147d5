"""Ways to compress, seen alike: our scorers here, other people's packages in ``rivals.methods``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from ragcompress import (
    Budget,
    BudgetTooSmall,
    Compressor,
    Proxy,
    RagCompressError,
    Scorer,
    Scores,
    Segmentation,
    Selection,
    Tokenizer,
)
from ragcompress.scorers import score
from ragcompress.selection.layout import Layout
from ragcompress.selection.ordering import ATTENTION_SORT, Order
from ragcompress.selection.rendering import render
from ragcompress.text.companions import Companions
from ragcompress.text.tokenizing import Counter, as_counter
from ragcompress.training.examples import Example

from .metrics import FloatArray
from .study import Refused, once_per_question

TOGETHER = "+together"
ALONE = "+alone"


class _Alone(Layout):
    """Every unit by itself: none brings what it needs to be understood, or is worth less without."""

    def companions_of(self, parts: Segmentation) -> Companions:
        """Copies alone: what is kept once is no matter of understanding."""
        belonging = super().companions_of(parts)
        return Companions(
            {}, {}, copies=belonging.copies, stretches=belonging.stretches, positions=belonging.positions
        )


def base_order(order: str) -> str:
    """An order without what may stand behind its name."""
    return order.removesuffix(ALONE).removesuffix(TOGETHER)


@dataclass(frozen=True, slots=True)
class Target:
    """What to compress to, in tokens of rendered text, and the order of what is kept.

    With ``TOGETHER`` behind its name it is an order of whole documents, not of single sentences. With
    ``ALONE`` nothing is kept for the sake of something else, from the same scores.
    ``near_repeats`` is that of ``ragcompress.Plan``.
    """

    budget: Budget
    order: str = "source"
    near_repeats: float = 0.0


@dataclass(frozen=True, slots=True)
class Context:
    """One question's documents after compression.

    Attributes:
        text: what the reader gets; empty where not one sentence fitted.
        kept: indices of the sentences kept, or kept word for word from another document, ascending; None
            where the method doesn't keep the data's sentences whole, so that only the text tells.
        ratio: kept ÷ original, both rendered, in tokens of one counter.
        seconds: wall time, scoring included.
        fits: False where nothing fitted, or the method kept more than it was allowed.
    """

    text: str
    kept: tuple[int, ...] | None
    ratio: float
    seconds: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Compressed:
    """One question, compressed by one method.

    Attributes:
        contexts: one per target, in their order; None where the method can't do it: a recall needs
            probabilities, near repeats need vectors.
        scores: (S,), of the data's sentences, higher is better; None where the method has none.
        settings: what the method was set to, JSON-able.
    """

    contexts: tuple[Context | None, ...]
    scores: FloatArray | None
    settings: Mapping[str, Any]


class Method(Protocol):
    """Compresses the documents of a question."""

    def compress(self, example: Example, targets: Sequence[Target]) -> Compressed:
        """Compress to every target.

        Raises:
            RagCompressError: if it can't; says why.
        """
        ...


class ScorerMethod:
    """A scorer of ours, asked once per question whatever the targets.

    Args:
        counter: what counts tokens for the budget, the same for all methods.
        names: what stands in the settings instead of a text: results hold no paths.
        proxy: loads what the order ``attention-sort`` reads; called only where it is asked for.
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        counter: Tokenizer | Counter,
        names: Mapping[str, str] | None = None,
        proxy: Callable[[], Proxy] | None = None,
    ) -> None:
        self._scorer, self._counter, self._names = scorer, counter, dict(names or {})
        self._load = proxy

    def compress(self, example: Example, targets: Sequence[Target]) -> Compressed:
        """Score, and then select and render for every target."""
        start = time.perf_counter()
        scores = score(self._scorer, example.question, example.segmentation)
        seconds = time.perf_counter() - start
        contexts = tuple(
            None
            if (target.budget.recall is not None and not scores.calibrated)
            or (target.near_repeats and scores.vectors is None)
            else self._context(example, target, scores, seconds)
            for target in targets
        )
        settings = {k: self._names.get(v, v) if isinstance(v, str) else v for k, v in scores.settings.items()}
        return Compressed(contexts, scores.values, settings)

    def _context(self, example: Example, target: Target, scores: Scores, seconds: float) -> Context:
        """Select and render; ``seconds`` is what scoring took."""
        if target.order.endswith(ALONE):
            return self._alone(example.segmentation, target, scores, seconds)
        order = cast(Order, base_order(target.order))  # checked by the compressor
        together = target.order.endswith(TOGETHER)
        proxy = self._load() if self._load and order == ATTENTION_SORT else None
        compressor = Compressor(
            self._scorer,
            counter=self._counter,
            order=order,
            keep_together=together,
            near_repeats=target.near_repeats,
            proxy=proxy,
        )
        start = time.perf_counter()
        try:
            context = compressor(example.question, example.segmentation, budget=target.budget, scores=scores)
        except BudgetTooSmall:
            # Nothing kept is this question's result, not the end of the run.
            return Context("", (), 0.0, seconds + time.perf_counter() - start, fits=False)
        seconds += time.perf_counter() - start
        return Context(context.text, _kept_or_repeated(context.selection), context.ratio, seconds, fits=True)

    def _alone(self, parts: Segmentation, target: Target, scores: Scores, seconds: float) -> Context:
        """As ``_context``, every unit by itself."""
        layout = _Alone(as_counter(self._counter), cast(Order, base_order(target.order)))
        before = layout.tokens_before(parts)
        start = time.perf_counter()
        try:
            fitted = layout.fit(parts, scores, target.budget.limit(before), before, target.budget)
        except BudgetTooSmall:
            return Context("", (), 0.0, seconds + time.perf_counter() - start, fits=False)
        kept = fitted[1] if fitted else Selection(tuple(range(len(parts.sentences))), {})
        text = layout.render(parts, kept.kept, scores).text
        seconds += time.perf_counter() - start
        return Context(text, _kept_or_repeated(kept), layout.count(text) / max(1, before), seconds, fits=True)


def _kept_or_repeated(selection: Selection) -> tuple[int, ...]:
    """What is kept, and what another document says word for word where that is kept."""
    kept = set(selection.kept)
    same = {
        i
        for i, other in selection.duplicate_of.items()
        if selection.dropped[i] == "duplicate" and other in kept
    }
    return tuple(sorted(kept | same))


def compress_once(method: Method, targets: Sequence[Target]) -> Callable[[Example], Compressed]:
    """Ask a method once a question for all targets, however many conditions look at what it made.

    Returns:
        A function that raises ``Refused`` for a question that the method can't compress.
    """

    @once_per_question
    def compress(example: Example) -> Compressed | RagCompressError:
        try:
            return method.compress(example, targets)
        except RagCompressError as error:
            return error

    def compressed(example: Example) -> Compressed:
        made = compress(example)
        if isinstance(made, RagCompressError):
            raise Refused(made) from made
        return made

    return compressed


def ours(
    scorers: Mapping[str, Scorer],
    *,
    counter: Tokenizer | Counter,
    names: Mapping[str, str] | None = None,
    proxy: Callable[[], Proxy] | None = None,
) -> dict[str, Method]:
    """Scorers as methods, by the same names."""
    return {
        name: ScorerMethod(scorer, counter=counter, names=names, proxy=proxy)
        for name, scorer in scorers.items()
    }


def full_text(example: Example) -> str:
    """All documents of a question, rendered as compressed ones are."""
    return render(example.segmentation, range(len(example.segmentation.sentences))).text


def head(text: str, n_tokens: int, counter: Tokenizer | Counter) -> str:
    """The longest beginning of a text that has at most so many tokens: what plain truncation leaves."""
    count = as_counter(counter)
    low, high = 0, len(text)
    if count(text) <= n_tokens:
        return text
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(text[:middle]) <= n_tokens else (low, middle)
    return text[:low]
