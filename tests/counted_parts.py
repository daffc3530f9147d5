"""What a compress call does beside the model, part by part, for an instruction counter (callgrind).

    python counted_parts.py

A mark is a call of ``getpriority``, which nothing else here makes. Between the first two stands a reference:
work of the standard library on the same text. All instructions are compared with its.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ragcompress import Budget, Compressor, Document, Scores, Segmentation, samples, segment
from ragcompress.data import Progress
from ragcompress.scorers.evidence.late_interaction import Vectors
from ragcompress.scorers.evidence.signals import NAMES, signals
from ragcompress.scorers.evidence.surroundings import surroundings
from ragcompress.scorers.passage_probe.context import EXPERTS

PARTS = ("segmentation", "features", "selection and rendering")
_SIZE = 64


class Drawn:
    """A scorer whose scores are drawn: it costs next to nothing."""

    name: ClassVar[str] = "drawn"
    needs_proxy: ClassVar[bool] = False

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        values = np.random.default_rng(0).uniform(0, 1, len(segmentation.sentences))
        return Scores(values, self.name, calibrated=True)


def count_words(text: str) -> int:
    """A token count that costs next to nothing."""
    return len(text.split())


def drawn_vectors(n: int) -> Vectors:
    """Vectors of a question of twelve tokens and of sentences."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(n + 1, _SIZE)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    matches = draw.uniform(0, 1, (2, n, 12)).astype(np.float32)
    covered, weights = draw.uniform(0, 1, n).astype(np.float32), np.full(12, 1 / 12, np.float32)
    return Vectors(rows[0], rows[1:], np.ones(n, np.bool_), matches[0], matches[1], covered, weights)


def reference(documents: list[Document]) -> None:
    """Count words, forty times."""
    for _ in range(40):
        Counter(word.lower() for d in documents for word in re.findall(r"\w+", d.text))


def marked(*works: Callable[[], object]) -> None:
    """Do each work twice, the second time between two marks: caches and imports are warm then."""
    for work in works:
        work()
    os.getpriority(os.PRIO_PROCESS, 0)
    for work in works:
        work()
        os.getpriority(os.PRIO_PROCESS, 0)


def main() -> None:
    """Do the reference and then the parts."""
    sample = samples.demo()
    documents = list(sample.documents)
    whole = segment(documents)
    n = len(whole.sentences)
    vectors, draw = drawn_vectors(n), np.random.default_rng(1)
    attention, cheap = draw.normal(size=(n, len(EXPERTS))), draw.normal(size=n)
    compressor = Compressor(Drawn(), counter=count_words)

    def features() -> None:
        own = signals(sample.question, whole, vectors)
        assert own.shape == (n, len(NAMES))
        surroundings(sample.question, whole, attention, cheap, own, vectors)

    marked(
        lambda: reference(documents),
        lambda: segment(documents),
        features,
        lambda: compressor(sample.question, documents, budget=Budget(ratio=0.2)),
    )


if __name__ == "__main__":
    main()
