"""How much work a call does apart from the models, counted in function calls: the same on every machine."""

from __future__ import annotations

import cProfile
import gc
import pstats
from typing import ClassVar

import numpy as np
import pytest

from ragcompress import Budget, Compressor, Document, Scores, Segmentation
from ragcompress.data import Progress

SENTENCES = 5
MOST_PER_SENTENCE = 690
WORDS = "harbour lamp keeper storm bridge ferry wheat market tower clock garden river".split()


class Free:
    """Scores without any work; every third sentence is wanted."""

    name: ClassVar[str] = "free"
    needs_proxy: ClassVar[bool] = False

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        return Scores((np.arange(len(segmentation.sentences)) % 3 == 0).astype(float), self.name)


def documents(n: int) -> list[Document]:
    """Documents of different sentences, no two of them equal."""

    def sentence(number: int) -> str:
        some = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 5, 7)]
        return f"The {some[0]} number {number} stands beside the {some[1]} and the {some[2]}."

    return [
        Document(" ".join(sentence(d * SENTENCES + i) for i in range(SENTENCES)), f"Page {d}")
        for d in range(n)
    ]


def calls(n: int) -> int:
    """Calls of functions while n documents are segmented, selected from and rendered."""
    compressor = Compressor(Free(), counter=lambda text: text.count(" ") + 1)
    given, budget = documents(n), Budget(ratio=0.3, min_tokens=0)
    compressor("Where is the lamp?", given, budget=budget)  # what is loaded or compiled once is not counted
    profile = cProfile.Profile()
    gc.disable()  # others' callbacks at a collection would be counted
    try:
        profile.runcall(compressor, "Where is the lamp?", given, budget=budget)
    finally:
        gc.enable()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def counted() -> dict[int, int]:
    return {n: calls(n) for n in (20, 80)}


def test_a_call_does_the_same_work_each_time(counted: dict[int, int]) -> None:
    assert calls(20) == counted[20]


def test_work_grows_with_the_documents_and_no_faster(counted: dict[int, int]) -> None:
    assert counted[80] < 4.4 * counted[20]


def test_work_stays_within_its_margin(counted: dict[int, int]) -> None:
    """Measured (627) with a tenth to spare. Who adds work on purpose raises it, and says so."""
    per_sentence = counted[80] / (80 * SENTENCES)
    assert per_sentence < MOST_PER_SENTENCE
