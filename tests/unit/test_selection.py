from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from shared import tries

from ragcompress.budget import Budget
from ragcompress.data import Document, Scores, Segmentation, Selection
from ragcompress.errors import BudgetTooSmall, InputError
from ragcompress.selection.ordering import BY_SCORE, order
from ragcompress.selection.packing import Bill, Prices, greedy
from ragcompress.selection.rendering import render
from ragcompress.selection.select import select
from ragcompress.text.segmentation import given, segment

PROPERTY = tries(100)

Counter = Callable[[str], int]

_PAIR = re.compile(rb"[ aet\n].?|.", re.DOTALL)


def _pairs(text: str) -> int:
    """Like one merge step of a byte-level BPE: a space glues to what follows, frequent pairs become one."""
    return len(_PAIR.findall(text.encode()))


COUNTERS: dict[str, Counter] = {
    "characters": len,
    "pairs": _pairs,
    "thirds": lambda text: len(text) // 3 + 2,
    "words": lambda text: len(text.split()),
    "not monotone": lambda text: len(text) + (7 * len(text)) % 5,
    "dear when long": lambda text: len(text) ** 2 // 20 + 1,
    "checksum": lambda text: 1 + sum(text.encode()) % 37,
    "zero": lambda text: 0,
}
SENTENCES = st.lists(
    st.lists(st.sampled_from(("a", "It was.", "One two three.", "x" * 30, "é!")), max_size=5), max_size=4
)
SCORES = st.lists(st.sampled_from((0.0, 0.5, 1.0)) | st.floats(-3, 3), min_size=20, max_size=20)


def scored(segmentation: Segmentation, values: Sequence[float]) -> Scores:
    return Scores(np.array(values[: len(segmentation.sentences)], dtype=np.float64), "test")


def renderer(
    segmentation: Segmentation, scores: Scores, order_name: str = "source"
) -> Callable[[tuple[int, ...]], str]:
    return lambda kept: render(segmentation, order(order_name, kept, scores)).text


@PROPERTY
@for_all(
    SENTENCES,
    SCORES,
    st.integers(1, 120),
    st.sampled_from(sorted(COUNTERS)),
    st.sampled_from(BY_SCORE),
    st.booleans(),
)
def test_whatever_the_counter_the_promises_hold(
    documents: list[list[str]], values: list[float], limit: int, counter: str, order_name: str, titled: bool
) -> None:
    segmentation = given(documents, titles=["Title"] * len(documents) if titled else None)
    scores, count = scored(segmentation, values), COUNTERS[counter]
    write = renderer(segmentation, scores, order_name)
    alone = {i: count(write((i,))) for i in range(len(scores.values))}
    # With the wildest counters all together may cost less than any one alone.
    if alone and min(alone.values()) > limit and count(write(tuple(alone))) > limit:
        with pytest.raises(BudgetTooSmall) as caught:
            select(segmentation, scores, limit=limit, count=count, render=write)
        assert (caught.value.limit, caught.value.smallest) == (limit, min(alone.values()))
        limit = caught.value.smallest
    selection = select(segmentation, scores, limit=limit, count=count, render=write)
    assert select(segmentation, scores, limit=limit, count=count, render=write) == selection
    assert bool(selection.kept) == bool(alone)
    assert count(write(selection.kept)) <= limit or not alone
    check_reasons(selection, scores, alone, limit)


def check_reasons(selection: Selection, scores: Scores, alone: dict[int, int], limit: int) -> None:
    assert set(selection.kept) | set(selection.dropped) == set(alone)
    ranking = scores.ranking()
    fitting = [i for i in ranking if alone[i] <= limit]
    assert not selection.dropped or fitting[0] in selection.kept
    for i, reason in selection.dropped.items():
        if alone[i] > limit:
            assert reason == "too_long"
        elif any(ranking.index(k) > ranking.index(i) for k in selection.kept):
            assert reason == "did_not_fit"
        else:
            assert reason == "over_budget"


def obvious(order: Sequence[int], cost: Callable[[tuple[int, ...]], int], limit: int) -> tuple[int, ...]:
    """Greedy as one would say it: measure everything after every step."""
    kept: tuple[int, ...] = ()
    for i in order:
        if cost((*kept, i)) <= limit:
            kept = (*kept, i)
    return kept


@PROPERTY
@for_all(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=9),
    st.permutations(range(4)),
    st.integers(0, 40),
)
def test_greedy_equals_the_obvious_way(units: list[tuple[int, int]], headers: list[int], limit: int) -> None:
    costs, documents = [c for c, _ in units], [d for _, d in units]

    def cost(kept: tuple[int, ...]) -> int:
        return sum(costs[i] for i in kept) + sum(headers[d] for d in {documents[i] for i in kept})

    backwards = range(len(units))[::-1]
    assert greedy(backwards, Bill(Prices(costs, headers, documents)), limit) == obvious(
        backwards, cost, limit
    )


