"""Which sentences stay under a hard budget.

Greedy by score: the best first, what does not fit is skipped, shorter ones further down may still fit. The
promise is about the *rendered* text, and token counts are not additive: joining sentences adds separators
and merges or splits tokens. So a plan is made with additive estimates (``greedy``), and how much of the plan
really fits is found by rendering and measuring a few of its beginnings. Where counts grow with the text this
gives what measuring after every single sentence would give, in about ten renderings.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ..data import Budget, Reason, Scores, Segmentation, Selection
from ..errors import BudgetTooSmall, InputError
from ..text.tokenizing import Counter

Render = Callable[[tuple[int, ...]], str]
Measure = Callable[[tuple[int, ...]], int]

_ROUNDS = 16
_STEPS = 8
# Less than this part of the limit is not worth another rendering.
_NEGLIGIBLE = 500
# A document so many times as long as others mostly are, of which there are so many: its share of the budget.
_FAR_LARGER, _FEWEST_OTHERS, _MOST_OF_ONE = 5, 4, 1 / 3
_NONE, _MUSTS = "no sentence fits", "what every document must keep does not fit"


def select(
    segmentation: Segmentation,
    scores: Scores,
    *,
    limit: int,
    count: Counter,
    render: Render,
    recall: float | None = None,
    shares: Budget | None = None,
    repeats: Mapping[int, int] | None = None,
    wanted: Collection[int] | None = None,
) -> Selection:
    """Keep the best sentences that fit; ties go to the earlier one.

    Calls ``count`` and ``render`` once per sentence and document on single sentences, and about ten times
    on the whole selection.

    Args:
        segmentation: the documents and their sentences.
        scores: one per sentence.
        limit: ceiling on ``count(render(kept))``, in tokens.
        count: tokens of a text. It need not be additive, or even monotone.
        render: the final text for kept sentences (ascending indices), headers and separators included.
        recall: stop at this share of the expected evidence (``enough``); where nothing of it fits, the best
            that does is kept.
        shares: what single documents must and may keep (``share_out``); None: there is no rule.
        repeats: sentences to leave out, each with the better one that says the same (``find_repeats``).
        wanted: in place of a recall: the sentences that are enough.

    Returns:
        At least one sentence if there is any; ``count(render(kept)) <= limit``.

    Raises:
        BudgetTooSmall: if not one sentence fits alone, or not all that documents must keep; at the budget
            that it names they do.
        InputError: if scores and sentences differ in number, the limit is below 1, or a recall is asked of
            scores that are no probabilities.
    """
    n_sentences = len(segmentation.sentences)
    if len(scores.values) != n_sentences:
        raise InputError(f"{len(scores.values)} scores for {n_sentences} sentences")
    if not n_sentences:
        if limit < 1:
            raise InputError(f"the limit must be at least 1 token, got {limit}")
        return Selection((), {})
    repeats = repeats or {}
    without = _boilerplate(segmentation) | dict.fromkeys(repeats, "duplicate")
    ranking = tuple(i for i in scores.ranking() if i not in without)
    aim = _aim(scores, ranking, recall, wanted, repeats)
    shares = shares or Budget(ratio=1)
    complete = aim == ranking and not share_out(segmentation, ranking, shares)[1]
    everything = tuple(sorted(ranking))
    if complete and limit >= 1 and count(render(everything)) <= limit:
        return Selection(everything, without, repeats)
    sizes = [count(render((i,))) for i in range(n_sentences)]

    def measure(kept: tuple[int, ...]) -> int:
        return count(render(tuple(sorted(kept))))

    shortest = max(1, min(sizes[i] for i in ranking))
    least = max(limit, shortest)
    fitting = [i for i in ranking if sizes[i] <= least]
    first, dropped = share_out(segmentation, fitting, shares)
    # In a larger budget a better sentence may fit, which then is the one to be kept.
    while first and (n := measure(first)) > least:
        least = n
        first = share_out(segmentation, [i for i in ranking if sizes[i] <= least], shares)[0]
    if least > limit:
        raise BudgetTooSmall(limit, least, _MUSTS if limit >= shortest else _NONE)
    for i in set(ranking).difference(aim, first, dropped):
        dropped[i] = "enough"
    if all(i in dropped for i in fitting):  # all that a recall wants are too long
        del dropped[fitting[0]]
    wanted = tuple(i for i in fitting if i not in dropped)
    behind = _crowding(segmentation, wanted, sizes, limit) if recall is None else ()
    plan = _plan(segmentation, [i for i in wanted if i not in behind] + list(behind), sizes, count)
    kept = _pack(plan, limit, measure, first)
    reasons = _reasons([i for i in ranking if i not in dropped], kept, sizes, limit)
    reasons |= {i: "document_cap" for i in behind if i in reasons}
    return Selection(tuple(sorted(kept)), reasons | dropped | without, repeats)


def _aim(
    scores: Scores,
    ranking: tuple[int, ...],
    recall: float | None,
    wanted: Collection[int] | None,
    repeats: Mapping[int, int],
) -> tuple[int, ...]:
    """What a recall asks for, best first; a repeat asks for the one that stands for it."""
    if wanted is not None:
        asked = {repeats.get(i, i) for i in wanted}
        return tuple(i for i in ranking if i in asked) or ranking[:1]
    return ranking if recall is None else ranking[: enough(scores, recall, ranking)]


def _boilerplate(segmentation: Segmentation) -> dict[int, Reason]:
    """What leads about the pages, or stands on all of them, is worth no token, if there is anything else."""
    sentences = segmentation.sentences
    reasons: dict[int, Reason] = {
        i: "boilerplate" for i, s in enumerate(sentences) if s.kind == "boilerplate"
    }
    return reasons if len(reasons) < len(sentences) else {}


def _crowding(
    segmentation: Segmentation, ranking: Sequence[int], alone: Sequence[int], limit: int
) -> tuple[int, ...]:
    """What one flood of a document has beyond its share of the budget: kept only where others leave room.

    Args:
        ranking: sentences that may be kept, best first.
        alone: tokens of each sentence alone.

    Returns:
        Sentences, best first; none where no document is out of all proportion to the others.
    """
    sizes = [0] * len(segmentation.documents)
    for s in segmentation.sentences:
        sizes[s.document] += len(s.text)
    largest = int(np.argmax(sizes))
    others = [size for document, size in enumerate(sizes) if size and document != largest]
    if len(others) < _FEWEST_OTHERS or sizes[largest] <= _FAR_LARGER * float(np.median(others)):
        return ()
    left = limit * _MOST_OF_ONE
    behind = []
    for i in ranking:
        if segmentation.sentences[i].document == largest:
            left -= alone[i]
            if left < 0:
                behind.append(i)
    return tuple(behind)


def share_out(
    segmentation: Segmentation, ranking: Sequence[int], shares: Budget
) -> tuple[tuple[int, ...], dict[int, Reason]]:
    """What single documents must keep, and what they may not.

    Args:
        segmentation: the documents and their sentences.
        ranking: sentences that could be kept, best first.
        shares: ``max_documents``, ``min_per_document`` and ``max_per_document`` are looked at.

    Returns:
        The sentences that must be kept, best first, and a reason for each that may not.
    """
    first: list[int] = []
    others: dict[int, Reason] = {}
    n_seen: dict[int, int] = {}
    for i in ranking:
        document = segmentation.sentences[i].document
        if document not in n_seen and len(n_seen) == shares.max_documents:
            others[i] = "other_documents"
            continue
        n_seen[document] = n_seen.get(document, 0) + 1
        if shares.max_per_document and n_seen[document] > shares.max_per_document:
            others[i] = "document_cap"
        elif n_seen[document] <= shares.min_per_document:
            first.append(i)
    return tuple(first), others


def enough(scores: Scores, recall: float, ranking: Sequence[int] | None = None) -> int:
    """How many of the best sentences hold a share of the evidence, if the scores are right; at least one.

    ``ranking`` has those that count; None: all. With probabilities p the expected number of needed
    sentences among the k best is the sum of their p.

    Raises:
        InputError: if the scores are no probabilities.
    """
    if not scores.calibrated:
        raise InputError(
            f"the scores of {scores.scorer!r} are no probabilities, so no recall can be aimed at; "
            "give max_tokens or ratio, or use a scorer that is calibrated (passage-probe)"
        )
    held = np.cumsum(scores.values[list(scores.ranking() if ranking is None else ranking)])
    return min(int(np.searchsorted(held, recall * held[-1] * (1 - 1e-12))) + 1, len(held))


def smallest_alone(
    segmentation: Segmentation, *, limit: int, count: Counter, render: Callable[[int], str]
) -> int:
    """Tokens of the first sentence found to fit alone, the shortest text first; if none does, the fewest.

    Of sentences with the same words the longest counts, with its title: only one of them may be kept.
    """
    sentences = segmentation.sentences
    smallest: dict[str, int] = {}
    for i in sorted(range(len(sentences)), key=lambda i: len(sentences[i].text)):
        size = max(1, count(render(i)))
        if size <= limit:
            return size
        words = " ".join(sentences[i].text.split())
        smallest[words] = max(size, smallest.get(words, 0))
    return min(smallest.values())


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

    def greedy(self, kept: Sequence[int], refused: Collection[int], allowance: int) -> tuple[int, ...]:
        """What to add to ``kept``, best first."""
        opened = {self.documents[i] for i in kept}
        headers = [0 if d in opened else n for d, n in enumerate(self.headers)]
        left = [i for i in self.ranking if i not in refused]
        return greedy(left, self.costs, headers, self.documents, allowance)

    def sums(self, kept: Sequence[int]) -> list[int]:
        """Estimates of the first one, two, three … of ``kept``."""
        opened: set[int] = set()
        added = []
        for i in kept:
            document = self.documents[i]
            added.append(self.costs[i] + (0 if document in opened else self.headers[document]))
            opened.add(document)
        return list(accumulate(added))


def _plan(segmentation: Segmentation, fitting: Sequence[int], sizes: Sequence[int], count: Counter) -> _Plan:
    """Split what each sentence costs alone into its document's header and its own part, neither negative."""
    documents = tuple(s.document for s in segmentation.sentences)
    members: dict[int, list[int]] = {}
    for i, document in enumerate(documents):
        members.setdefault(document, []).append(i)
    headers = [0] * len(segmentation.documents)
    for document, indices in members.items():
        header = sizes[indices[0]] - count(segmentation.sentences[indices[0]].text)
        headers[document] = max(0, min(header, *(sizes[i] for i in indices)))
    costs = tuple(sizes[i] - headers[d] for i, d in enumerate(documents))
    return _Plan(tuple(fitting), costs, tuple(headers), documents)


