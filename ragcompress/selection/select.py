"""Which sentences stay under a hard budget.

Greedy by score: the best first, what does not fit is skipped, shorter ones further down may still fit. The
promise is about the *rendered* text (``packing``). What near repeats are worth is judged by what is kept
(``near_repeats``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from ..budget import Budget
from ..data import FloatArray, Reason, Scores, Segmentation, Selection
from ..errors import BudgetTooSmall, InputError
from ..text.tokenizing import Counter
from .near_repeats import NearRepeats
from .packing import Measure, pack, prepare
from .repeats import Relations

Render = Callable[[tuple[int, ...]], str]
# A document so many times as long as others mostly are, of which there are so many: its share of the budget,
# beside its best sentences. These stay in any case, for one long document among short ones is nothing rare.
_FAR_LARGER, _FEWEST_OTHERS, _MOST_OF_ONE, _BEST_OF_ONE = 5, 4, 1 / 3, 3
_NONE, _MUSTS = "no sentence fits", "what every document must keep does not fit"


def select(
    segmentation: Segmentation,
    scores: Scores,
    *,
    limit: int,
    count: Counter,
    render: Render,
    budget: Budget | None = None,
    relations: Relations | None = None,
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
        budget: its ``recall``: stop at this share of the expected evidence (``enough``); where nothing of it
            fits, the best that does is kept. And what single documents must and may keep (``share_out``).
            None: none of that.
        relations: what says the same, or nearly the same, as another, and what is kept along with what;
            None: nothing.
        wanted: in place of a recall: the sentences that are enough.

    Returns:
        At least one sentence if there is any; ``count(render(kept)) <= limit``.

    Raises:
        BudgetTooSmall: if not one sentence fits alone, or not all that documents must keep; at the budget
            that it names they do.
        InputError: if scores and sentences differ in number, the limit is below 1, or a recall is asked of
            scores that are no probabilities.
    """
    _check(segmentation, scores, limit)
    n_sentences = len(segmentation.sentences)
    if not n_sentences:
        return Selection((), {})
    budget, relations = budget or Budget(ratio=1), relations or Relations()
    without = _boilerplate(segmentation) | dict.fromkeys(relations.same, "duplicate")
    ranking = tuple(i for i in scores.ranking() if i not in without)
    near = NearRepeats(segmentation, scores, relations.near)
    if wanted is not None:  # a repeat asks for the one that stands for it
        wanted = {relations.same.get(i, i) for i in wanted}
    aim = _aim(scores, ranking, budget.recall, wanted, near)
    everything = tuple(sorted(ranking))
    complete = len(aim) == len(ranking) and not share_out(segmentation, ranking, budget, near)[1]
    if complete and limit >= 1 and count(render(everything)) <= limit:
        return Selection(everything, without, relations.same)
    sizes = [count(render((i,))) for i in range(n_sentences)]

    def measure(kept: tuple[int, ...]) -> int:
        return count(render(tuple(sorted(kept))))

    def share(limit: int) -> tuple[tuple[int, ...], dict[int, Reason]]:
        return share_out(segmentation, [i for i in ranking if sizes[i] <= limit], budget, near)

    _check_room(limit, min(sizes[i] for i in ranking), measure, share)
    fitting = [i for i in ranking if sizes[i] <= limit]
    first, dropped = share(limit)
    dropped = _leave_enough(ranking, fitting, aim, first, dropped)
    allowed = tuple(i for i in fitting if i not in dropped)
    behind = _crowding(segmentation, allowed, sizes, limit) if budget.recall is None else ()
    before = tuple(i for i in allowed if i not in behind)
    plan = prepare(segmentation, (before, behind), sizes, count, (near, relations.brings))
    kept = pack(plan, limit, measure, first)
    reasons = _reasons([i for i in ranking if i not in dropped], kept, sizes, limit, near)
    reasons |= {i: "document_cap" for i in behind if i in reasons}
    repeated = {i: near.closest(i, kept) for i, reason in reasons.items() if reason == "near_repeat"}
    return Selection(tuple(sorted(kept)), reasons | dropped | without, {**relations.same, **repeated})