def test_greedy_skips_what_does_not_fit_and_goes_on() -> None:
    assert greedy((2, 0, 1), Bill(Prices((5, 3, 6), (1,), (0, 0, 0))), 10) == (2, 1)
    assert greedy((0, 1), Bill(Prices((5, 5), (2, 2), (0, 1))), 13) == (0,)
    assert greedy((), Bill(Prices((), (), ())), 10) == ()


@PROPERTY
@for_all(SENTENCES, SCORES, st.integers(1, 120), st.sampled_from(("characters", "pairs", "words")))
def test_selection_equals_the_obvious_way_on_small_problems(
    documents: list[list[str]], values: list[float], limit: int, counter: str
) -> None:
    """Not for counters that shrink when text is added, but for these, which real ones resemble."""
    segmentation = given(documents)
    scores, count = scored(segmentation, values), COUNTERS[counter]
    write = renderer(segmentation, scores)
    expected = obvious(scores.ranking(), lambda kept: count(write(tuple(sorted(kept)))), limit)
    if expected:
        selection = select(segmentation, scores, limit=limit, count=count, render=write)
        assert selection.kept == tuple(sorted(expected))


def test_everything_is_kept_when_it_fits() -> None:
    segmentation = given([["One.", "Two."]])
    scores = scored(segmentation, [0.0, 0.0])
    assert select(
        segmentation, scores, limit=9, count=len, render=renderer(segmentation, scores)
    ) == Selection((0, 1), {})


def test_ties_go_to_the_earlier_sentence() -> None:
    segmentation = given([["One.", "Two.", "Six."]])
    scores = scored(segmentation, [0.5, 0.5, 0.5])
    selection = select(segmentation, scores, limit=9, count=len, render=renderer(segmentation, scores))
    assert selection == Selection((0, 1), {2: "over_budget"})


def test_each_drop_says_why() -> None:
    segmentation = given([["Much too long to fit.", "Best.", "Too long.", "Ok.", "Worst."]])
    scores = scored(segmentation, [0.9, 0.8, 0.7, 0.6, 0.5])
    selection = select(segmentation, scores, limit=10, count=len, render=renderer(segmentation, scores))
    assert selection == Selection((1, 3), {0: "too_long", 2: "did_not_fit", 4: "over_budget"})


def test_a_title_counts_once_per_document() -> None:
    segmentation = given([["Aa.", "Bb."], ["Cc."]], titles=["Title", "Title"])
    scores = scored(segmentation, [0.9, 0.5, 0.6])
    write = renderer(segmentation, scores)
    # "Title\nAa. Bb." is 13 long, "Title\nAa.\n\nTitle\nCc." 20.
    assert select(segmentation, scores, limit=13, count=len, render=write).kept == (0, 1)
    assert select(segmentation, scores, limit=20, count=len, render=write).kept == (0, 2)


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_below_one_is_too_small_for_any_text(limit: int) -> None:
    segmentation = given([["One."]])
    scores = scored(segmentation, [1.0])
    for count, smallest in ((len, 4), (COUNTERS["zero"], 1)):
        with pytest.raises(BudgetTooSmall, match=f"smallest budget that works here is {smallest} tokens"):
            select(segmentation, scores, limit=limit, count=count, render=renderer(segmentation, scores))


def test_nothing_is_selected_from_nothing() -> None:
    segmentation = segment([Document("  \n"), Document("")])
    scores = scored(segmentation, [])
    write = renderer(segmentation, scores)
    assert select(segmentation, scores, limit=1, count=len, render=write) == Selection((), {})
    with pytest.raises(InputError, match="at least 1"):
        select(segmentation, scores, limit=0, count=len, render=write)


def test_scores_must_match_the_sentences() -> None:
    segmentation = given([["One.", "Two."]])
    scores = scored(segmentation, [1.0])
    with pytest.raises(InputError, match="1 scores for 2 sentences"):
        select(segmentation, scores, limit=9, count=len, render=renderer(segmentation, scores))


@pytest.mark.parametrize("order_name", BY_SCORE)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_large_inputs_are_filled_in_few_renderings(order_name: str, share: float) -> None:
    rng = np.random.default_rng(7)
    documents = [["word " * int(n) + "end." for n in rng.integers(1, 30, 50)] for _ in range(20)]
    segmentation = given(documents, titles=[f"Title {d}" for d in range(20)])
    scores = Scores(rng.random(1_000), "test")
    write = renderer(segmentation, scores, order_name)
    limit = int(_pairs(write(tuple(range(1_000)))) * share)
    rendered: list[int] = []

    def counted(kept: tuple[int, ...]) -> str:
        rendered.append(len(kept))
        return write(kept)

    selection = select(segmentation, scores, limit=limit, count=_pairs, render=counted)
    assert 0.97 * limit <= _pairs(write(selection.kept)) <= limit
    assert sum(n > 1 for n in rendered) <= 24


