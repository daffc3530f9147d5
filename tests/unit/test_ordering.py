from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress.data import Scores
from ragcompress.errors import InputError, UnknownName
from ragcompress.selection.ordering import BY_SCORE, order, order_documents
from ragcompress.text.segmentation import given as segmented

PROPERTY = tries(100)

VALUES = st.lists(st.sampled_from((-1.5, 0.0, -0.0, 0.25, 3.0)) | st.floats(-9, 9), max_size=12)


def scored(values: list[float]) -> Scores:
    return Scores(np.array(values, dtype=np.float64), "test")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("source", (0, 1, 2, 3, 4)),
        ("best-first", (3, 0, 4, 2, 1)),
        ("best-last", (1, 2, 4, 0, 3)),
        ("edges", (3, 4, 1, 2, 0)),
    ],
)
def test_orders(name: str, expected: tuple[int, ...]) -> None:
    assert order(name, (4, 2, 0, 1, 3), scored([0.8, 0.1, 0.3, 0.9, 0.5])) == expected


@pytest.mark.parametrize("n", range(1, 8))
def test_edges_puts_the_best_first_and_the_second_best_last_whatever_the_parity(n: int) -> None:
    values = [float(-i) for i in range(n)]
    ordered = order("edges", range(n), scored(values))
    assert ordered[0] == 0
    assert ordered[-1] == min(1, n - 1)
    # The worst lies innermost: from either edge scores only fall towards it.
    worst = ordered.index(n - 1)
    assert list(ordered[: worst + 1]) == sorted(ordered[: worst + 1])
    assert list(ordered[worst:]) == sorted(ordered[worst:], reverse=True)


def test_equal_scores_stay_in_source_order() -> None:
    equal = scored([0.0, -0.0, 0.0, 0.0])
    for name in ("source", "best-first", "best-last"):
        assert order(name, (2, 0, 3, 1), equal) == (0, 1, 2, 3)
    assert order("edges", (2, 0, 3, 1), equal) == (0, 2, 3, 1)


@PROPERTY
@given(VALUES, st.sampled_from(BY_SCORE), st.data())
def test_an_order_is_a_permutation_that_does_not_depend_on_the_input_order(
    values: list[float], name: str, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(range(len(values))), unique=True)) if values else []
    ordered = order(name, kept, scored(values))
    assert sorted(ordered) == sorted(kept)
    assert order(name, sorted(kept), scored(values)) == ordered


def test_unknown_orders_are_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownName, match="unknown order 'random'; known are: source, best-first, best-last, edges"
    ):
        order("random", (0,), scored([1.0]))


@pytest.mark.parametrize("index", [-1, 2])
def test_sentences_without_a_score_are_refused(index: int) -> None:
    with pytest.raises(InputError, match="not among the 2"):
        order("source", (index,), scored([1.0, 2.0]))


def test_documents_stay_together_as_good_as_their_best_kept_sentence() -> None:
    parts = segmented([["a.", "b."], ["c.", "d."], ["e."]])
    scores = scored([0.1, 0.5, 0.9, 0.3, 0.4])
    assert order_documents("source", (4, 3, 1, 0), scores, parts) == (0, 1, 3, 4)
    assert order_documents("best-first", (0, 1, 3, 4), scores, parts) == (0, 1, 4, 3)
    assert order_documents("best-last", (0, 1, 2, 3, 4), scores, parts) == (4, 0, 1, 2, 3)
    assert order_documents("edges", (0, 1, 2, 4), scores, parts) == (2, 4, 0, 1)
    assert order_documents("edges", (), scores, parts) == ()