def _check(segmentation: Segmentation, scores: Scores, limit: int) -> None:
    """Check that the scores are those of the sentences, and that the limit allows something."""
    n_sentences = len(segmentation.sentences)
    if len(scores.values) != n_sentences:
        raise InputError(f"{len(scores.values)} scores for {n_sentences} sentences")
    if not n_sentences and limit < 1:
        raise InputError(f"the limit must be at least 1 token, got {limit}")


def _leave_enough(
    ranking: Sequence[int],
    fitting: Sequence[int],
    aim: Collection[int],
    first: Collection[int],
    dropped: Mapping[int, Reason],
) -> dict[int, Reason]:
    """What may not be kept, with what a recall does not ask for.

    Args:
        ranking, fitting: sentences that could be kept, and those of them that fit alone, best first.
        aim: what the recall asks for; if all of it is too long, the best that fits takes its place.
        first: what must be kept.
        dropped: what may not.
    """
    surplus: dict[int, Reason] = dict.fromkeys(set(ranking).difference(aim, first, dropped), "enough")
    left_out = {**dropped, **surplus}
    if all(i in left_out for i in fitting):
        del left_out[fitting[0]]
    return left_out


def _check_room(
    limit: int,
    shortest: int,
    measure: Measure,
    share: Callable[[int], tuple[tuple[int, ...], dict[int, Reason]]],
) -> None:
    """Find out whether anything fits, and all that documents must keep.

    Args:
        shortest: tokens of the shortest sentence alone.
        share: what ``share_out`` says of the sentences that fit into a limit alone.

    Raises:
        BudgetTooSmall: names a budget in which it does.
    """
    shortest = max(1, shortest)
    least = max(limit, shortest)
    # In a larger budget a better sentence may fit, which then is the one to be kept.
    while (first := share(least)[0]) and (n := measure(first)) > least:
        least = n
    if least > limit:
        raise BudgetTooSmall(limit, least, _MUSTS if limit >= shortest else _NONE)


def _aim(
    scores: Scores,
    ranking: tuple[int, ...],
    recall: float | None,
    wanted: Collection[int] | None,
    near: NearRepeats,
) -> tuple[int, ...]:
    """What a recall asks for, best first; what is nearly said already promises little more evidence."""
    if wanted is not None:
        return tuple(i for i in ranking if i in wanted) or ranking[:1]
    if recall is None:
        return ranking
    if not scores.calibrated:
        raise InputError(
            f"the scores of {scores.scorer!r} are no probabilities, so no recall can be aimed at; "
            "give max_tokens or ratio, or use a scorer whose scores are, such as evidence"
        )
    ordered, worths = near.apart(ranking)
    return ordered[: n_for_recall(worths, recall)]


def _boilerplate(segmentation: Segmentation) -> dict[int, Reason]:
    """What leads about the pages, or stands on all of them, is worth no token, if there is anything else."""
    sentences = segmentation.sentences
    reasons: dict[int, Reason] = {
        i: "boilerplate" for i, s in enumerate(sentences) if s.kind == "boilerplate"
    }
    return reasons if len(reasons) < len(sentences) else {}


def _crowding(
    segmentation: Segmentation, ranking: Sequence[int], sizes: Sequence[int], limit: int
) -> tuple[int, ...]:
    """What one flood of a document has beyond its share of the budget: kept only where others leave room.

    Args:
        ranking: sentences that may be kept, best first.
        sizes: tokens of each sentence alone.

    Returns:
        Sentences, best first; none where no document is out of all proportion to the others.
    """
    lengths = [0] * len(segmentation.documents)
    for s in segmentation.sentences:
        lengths[s.document] += len(s.text)
    largest = int(np.argmax(lengths))
    others = [length for document, length in enumerate(lengths) if length and document != largest]
    if len(others) < _FEWEST_OTHERS or lengths[largest] <= _FAR_LARGER * float(np.median(others)):
        return ()
    of_largest = [i for i in ranking if segmentation.sentences[i].document == largest]
    taken = np.cumsum([sizes[i] for i in of_largest])
    fits = taken <= limit * _MOST_OF_ONE
    return tuple(i for k, i in enumerate(of_largest) if k >= _BEST_OF_ONE and not fits[k])


