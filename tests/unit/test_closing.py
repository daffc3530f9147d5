"""warm_up, and a compressor that lets go of its models."""

from __future__ import annotations

import gc
import weakref
from typing import ClassVar

import numpy as np
import pytest

from ragcompress import Budget, Compressor, Document, InputError, Scores, Segmentation
from ragcompress.data import Progress

DOCUMENTS = [Document("Anna Lund built the bridge. It stands in Oslo. It was painted red.")]


class Counting:
    """Scores by length, and counts how often."""

    name: ClassVar[str] = "counting"
    needs_proxy: ClassVar[bool] = False

    def __init__(self) -> None:
        self.calls = 0

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        self.calls += 1
        return Scores(np.array([float(len(s.text)) for s in segmentation.sentences]), self.name)


def test_warming_up_scores_once() -> None:
    scorer = Counting()
    Compressor(scorer, counter=len).warm_up()
    assert scorer.calls == 1


def test_a_closed_compressor_lets_go_of_its_scorer() -> None:
    scorer = Counting()
    seen = weakref.ref(scorer)
    with Compressor(scorer, counter=len) as compressor:
        assert compressor("Who built it?", DOCUMENTS, budget=Budget(max_tokens=40)).text
        del scorer
        gc.disable()  # nothing waits for a search for cycles
    try:
        assert seen() is None
    finally:
        gc.enable()


def test_a_closed_compressor_says_so() -> None:
    compressor = Compressor(Counting(), counter=len, on_error="passthrough")
    compressor.close()
    compressor.close()
    for use in (
        lambda: compressor("Who built it?", DOCUMENTS, budget=Budget(max_tokens=40)),
        lambda: compressor.count("text"),
        compressor.warm_up,
    ):
        with pytest.raises(InputError, match="closed"):
            use()


def test_what_others_hold_stays() -> None:
    scorer = Counting()
    with Compressor(scorer, counter=len):
        pass
    assert Compressor(scorer, counter=len)("Who?", DOCUMENTS, budget=Budget(max_tokens=40)).text
