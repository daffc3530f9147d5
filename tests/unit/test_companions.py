"""A table's header goes along with its rows, a heading with its text if asked, within the budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragcompress.data import Budget, Document, Scores, Selection
from ragcompress.selection.companions import bring, companions, complete
from ragcompress.selection.layout import Layout
from ragcompress.selection.ordering import ORDERS
from ragcompress.text.segmentation import segment

PROPERTY = settings(deadline=None, derandomize=True, max_examples=60)
CSV = "year,cost\n1902,40\n1903,41\n1904,42\n"
MARKDOWN = "Intro.\n\n# One\n\nAa. Bb.\n\n## Two\n\n- item\n"


def test_rows_have_their_header_and_sentences_their_heading() -> None:
    parts = segment([Document(CSV, syntax="csv"), Document(MARKDOWN), Document("Alone.")])
    assert companions(parts) == {1: 0, 2: 0, 3: 0}
    assert companions(parts, headings=True) == {1: 0, 2: 0, 3: 0, 6: 5, 7: 5, 9: 8}


def test_a_header_has_a_heading_too() -> None:
    rows = "\n".join(f"| {i} | {'x' * 40} |" for i in range(100))
    parts = segment([Document(f"# Costs\n\n| a | b |\n|---|---|\n{rows}")])
    found = companions(parts, headings=True)
    assert bring((7, 5), found) == (0, 1, 7, 5)


def test_companions_stand_before_what_they_go_along_with() -> None:
    assert bring((4, 2, 5), {4: 3, 5: 3, 2: 1}) == (3, 4, 1, 2, 5)
    assert bring((4, 3), {4: 3}) == (3, 4)
    assert bring((3, 1), {}) == (3, 1)


def test_a_selection_is_completed_and_forgets_that_they_were_dropped() -> None:
    selection = complete(Selection((4,), {0: "over_budget", 3: "over_budget"}), {4: 3})
    assert (selection.kept, dict(selection.dropped)) == ((3, 4), {0: "over_budget"})


DOCUMENTS = st.lists(
    st.sampled_from(
        [Document(CSV, syntax="csv"), Document(MARKDOWN), Document("Some prose. More.", title="Title")]
    ),
    min_size=1,
    max_size=4,
)


@PROPERTY
@given(
    DOCUMENTS, st.sampled_from(ORDERS), st.booleans(), st.booleans(), st.integers(1, 200), st.integers(0, 9)
)
def test_nothing_is_kept_without_its_companion_and_the_budget_holds(
    documents: list[Document], order: str, headings: bool, together: bool, limit: int, seed: int
) -> None:
    parts = segment(documents)
    scores = Scores(np.random.default_rng(seed).random(len(parts.sentences)), "random")
    layout = Layout(len, order, keep_together=together, headings=headings)
    smallest = min(len(layout.render(parts, (i,), scores).text) for i in range(len(parts.sentences)))
    kept = layout.select(parts, scores, max(limit, smallest), shares=Budget(ratio=1))
    rendered = layout.render(parts, kept.kept, scores)
    assert len(rendered.text) <= max(limit, smallest)
    sequence = [p.sentence for p in rendered.pieces]
    assert sorted(sequence) == list(kept.kept)
    for index, companion in companions(parts, headings=headings).items():
        if index in sequence:
            assert sequence.index(companion) < sequence.index(index)
    assert sorted([*kept.kept, *kept.dropped]) == list(range(len(parts.sentences)))


def test_a_row_that_only_fits_without_its_header_does_not_fit() -> None:
    parts = segment([Document(CSV, syntax="csv"), Document("A sentence.")])
    scores = Scores(np.array([0.0, 9.0, 8.0, 7.0, 1.0]), "given")
    kept = Layout(len).select(parts, scores, len("1902,40") + 5)
    assert kept.kept == (4,)
    assert kept.dropped[1] == "too_long"
    kept = Layout(len).select(parts, scores, len("year,cost\n1902,40"))
    assert kept.kept == (0, 1)


@pytest.mark.parametrize("order", ORDERS)
def test_whole_tables_read_as_they_did(order: str) -> None:
    parts = segment([Document(CSV, syntax="csv")])
    rising = Scores(np.arange(4.0), "given")
    text = Layout(len, order).render(parts, (0, 1, 2, 3), rising).text
    assert text.startswith("year,cost")
