"""Which sentences stay under a hard budget.

Greedy by score: the best first, what does not fit is skipped, shorter ones further down may still fit. The
promise is about the *rendered* text, and token counts are not additive: joining sentences adds separators
and merges or splits tokens. So a plan is made with additive estimates (``greedy``), then rendered and
measured; the plan is trimmed or loosened by what the measurement shows, a few times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .data import Reason, Scores, Segmentation, Selection
from .errors import BudgetTooSmall, InputError
from .tokenizing import Counter

Render = Callable[[tuple[int, ...]], str]

_LOOSENINGS = 4
_EXACT_TRIES = 16


def select(
    segmentation: Segmentation, scores: Scores, *, limit: int, count: Counter, render: Render
) -> Selection:
    """Keep the best sentences that fit; ties go to the earlier one.

    Calls ``count`` and ``render`` once per sentence and document on single sentences, and some 10 to 30 times
    on the whole selection.

    Args:
        limit: ceiling on ``count(render(kept))``, in tokens.
        count: tokens of a text. It need not be additive, or even monotone.
        render: the final text for kept sentences (ascending indices), headers and separators included.

    Returns:
        At least one sentence if there is any; ``count(render(kept)) <= limit``.

    Raises:
        BudgetTooSmall: if not one sentence fits alone; at the budget that it names one does.
        InputError: if scores and sentences differ in number, or the limit is below 1.
    """
    n_sentences = len(segmentation.sentences)
    if len(scores.values) != n_sentences:
        raise InputError(f"{len(scores.values)} scores for {n_sentences} sentences")
    everything = tuple(range(n_sentences))
    if not everything:
        if limit < 1:
            raise InputError(f"the limit must be at least 1 token, got {limit}")
        return Selection((), {})
    if limit >= 1 and count(render(everything)) <= limit:
        return Selection(everything, {})
    alone = [count(render((i,))) for i in everything]
    if limit < max(1, min(alone)):
        raise BudgetTooSmall(limit, max(1, min(alone)))
    ranking = scores.ranking()
    plan = _plan(segmentation, alone, ranking, count)
    measure = _Measure(limit, count, render)
    kept = _fill(plan, _loosen(plan, _trim(plan, plan.greedy(limit), measure), measure), measure)
    return Selection(tuple(sorted(kept)), _reasons(ranking, kept, alone, limit))


def greedy(
    order: Sequence[int], costs: Sequence[int], headers: Sequence[int], documents: Sequence[int], limit: int
) -> tuple[int, ...]:
    """Take sentences in order while they fit, skipping those that don't.

    Args:
        order: sentence indices, best first.
        costs: estimated tokens of each sentence, by index.
        headers: estimated tokens of each document's header, charged with its first sentence.
        documents: document of each sentence, by index.
        limit: ceiling on the sum.

    Returns:
        The sentences taken, best first.
    """
    taken: list[int] = []
    opened: set[int] = set()
    left = limit
    for i in order:
        cost = costs[i] + (0 if documents[i] in opened else headers[documents[i]])
        if cost <= left:
            left -= cost
            opened.add(documents[i])
            taken.append(i)
    return tuple(taken)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Additive estimates. A sentence alone, with its header, is exact: ``costs[i] + headers[its document]``."""

    ranking: tuple[int, ...]
    costs: tuple[int, ...]
    headers: tuple[int, ...]
    documents: tuple[int, ...]

    def greedy(self, allowance: int) -> tuple[int, ...]:
        return greedy(self.ranking, self.costs, self.headers, self.documents, allowance)

    def estimate(self, kept: Sequence[int]) -> int:
        opened = {self.documents[i] for i in kept}
        return sum(self.costs[i] for i in kept) + sum(self.headers[d] for d in opened)


@dataclass(frozen=True, slots=True)
class _Measure:
    limit: int
    count: Counter
    render: Render

    def __call__(self, kept: Sequence[int]) -> int:
        return self.count(self.render(tuple(sorted(kept))))


def _plan(segmentation: Segmentation, alone: list[int], ranking: tuple[int, ...], count: Counter) -> _Plan:
    """Split what each sentence costs alone into its document's header and its own part, neither negative."""
    documents = tuple(s.document for s in segmentation.sentences)
    headers = [0] * len(segmentation.documents)
    smallest: dict[int, int] = {}
    for i, document in enumerate(documents):
        if document not in smallest:
            headers[document] = max(0, alone[i] - count(segmentation.sentences[i].text))
        smallest[document] = min(smallest.get(document, alone[i]), alone[i])
    for document, n in smallest.items():
        headers[document] = min(headers[document], n)
    costs = tuple(alone[i] - headers[d] for i, d in enumerate(documents))
    return _Plan(ranking, costs, tuple(headers), documents)


def _trim(plan: _Plan, kept: tuple[int, ...], measure: _Measure) -> tuple[int, ...]:
    """Drop the worst until the rendered text fits; the best one alone always does.

    The estimate is scaled by what was measured, and each round drops at least twice as many as the one
    before, so a wild counter costs a few renderings, not one per sentence.
    """
    at_least = 1
    while len(kept) > 1 and (n := measure(kept)) > measure.limit:
        goal = plan.estimate(kept) * measure.limit // n
        fewer = kept[:-at_least] or kept[:1]
        while len(fewer) > 1 and plan.estimate(fewer) > goal:
            fewer = fewer[:-1]
        kept = fewer
        at_least *= 2
    return kept


def _loosen(plan: _Plan, kept: tuple[int, ...], measure: _Measure) -> tuple[int, ...]:
    """Plan again with a larger allowance while the estimates prove too careful."""
    for _ in range(_LOOSENINGS):
        n = measure(kept)
        allowance = plan.estimate(kept) * measure.limit // max(n, 1)
        more = _trim(plan, plan.greedy(allowance), measure)
        if not _better(plan, more, kept):
            break
        kept = more
    return kept