def share_out(
    segmentation: Segmentation, ranking: Sequence[int], shares: Budget, near: NearRepeats
) -> tuple[tuple[int, ...], dict[int, Reason]]:
    """What single documents must keep, and what they may not.

    Args:
        segmentation: the documents and their sentences.
        ranking: sentences that could be kept, best first.
        shares: ``max_documents``, ``min_per_document`` and ``max_per_document`` are looked at.
        near: what sentences are worth beside those that may be kept.

    Returns:
        The sentences that must be kept, best first, and a reason for each that may not.
    """
    first: list[int] = []
    others: dict[int, Reason] = {}
    if not (shares.max_documents or shares.min_per_document or shares.max_per_document):
        return (), others
    n_seen: dict[int, int] = {}
    allowed: list[int] = []
    for i in near.in_order(ranking, allowed):
        document = segmentation.sentences[i].document
        if document not in n_seen and len(n_seen) == shares.max_documents:
            others[i] = "other_documents"
            continue
        n_seen[document] = n_seen.get(document, 0) + 1
        if shares.max_per_document and n_seen[document] > shares.max_per_document:
            others[i] = "document_cap"
            continue
        allowed.append(i)
        if n_seen[document] <= shares.min_per_document:
            first.append(i)
    return tuple(first), others


def n_for_recall(probabilities: FloatArray, recall: float) -> int:
    """How many of the best sentences hold a share of the evidence, if the scores are right; at least one.

    The expected number of needed sentences among the first k is the sum of their probabilities.

    Args:
        probabilities: of sentences, best first.
    """
    held = np.cumsum(probabilities)
    return min(int(np.searchsorted(held, recall * held[-1] * (1 - 1e-12))) + 1, len(held))


def smallest_budget(
    segmentation: Segmentation,
    *,
    limit: int,
    count: Counter,
    render: Callable[[int], str],
    without: Collection[int] = (),
) -> int:
    """Tokens of the first sentence that fits by itself, the shortest text first; if none does, the fewest.

    Of sentences with the same words the longest counts, with its title: only one of them may be kept. Those
    ``without`` are never kept.
    """
    sentences = segmentation.sentences
    smallest: dict[str, int] = {}
    candidates = (i for i in range(len(sentences)) if i not in without)
    for i in sorted(candidates, key=lambda i: len(sentences[i].text)):
        size = max(1, count(render(i)))
        if size <= limit:
            return size
        words = " ".join(sentences[i].text.split())
        smallest[words] = max(size, smallest.get(words, 0))
    return min(smallest.values())


def _reasons(
    ranking: Sequence[int], kept: Sequence[int], sizes: Sequence[int], limit: int, near: NearRepeats
) -> dict[int, Reason]:
    """Why each sentence of a ranking that is not kept is not."""
    inside, taken = set(kept), list[int]()
    ordered = []
    for i in near.in_order(ranking, taken):
        ordered.append(i)
        if i in inside:
            taken.append(i)
    below = _behind_last(ordered, inside)
    always_below = _behind_last(ranking, inside)
    reasons: dict[int, Reason] = {}
    for i in ordered:
        if i not in inside:
            reason: Reason = "did_not_fit"
            if i in below:
                reason = "over_budget" if i in always_below else "near_repeat"
            reasons[i] = "too_long" if sizes[i] > limit else reason
    return reasons


def _behind_last(ranking: Sequence[int], kept: Collection[int]) -> set[int]:
    """What ranks below all that were kept."""
    return set(ranking[1 + max(rank for rank, i in enumerate(ranking) if i in kept) :])