def _pack(plan: _Plan, limit: int, measure: Measure, first: tuple[int, ...]) -> tuple[int, ...]:
    """Plan generously, keep the longest beginning of the plan that fits, refuse what came next, again.

    What must be kept, ``first``, begins every plan; it is known to fit.
    """
    kept = first or plan.ranking[:1]
    n = measure(first) if first else plan.sums(kept)[0]
    seen = set(kept)
    for _ in range(_ROUNDS):
        left = limit - n
        # Room for estimates that are too high by a quarter; what doesn't fit falls away by measurement.
        more = plan.greedy(kept, seen, left + left // 4 + 8) if left > limit // _NEGLIGIBLE else ()
        if not more:
            break
        planned = kept + more
        length, n = _longest(planned, plan.sums(planned), (len(kept), n), limit, measure)
        kept = planned[:length]
        seen.update(planned[: length + 1])
    return kept


def _longest(
    planned: tuple[int, ...], sums: Sequence[int], known: tuple[int, int], limit: int, measure: Measure
) -> tuple[int, int]:
    """Find the longest beginning of ``planned`` that fits when rendered.

    Args:
        planned: sentences, best first.
        sums: estimated tokens of each beginning.
        known: length and measured tokens of a beginning that fits.
        limit: ceiling in tokens.
        measure: tokens of some sentences, rendered.

    Returns:
        Length and measured tokens; those known if no other was found to fit.
    """
    (low, n_low), high = known, len(planned) + 1
    guess = bisect_right(sums, sums[low - 1] + limit - n_low)
    for step in range(_STEPS):
        if high - low == 1:
            break
        guess = min(max(guess, low + 1), high - 1)
        n = measure(planned[:guess])
        if n <= limit:
            low, n_low = guess, n
        else:
            high = guess
        # Estimates scaled by what was measured mostly hit at once; halving ends the search if they don't.
        scaled = bisect_right(sums, sums[guess - 1] * limit // max(1, n))
        guess = scaled if step < _STEPS // 2 else (low + high) // 2
    return low, n_low


def _reasons(
    ranking: Sequence[int], kept: Sequence[int], sizes: Sequence[int], limit: int
) -> dict[int, Reason]:
    inside = set(kept)
    worst = max(rank for rank, i in enumerate(ranking) if i in inside)
    reasons: dict[int, Reason] = {}
    for rank, i in enumerate(ranking):
        if i not in inside:
            reason: Reason = "over_budget" if rank > worst else "did_not_fit"
            reasons[i] = "too_long" if sizes[i] > limit else reason
    return reasons
