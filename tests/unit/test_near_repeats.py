"""Near repeats: what says nearly the same as a kept sentence is worth less, and a slow oracle agrees."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from fake_probe import fake_evidence
from hypothesis import given as for_all
from hypothesis import strategies as st
from shared import tries, words
from typer.testing import Result

from ragcompress import Budget, Compressor, Document, InputError, Plan, Scores, Segmentation, given, scorers
from ragcompress.data import Progress
from ragcompress.selection.near_repeats import NearRepeats
from ragcompress.selection.rendering import render
from ragcompress.selection.repeats import Relations
from ragcompress.selection.select import select
from ragcompress.testing import FakeProxy

PROPERTY = tries(150)
DIRECTIONS = ((1.0, 0.0), (0.0, 1.0), (0.8, 0.6), (0.6, 0.8), (0.0, 0.0))
COUNTERS: dict[str, Callable[[str], int]] = {"characters": len, "words": words}


class Fixed:
    """Scores and vectors by the first letter of a sentence."""

    name: ClassVar[str] = "fixed"
    makes_vectors: ClassVar[bool] = True

    def __init__(self, values: dict[str, float], vectors: dict[str, tuple[float, ...]] | None) -> None:
        self._values, self._vectors = values, vectors

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        letters = [s.text[0] for s in segmentation.sentences]
        vectors = None if self._vectors is None else np.array([self._vectors[c] for c in letters])
        values = np.array([self._values[c] for c in letters])
        return Scores(values, self.name, calibrated=True, vectors=vectors)


# B says what A says, and is nearly as good; C is about something else.
VALUES = {"A": 0.9, "B": 0.8, "C": 0.5}
VECTORS = {"A": (1.0, 0.0), "B": (1.0, 0.0), "C": (0.0, 1.0)}
THREE = [Document("A one two."), Document("B one two."), Document("C one two.")]


def compress(near_repeats: float, budget: Budget, **options: Any) -> Any:
    compressor = Compressor(
        Fixed(VALUES, VECTORS), counter=words, near_repeats=near_repeats, calibration="none", **options
    )
    return compressor("Which?", THREE, budget=budget)


def test_the_budget_goes_to_what_is_not_yet_said() -> None:
    plain, apart = (compress(weight, Budget(max_tokens=6)) for weight in (0.0, 1.0))
    assert plain.selection.kept == (0, 1)
    assert apart.selection.kept == (0, 2)
    assert (apart.selection.dropped[1], apart.selection.duplicate_of[1]) == ("near_repeat", 0)
    (dropped,) = apart.to_dict()["dropped"]
    assert (dropped["reason"], dropped["duplicate_of"]["document"]) == ("near_repeat", 0)


def test_sentences_of_one_document_are_not_alike() -> None:
    one = [Document("A one two. B one two. C one two.")]
    compressor = Compressor(Fixed(VALUES, VECTORS), counter=words, near_repeats=1.0)
    assert compressor("Which?", one, budget=Budget(max_tokens=6)).selection.kept == (0, 1)


def test_a_near_repeat_fills_the_room_that_is_left() -> None:
    assert compress(1.0, Budget(max_tokens=9)).selection.kept == (0, 1, 2)


def test_what_did_not_fit_makes_nothing_worth_less() -> None:
    documents = [Document("A one two three four five six."), *THREE[1:]]
    compressor = Compressor(Fixed(VALUES, VECTORS), counter=words, near_repeats=1.0)
    assert compressor("Which?", documents, budget=Budget(max_tokens=3)).selection.kept == (1,)


def test_a_document_over_its_cap_makes_nothing_worth_less() -> None:
    documents = [Document("C one two. A one two."), Document("B one two.")]
    compressor = Compressor(Fixed({**VALUES, "C": 1.0}, VECTORS), counter=words, near_repeats=1.0)
    context = compressor("Which?", documents, budget=Budget(max_tokens=8, max_per_document=1))
    assert dict(context.selection.dropped) == {1: "document_cap"}


def test_a_recall_expects_little_of_what_is_said_already() -> None:
    # Of .9 + .5 nine tenths are both; of .9 + .8 + .5 they are all three.
    assert compress(0.0, Budget(recall=0.9)).selection.kept == (0, 1, 2)
    apart = compress(1.0, Budget(recall=0.9))
    assert (apart.selection.kept, dict(apart.selection.dropped)) == ((0, 2), {1: "enough"})


def slow_order(
    parts: Segmentation, scores: Scores, weight: float, candidates: Sequence[int], taken: Sequence[int]
) -> int:
    """The best candidate beside those taken, said as the paper says it."""
    lowest = 0.0 if scores.calibrated else min(scores.values)
    ranking = scores.ranking()
    assert scores.vectors is not None

    def left(i: int) -> float:
        others = [j for j in taken if parts.sentences[j].document != parts.sentences[i].document]
        alike = [float((scores.vectors @ scores.vectors[j])[i]) for j in others]  # type: ignore[operator, index]
        nearest = max([0.0, *((cosine - 0.5) / 0.5 for cosine in alike)])
        return max(0.0, scores.values[i] - lowest) * (1 - weight * min(1.0, nearest))

    return max(candidates, key=lambda i: (left(i), -ranking.index(i)))


drawn = st.lists(
    st.tuples(st.sampled_from((0.0, 0.25, 0.5, 1.0)) | st.floats(0, 1), st.sampled_from(DIRECTIONS)),
    min_size=20,
    max_size=20,
)
SENTENCES = st.lists(
    st.lists(st.sampled_from(("a", "It was.", "One two three.", "x" * 30, "é!")), max_size=5), max_size=4
)


def scored(segmentation: Segmentation, values: list[tuple[float, tuple[float, float]]], sure: bool) -> Scores:
    own = values[: len(segmentation.sentences)]
    vectors = np.array([v for _, v in own]).reshape(-1, 2)
    return Scores(np.array([v for v, _ in own]), "drawn", calibrated=sure, vectors=vectors)


@PROPERTY
@for_all(
    SENTENCES,
    drawn,
    st.booleans(),
    st.sampled_from((0.0, 0.3, 1.0)),
    st.integers(1, 100),
    st.sampled_from(sorted(COUNTERS)),
)
def test_selection_equals_the_slow_way(
    documents: list[list[str]],
    values: list[tuple[float, tuple[float, float]]],
    sure: bool,
    weight: float,
    limit: int,
    counter: str,
) -> None:
    segmentation, count = given(documents), COUNTERS[counter]
    scores = scored(segmentation, values, sure)

    def write(kept: tuple[int, ...]) -> str:
        return render(segmentation, kept).text

    kept: list[int] = []
    left = set(range(len(segmentation.sentences)))
    while left:
        best = slow_order(segmentation, scores, weight, sorted(left), kept)
        left.remove(best)
        if count(write(tuple(sorted([*kept, best])))) <= limit:
            kept.append(best)
    if kept:
        relations = Relations(near=weight)
        found = select(segmentation, scores, limit=limit, count=count, render=write, relations=relations)
        assert found.kept == tuple(sorted(kept))
        assert sorted([*found.kept, *found.dropped]) == list(range(len(segmentation.sentences)))
        for i, other in found.duplicate_of.items():
            assert found.dropped[i] == "near_repeat"
            assert other in found.kept


@PROPERTY
@for_all(drawn, st.booleans(), st.sampled_from((0.0, 0.5, 1.0)))
def test_apart_is_maximal_marginal_relevance(
    values: list[tuple[float, tuple[float, float]]], sure: bool, weight: float
) -> None:
    parts = given([["One.", "Two."]] * (len(values) // 2))
    scores = scored(parts, values, sure)
    ordered, worths = NearRepeats(parts, scores, weight).apart(scores.ranking())
    expected: list[int] = []
    while len(expected) < len(values):
        left = [i for i in range(len(values)) if i not in expected]
        expected.append(slow_order(parts, scores, weight, left, expected))
    assert ordered == tuple(expected)
    assert (np.diff(worths) <= 0).all() and (worths >= 0).all()


def test_without_the_option_vectors_change_nothing() -> None:
    scorer = Fixed(VALUES, VECTORS)
    with_vectors = Compressor(scorer, counter=words)("Which?", THREE, budget=Budget(max_tokens=6))
    plain = Compressor(Fixed(VALUES, None), counter=words)("Which?", THREE, budget=Budget(max_tokens=6))
    mine, other = with_vectors.to_dict(), plain.to_dict()
    del mine["seconds"], other["seconds"]
    assert json.dumps(mine) == json.dumps(other)
    assert mine["settings"]["near_repeats"] == 0


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), True, "much"])
def test_a_share_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"near_repeats must lie in \[0, 1\]"):
        Plan(near_repeats=value)


def test_a_scorer_without_vectors_is_refused() -> None:
    with pytest.raises(
        InputError, match="near_repeats=0.5 compares .* scorer 'bm25' made none: take evidence"
    ):
        Compressor(scorers.make("bm25"), counter=words, near_repeats=0.5)
    scorer = scorers.make(
        "evidence", proxy=lambda: FakeProxy(), probe=fake_evidence(), embedder="none"
    )  # which could make them with an embedder
    compressor = Compressor(scorer, counter=words, near_repeats=0.5)
    with pytest.raises(InputError, match="scorer 'evidence' made none"):
        compressor("Which?", THREE, budget=Budget(max_tokens=6))
    # After the deadline what is known counts, as ever: reading no more is no error.
    late = compressor("Which?", THREE, budget=Budget(max_tokens=6), deadline=1e-9)
    assert late.scores.details["stopped_early"] and late.selection.kept


def test_vectors_of_another_number_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"vectors of 'drawn' must be finite, of shape \(2, V\), got \(1, 2\)"
    ):
        Scores(np.zeros(2), "drawn", vectors=np.zeros((1, 2), dtype=np.float32))


def test_the_command_line_has_the_option(invoke: Callable[..., Result]) -> None:
    result = invoke("compress", "Which?", "-", "--near-repeats", "0.5", stdin=b"One. Two.")
    assert result.exit_code == 1
    assert "near_repeats=0.5" in result.output
