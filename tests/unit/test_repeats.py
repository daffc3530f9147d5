"""What stands in several documents is kept once, and the budget goes to the next best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import by_threes
from shared import words

from ragcompress import Budget, BudgetTooSmall, Compressor, Document, Scores, scorers, segment
from ragcompress.selection.repeats import find_repeats

BUILT = "Berit Holm built Skarn Bridge in 1931."
FIRST = f"Ferries leave at noon from the quay. {BUILT} Tolls ended in 1946."
SECOND = f"{BUILT} Tolls ended in 1946. The market of Skarn is on Fridays."


def test_overlapping_chunks_are_paid_for_once() -> None:
    compressor = Compressor(scorers.make("bm25"), counter=words)
    documents = [Document(FIRST), Document(SECOND)]
    question = "Who built Skarn Bridge, when did tolls end, when is the market?"
    context = compressor(question, documents, budget=Budget(max_tokens=22))
    assert context.text.count("Berit Holm") == 1 and "market" in context.text
    repeats = [d for d in context.to_dict()["dropped"] if d["reason"] == "duplicate"]
    assert {documents[d["document"]].text[d["start_char"] : d["end_char"]] for d in repeats} == {
        BUILT,
        "Tolls ended in 1946.",
    }
    for d in repeats:
        same = d["duplicate_of"]
        assert (
            documents[same["document"]].text[same["start_char"] : same["end_char"]]
            == documents[d["document"]].text[d["start_char"] : d["end_char"]]
        )


def test_copies_of_a_document_are_kept_once_even_where_all_fit() -> None:
    compressor = Compressor(scorers.make("bm25"), counter=words)
    context = compressor("Who built Skarn Bridge?", [Document(FIRST)] * 5, budget=Budget(ratio=1))
    assert context.text == FIRST
    assert set(context.selection.dropped.values()) == {"duplicate"}


@pytest.mark.parametrize(
    "texts",
    [
        [
            "timeout (integer)\n\nThe default is 5.",
            "retries (integer)\n\nThe default is 5.",
        ],  # short, and alone
        [f"{BUILT} Noted again: {BUILT}"],  # within one document
        ["# Default values of all options\n\nA.", "# Default values of all options\n\nB."],  # headings
    ],
)
def test_what_may_mean_something_else_is_no_repeat(texts: list[str]) -> None:
    segmentation = segment([Document(t) for t in texts])
    assert not find_repeats(segmentation, range(len(segmentation.sentences)))


@given(
    st.lists(
        st.lists(st.sampled_from(["One two three four five.", "Six seven eight nine ten.", "Yes.", "No."]))
    ),
    st.randoms(use_true_random=False),
)
def test_one_of_each_long_sentence_is_left(texts: list[list[str]], random: object) -> None:
    segmentation = segment([Document(" ".join(t)) for t in texts if t])
    n = len(segmentation.sentences)
    values = np.array([random.random() for _ in range(n)])  # type: ignore[attr-defined]
    ranking = Scores(values, "test").ranking()
    repeats = find_repeats(segmentation, ranking)
    place = {index: rank for rank, index in enumerate(ranking)}
    for repeat, other in repeats.items():
        assert other not in repeats and place[other] < place[repeat]
        assert segmentation.sentences[other].text == segmentation.sentences[repeat].text
        assert segmentation.sentences[other].document != segmentation.sentences[repeat].document
    left = [segmentation.sentences[i] for i in range(n) if i not in repeats]
    for text in {s.text for s in segmentation.sentences if len(s.text.split()) >= 5}:
        assert len({s.document for s in left if s.text == text}) == 1


@pytest.mark.parametrize("limit", [1, 5, 7])
def test_the_budget_that_an_error_names_is_not_that_of_half_a_sentence_that_is_never_kept(limit: int) -> None:
    compress = Compressor(scorers.make("bm25"), counter=by_threes, format="text")
    documents = [Document("bour harbour harbour"), Document("00bour harbour harbour")]
    with pytest.raises(BudgetTooSmall) as raised:
        compress("harbour", documents, budget=Budget(max_tokens=limit))
    context = compress("harbour", documents, budget=Budget(max_tokens=raised.value.smallest))
    assert context.text == documents[1].text
