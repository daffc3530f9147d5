"""BM25 over sentences: the words that a sentence shares with the question, rare ones counting more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import ClassVar

import numpy as np

from ..data import FloatArray, Progress, Scores, Segmentation
from ..errors import InputError
from ..text.companions import anchor_texts
from ..text.terms import terms


class Scorer:
    """BM25 in Lucene's form, each sentence a document of its own, statistics from the sentences given.

    For the terms t of the question, repeated ones counted again, the sum of

        ln(1 + (S - df + 0.5) / (df + 0.5)) · tf · (k1 + 1) / (tf + k1 · (1 - b + b · length / mean length))

    where ``df`` of S sentences hold t, and ``tf`` is how often this one does. Formula: Robertson and
    Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, section 3.5; the never
    negative first factor is Lucene's ("Which BM25 Do You Mean?", Kamphuis et al., ECIR 2020, table 1).
    Terms are words as readers see them (``text.terms``). Titles play no part. A sentence has the terms of
    what it is read under, too: the name of an option, a lead-in (``text.companions.anchor_texts``).

    Args:
        k1: at 0 only whether a term occurs counts; larger values let repetition count for longer.
        b: 0 … 1, how far long sentences are marked down.

    Raises:
        InputError: for values out of range.
    """

    name: ClassVar[str] = "bm25"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, *, k1: float = 1.2, b: float = 0.75) -> None:
        if not 0 <= k1 < inf:
            raise InputError(f"k1 must be at least 0 and finite, got {k1!r}")
        if not 0 <= b <= 1:
            raise InputError(f"b must lie in [0, 1], got {b!r}")
        self.k1 = k1
        self.b = b

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Score by shared words; 0 where there are none."""
        query = Counter(terms(question))
        sentences = [Counter(terms(s.text)) for s in segmentation.sentences]
        counts = _counts(sentences, query)
        # A name counts for what it describes, and makes it no longer.
        named = _counts([Counter(terms(text)) for text in anchor_texts(segmentation)], query)
        lengths = np.array([c.total() for c in sentences], dtype=np.float64)
        weights = np.array(list(query.values()), dtype=np.float64)
        values = self._saturate(np.maximum(counts, named), lengths) @ (weights * _idf(counts))
        return Scores(values, self.name, settings={"k1": self.k1, "b": self.b})

    def _saturate(self, counts: FloatArray, lengths: FloatArray) -> FloatArray:
        """The factor of each sentence and term, (S, terms), in [0, k1 + 1]."""
        mean = lengths.mean() if lengths.any() else 1.0
        norm = self.k1 * (1 - self.b + self.b * lengths / mean)[:, None]
        # A term that is absent gives 0 whatever the norm; the maximum keeps 0 / 0 (k1 = 0) out.
        factors: FloatArray = counts * (self.k1 + 1) / np.maximum(counts + norm, np.finfo(np.float64).tiny)
        return factors


def _counts(texts: Sequence[Counter[str]], query: Counter[str]) -> FloatArray:
    """How often each text has each term, (S, terms), even where one of them is 0."""
    counts = np.array([[c[t] for t in query] for c in texts], dtype=np.float64)
    return counts.reshape(len(texts), len(query))


def _idf(counts: FloatArray) -> FloatArray:
    """Lucene's inverse document frequency of each term, at least 0."""
    df = (counts > 0).sum(axis=0)
    weights: FloatArray = np.log1p((len(counts) - df + 0.5) / (df + 0.5))
    return weights