@PROPERTY
@for_all(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.01, 1))
def test_the_fewest_sentences_that_hold_the_recall_asked_for_are_kept(
    probabilities: list[float], recall: float
) -> None:
    segmentation = given([["A sentence."] * len(probabilities)])
    scores = Scores(np.array(probabilities), "test", calibrated=True)
    selection = select(
        segmentation,
        scores,
        limit=10_000,
        count=len,
        render=renderer(segmentation, scores),
        budget=Budget(recall=recall),
    )
    best = sorted(probabilities, reverse=True)
    n_kept = len(selection.kept)
    assert sorted((probabilities[i] for i in selection.kept), reverse=True) == best[:n_kept]
    assert sum(best[:n_kept]) >= recall * sum(best) - 1e-9
    assert n_kept == 1 or sum(best[: n_kept - 1]) <= recall * sum(best) + 1e-9
    assert set(selection.dropped.values()) <= {"enough"}


def test_a_recall_needs_probabilities() -> None:
    with pytest.raises(InputError, match="no probabilities"):
        segmentation = given([["A sentence.", "Another."]])
        scores = Scores(np.array([1.0, 2.0]), "bm25")
        write = renderer(segmentation, scores)
        select(segmentation, scores, limit=9, count=len, render=write, budget=Budget(recall=0.9))


def shared(documents: list[list[str]], values: Sequence[float], limit: int, **rules: int) -> Selection:
    segmentation = given(documents)
    scores = scored(segmentation, values)
    shares = Budget(max_tokens=limit, **rules)
    return select(
        segmentation, scores, limit=limit, count=COUNTERS["words"], render=renderer(segmentation, scores),
        budget=shares,
    )  # fmt: skip


THREE = [["a b.", "c d.", "e f."], ["g h.", "i j."], ["k l."]]


def test_a_document_keeps_no_more_than_its_cap() -> None:
    found = shared(THREE, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 8, max_per_document=1)
    assert found.kept == (0, 3, 5)
    assert found.dropped == {1: "document_cap", 2: "document_cap", 4: "document_cap"}
    assert shared(THREE, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 8).kept == (0, 1, 2, 3)


def test_every_document_keeps_its_floor_before_others_keep_more() -> None:
    found = shared(THREE, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 8, min_per_document=1)
    assert found.kept == (0, 1, 3, 5)
    with pytest.raises(BudgetTooSmall, match="what every document must keep does not fit into 5 tokens") as e:
        shared(THREE, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 5, min_per_document=1)
    assert shared(THREE, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], e.value.smallest, min_per_document=1).kept == (
        0,
        3,
        5,
    )


def test_only_the_best_documents_keep_anything() -> None:
    found = shared(THREE, [0.1, 0.2, 0.3, 0.6, 0.5, 0.4], 12, max_documents=2)
    assert found.kept == (3, 4, 5)
    assert set(found.dropped.values()) == {"other_documents"}


@PROPERTY
@for_all(SENTENCES, SCORES, st.integers(1, 60), st.integers(0, 2), st.integers(0, 2), st.integers(1, 4))
def test_shares_of_documents_hold(
    documents: list[list[str]], values: list[float], limit: int, floor: int, more: int, most: int
) -> None:
    segmentation, count = given(documents), COUNTERS["pairs"]
    rules = {"min_per_document": floor, "max_per_document": max(1, floor + more), "max_documents": most}
    try:
        found = select(
            segmentation, scores := scored(segmentation, values), limit=limit, count=count,
            render=renderer(segmentation, scores), budget=Budget(ratio=1, **rules),
        )  # fmt: skip
    except BudgetTooSmall as error:
        assert error.smallest > limit
        select(
            segmentation, scores, limit=error.smallest, count=count,
            render=renderer(segmentation, scores), budget=Budget(ratio=1, **rules),
        )  # fmt: skip
        return
    write = renderer(segmentation, scores)
    assert not found.kept or count(write(found.kept)) <= limit
    assert sorted([*found.kept, *found.dropped]) == list(range(len(segmentation.sentences)))
    kept = [segmentation.sentences[i].document for i in found.kept]
    assert len(set(kept)) <= most
    fitting = [i for i in range(len(segmentation.sentences)) if count(write((i,))) <= limit]
    for d in set(kept):
        able = sum(segmentation.sentences[i].document == d for i in fitting)
        assert min(floor, able) <= kept.count(d) <= max(1, floor + more)


@pytest.mark.parametrize(
    "rules",
    [{"max_documents": 0}, {"min_per_document": -1}, {"min_per_document": 2, "max_per_document": 1},
     {"max_per_document": True}],
)  # fmt: skip
def test_shares_that_make_no_sense_are_refused(rules: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"must be (a whole number of )?at least"):
        Budget(ratio=0.5, **rules)
