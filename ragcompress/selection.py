"""Which sentences stay under a hard budget.

Greedy by score: the best first, what does not fit is skipped, shorter ones further down may still fit. The
promise is about the *rendered* text, and token counts are not additive: joining sentences adds separators
and merges or splits tokens. So a plan is made with additive estimates (``greedy``), then rendered and
measured; the plan is trimmed or loosened by what the measurement shows, a few times.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from .data import Reason, Scores, Segmentation, Selection
from .errors import BudgetTooSmall, InputError
from .tokenizing import Counter

Render = Callable[[tuple[int, ...]], str]
Measure = Callable[[tuple[int, ...]], int]

_LOOSENINGS = 4
_EXACT_TRIES = 16


def select(
    segmentation: Segmentation, scores: Scores, *, limit: int, count: Counter, render: Render
) -> Selection:
    """Keep the best sentences that fit; ties go to the earlier one.

    Calls ``count`` and ``render`` once per sentence and document on single sentences, and some 10 to 30 times
    on the whole selection.

    Args:
        segmentation: the documents and their sentences.
        scores: one per sentence.
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

    @cache
    def measure(kept: tuple[int, ...]) -> int:
        return count(render(tuple(sorted(kept))))

    ranking = scores.ranking()
    plan = _plan(segmentation, [i for i in ranking if alone[i] <= limit], alone, count)
    kept = _trim(plan, plan.greedy(limit), limit, measure)
    kept = _fill(plan, _loosen(plan, kept, limit, measure), limit, measure)
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
    """Additive estimates for the sentences that fit alone.

    Attributes:
        ranking: those sentences, best first.
        costs, headers, documents: see ``greedy``. For a sentence alone the estimate, its cost and its
            document's header, is exact.
    """

    ranking: tuple[int, ...]
    costs: tuple[int, ...]
    headers: tuple[int, ...]
    documents: tuple[int, ...]

    def greedy(self, allowance: int) -> tuple[int, ...]:
        return greedy(self.ranking, self.costs, self.headers, self.documents, allowance)

    def sums(self, kept: Sequence[int]) -> list[int]:
        """Estimates of the first one, two, three … of ``kept``."""
        opened: set[int] = set()
        added = []
        for i in kept:
            document = self.documents[i]
            added.append(self.costs[i] + (0 if document in opened else self.headers[document]))
            opened.add(document)
        return list(accumulate(added))


def _plan(segmentation: Segmentation, fitting: Sequence[int], alone: Sequence[int], count: Counter) -> _Plan:
    """Split what each sentence costs alone into its document's header and its own part, neither negative."""
    documents = tuple(s.document for s in segmentation.sentences)
    members: dict[int, list[int]] = {}
    for i, document in enumerate(documents):
        members.setdefault(document, []).append(i)
    headers = [0] * len(segmentation.documents)
    for document, indices in members.items():
        header = alone[indices[0]] - count(segmentation.sentences[indices[0]].text)
        headers[document] = max(0, min(header, *(alone[i] for i in indices)))
    costs = tuple(alone[i] - headers[d] for i, d in enumerate(documents))
    return _Plan(tuple(fitting), costs, tuple(headers), documents)


def _trim(plan: _Plan, kept: tuple[int, ...], limit: int, measure: Measure) -> tuple[int, ...]:
    """Drop the worst of ``kept`` (best first) until the rendered text fits; the best alone always does.

    How many go is estimated, and at least twice as many as in the round before, so a counter that is far
    from additive costs a few renderings, not one per sentence.
    """
    at_least = 1
    while len(kept) > 1 and (n := measure(kept)) > limit:
        sums = plan.sums(kept)
        fitting = bisect_right(sums, sums[-1] * limit // n)
        kept = kept[: max(1, min(fitting, len(kept) - at_least))]
        at_least *= 2
    return kept


def _loosen(plan: _Plan, kept: tuple[int, ...], limit: int, measure: Measure) -> tuple[int, ...]:
    """Plan again with a larger allowance for as long as that keeps better sentences."""
    for _ in range(_LOOSENINGS):
        allowance = plan.sums(kept)[-1] * limit // max(1, measure(kept))
        more = _trim(plan, plan.greedy(allowance), limit, measure)
        if not _better(plan, more, kept):
            break
        kept = more
    return kept


def _better(plan: _Plan, these: Sequence[int], those: Sequence[int]) -> bool:
    """Whether, going down the ranking, ``these`` is the first to keep a sentence that the other lacks."""
    lacking = set(these) ^ set(those)
    return next((i in set(these) for i in plan.ranking if i in lacking), False)


def _fill(plan: _Plan, kept: tuple[int, ...], limit: int, measure: Measure) -> tuple[int, ...]:
    """Use the room that is left: add what fits by measurement, going down the ranking."""
    inside, left, tries = set(kept), limit - measure(kept), 0
    opened = {plan.documents[i] for i in kept}
    for i in plan.ranking:
        document = plan.documents[i]
        cost = plan.costs[i] + (0 if document in opened else plan.headers[document])
        if i in inside or cost > left:
            continue
        if (n := measure((*kept, i))) <= limit:
            kept, left = (*kept, i), limit - n
            opened.add(document)
        tries += 1
        if tries == _EXACT_TRIES:
            break
    return kept


def _reasons(
    ranking: Sequence[int], kept: Sequence[int], alone: Sequence[int], limit: int
) -> dict[int, Reason]:
    inside = set(kept)
    worst = max(rank for rank, i in enumerate(ranking) if i in inside)
    reasons: dict[int, Reason] = {}
    for rank, i in enumerate(ranking):
        if i not in inside:
            reason: Reason = "over_budget" if rank > worst else "did_not_fit"
            reasons[i] = "too_long" if alone[i] > limit else reason
    return reasons
