"""R1 to R12 where options meet: every order, format, counter, rule and kind of document, with a free scorer.

Scores are drawn, as no model would give them: ties, all the same, the worst first. ``make fuzz`` takes many
cases, other ones each time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import promises
from damage import cases
from hypothesis import given
from hypothesis import strategies as st

from ragcompress import Budget, Compressor, Document, Scores, Segmentation
from ragcompress.data import Progress
from ragcompress.selection.ordering import ATTENTION_SORT, ORDERS
from ragcompress.selection.rendering import FORMATS


class Drawn:
    """Probabilities that hang on the words alone, in so many steps."""

    name = "drawn"
    makes_vectors = True

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        drawn = [zlib.crc32((question + s.text).encode()) % self._n_steps for s in segmentation.sentences]
        turns = np.array([zlib.crc32(s.text.encode()) % 9 for s in segmentation.sentences])
        vectors = np.stack([np.cos(turns), np.sin(turns)], axis=1)
        values = np.array(drawn) / max(1, self._n_steps - 1)
        return Scores(values, self.name, calibrated=True, vectors=vectors)


@given(
    question=st.text(min_size=1, max_size=20).filter(lambda t: t.strip()),
    documents=promises.documents,
    budget=promises.budgets,
    options=st.fixed_dictionaries(
        {
            "order": st.sampled_from([order for order in ORDERS if order != ATTENTION_SORT]),
            "format": st.sampled_from(FORMATS),
            "mark_gaps": st.booleans(),
            "keep_together": st.booleans(),
            "headings": st.booleans(),
            "whole_documents": st.booleans(),
            "near_repeats": st.sampled_from([0.0, 0.5, 1.0]),
            "language": st.none() | st.sampled_from(["en", "de", "th", "zh"]),
        }
    ),
    counter=st.sampled_from(promises.counters),
    n_steps=st.sampled_from([1, 2, 7, 1000]),
)
@cases(200)
def test_promises_hold_where_options_meet(
    question: str,
    documents: list[Document],
    budget: Budget,
    options: dict[str, object],
    counter: Callable[[str], int],
    n_steps: int,
) -> None:
    compressor = Compressor(Drawn(n_steps), counter=counter, **options)  # type: ignore[arg-type]
    first = promises.check(compressor, counter, question, documents, budget)
    if first is not None:  # R10: the same input gives the same output
        again = compressor(question, documents, budget=budget)
        assert (again.text, again.pieces) == (first.text, first.pieces)
