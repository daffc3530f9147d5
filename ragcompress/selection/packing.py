"""How much of a plan fits: estimates that add up, and a few measurements of what they promise.

Token counts are not additive: joining sentences adds separators and merges or splits tokens. So a plan is
made with additive estimates (``greedy``), and how much of it really fits is found by rendering and measuring
a few of its beginnings. Where counts grow with the text this gives what measuring after every single sentence
would give, in about ten renderings.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain

from ..data import Segmentation
from ..text.tokenizing import Counter
from .near_repeats import NearRepeats

Measure = Callable[[tuple[int, ...]], int]

_ROUNDS = 16
_STEPS = 8
# Less than this part of the limit is not worth another rendering.
_NEGLIGIBLE = 500


@dataclass(frozen=True, slots=True)
class Prices:
    """Additive estimates of what sentences cost, by index. For a sentence alone the estimate is exact.

    Attributes:
        costs: tokens of each sentence, with all that it brings.
        headers: tokens of each document's header, charged with its first sentence.
        documents: document of each sentence.
        brings: for a sentence that can't stand alone, what comes along: paid for once, and part of its cost.
        own: tokens of such companions by themselves.
    """

    costs: Sequence[int]
    headers: Sequence[int]
    documents: Sequence[int]
    brings: Mapping[int, Collection[int]] = field(default_factory=dict)
    own: Mapping[int, int] = field(default_factory=dict)


class Bill:
    """What the sentences taken so far have paid for.

    Args:
        prices: of all sentences.
        kept: those taken before, and paid.
    """

    def __init__(self, prices: Prices, kept: Iterable[int] = ()) -> None:
        self._prices = prices
        self._opened: set[int] = set()
        self._paid: set[int] = set()
        for i in kept:
            self.add(i)

    def cost(self, i: int) -> int:
        """Estimated tokens of one more sentence: of what it brings, only what is not there yet."""
        prices, document = self._prices, self._prices.documents[i]
        cost = 0 if i in self._paid else prices.costs[i]
        if cost and i in prices.brings:
            shared = sum(prices.own[j] for j in prices.brings[i] if j in self._paid)
            cost = max(1, cost - shared)
        return cost + (0 if document in self._opened else prices.headers[document])

    def add(self, i: int) -> None:
        """Take a sentence."""
        self._opened.add(self._prices.documents[i])
        if brings := self._prices.brings:
            self._paid.add(i)
            if i in brings:
                self._paid.update(brings[i])


def greedy(
    order: Iterable[int], bill: Bill, limit: int, enough: int | None = None, taken: list[int] | None = None
) -> tuple[int, ...]:
    """Take sentences in order while they fit, skipping those that don't.

    Args:
        order: sentence indices, best first.
        bill: what is paid for; the sentences taken are added.
        limit: ceiling on the sum of the estimates.
        enough: end where one does not fit and so much is taken. What ranks behind it would be taken before
            it, though the estimates may be too high. None: never.
        taken: where each is added when it is taken, for an order that hangs on it; None: none does.

    Returns:
        The sentences taken, best first; those in ``taken`` before are among them.
    """
    taken = [] if taken is None else taken
    left = limit
    for i in order:
        cost = bill.cost(i)
        if cost <= left:
            left -= cost
            bill.add(i)
            taken.append(i)
        elif enough is not None and limit - left >= enough:
            break
    return tuple(taken)


@dataclass(frozen=True, slots=True)
class Packing:
    """Estimates for the sentences that fit alone.

    Attributes:
        rankings: those sentences, best first; of the second kind are those that only fill what the first
            kind leaves.
        prices: what they cost.
        near: what sentences are worth beside those that are kept.
    """

    rankings: tuple[tuple[int, ...], tuple[int, ...]]
    prices: Prices
    near: NearRepeats

    @property
    def best(self) -> tuple[int, ...]:
        """The first sentence alone."""
        before, behind = self.rankings
        return (before or behind)[:1]

    def greedy(self, kept: Sequence[int], refused: Collection[int], room: int) -> tuple[int, ...]:
        """What to add to ``kept``, best first."""
        # Room for estimates that are too high by a quarter; what doesn't fit falls away by measurement.
        allowance = room + room // 4 + 8
        left = [[i for i in ranking if i not in refused] for ranking in self.rankings]
        taken = list(kept)
        order = chain.from_iterable(self.near.in_order(ranking, taken) for ranking in left)
        return greedy(order, Bill(self.prices, kept), allowance, room, taken)[len(kept) :]

    def sums(self, kept: Sequence[int]) -> list[int]:
        """Estimates of the first one, two, three … of ``kept``."""
        bill, added = Bill(self.prices), []
        for i in kept:
            added.append(bill.cost(i))
            bill.add(i)
        return list(accumulate(added))


def prepare(
    segmentation: Segmentation,
    rankings: tuple[tuple[int, ...], tuple[int, ...]],
    sizes: Sequence[int],
    count: Counter,
    relations: tuple[NearRepeats, Mapping[int, Collection[int]]],
) -> Packing:
    """Split what each sentence costs alone into its document's header and its own part, neither negative.

    Args:
        relations: what is nearly the same, and what each sentence brings.
    """
    near, brings = relations
    documents = tuple(s.document for s in segmentation.sentences)
    members: dict[int, list[int]] = {}
    for i, document in enumerate(documents):
        members.setdefault(document, []).append(i)
    headers = [0] * len(segmentation.documents)
    for document, indices in members.items():
        header = sizes[indices[0]] - count(segmentation.sentences[indices[0]].text)
        headers[document] = max(0, min(header, *(sizes[i] for i in indices)))
    costs = tuple(sizes[i] - headers[d] for i, d in enumerate(documents))
    shared = {j for companions in brings.values() for j in companions}
    sizes_alone = {j: count(segmentation.sentences[j].text) for j in shared}
    return Packing(rankings, Prices(costs, tuple(headers), documents, brings, sizes_alone), near)


def pack(plan: Packing, limit: int, measure: Measure, first: tuple[int, ...]) -> tuple[int, ...]:
    """Plan generously, keep the longest beginning of the plan that fits, refuse what came next, again.

    What must be kept, ``first``, begins every plan; it is known to fit.
    """
    kept = first or plan.best
    n = measure(first) if first else plan.sums(kept)[0]
    tried = set(kept)
    for _ in range(_ROUNDS):
        left = limit - n
        more = plan.greedy(kept, tried, left) if left > limit // _NEGLIGIBLE else ()
        if not more:
            break
        planned = kept + more
        length, n = _longest(planned, plan.sums(planned), (len(kept), n), limit, measure)
        kept = planned[:length]
        tried.update(planned[: length + 1])
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
