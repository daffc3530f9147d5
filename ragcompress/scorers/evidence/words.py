"""Words that texts share with a question, as terms or as stems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...data import FloatArray
from ...text.terms import terms

_STEM = 5
# From Thai on, single letters are terms (``text.terms``): Korean has blanks, and longer words.
_DENSE = "\u0e00"


def stems(text: str) -> list[str]:
    """The first letters of words, and pairs of neighboring characters of scripts without blanks."""
    found, before = [], ""
    for term in terms(text):
        dense = len(term) < 3 and term[0] >= _DENSE
        found.append(before + term if dense else term[:_STEM])
        before = term if dense else ""
    return found


def shared_words(query: Sequence[str], texts: Sequence[Sequence[str]]) -> FloatArray:
    """BM25 (k1 = 1.2, b = 0.75, Lucene's weights) as a share of the most a text could get, (N,) in [0, 1)."""
    wanted = Counter(query)
    if not wanted or not texts:
        return np.zeros(len(texts))
    lengths = np.array([len(t) for t in texts], dtype=np.float64)
    counts = np.zeros((len(texts), len(wanted)))
    place = {term: k for k, term in enumerate(wanted)}
    for row, text in enumerate(texts):
        for term in text:
            if term in place:
                counts[row, place[term]] += 1
    frequency = (counts > 0).sum(axis=0)
    weights = np.log1p((len(texts) - frequency + 0.5) / (frequency + 0.5)) * list(wanted.values())
    norm = 1.2 * (0.25 + 0.75 * lengths / max(1.0, float(lengths.mean())))[:, None]
    return weighted(counts * 2.2 / (counts + norm), weights) / (2.2 * float(weights.sum()))


def weighted(rows: FloatArray, weights: FloatArray) -> FloatArray:
    """``rows @ weights``, equal for equal rows: BLAS rounds by a row's place, and ties would turn."""
    return np.asarray(np.einsum("nk,k->n", rows, weights, optimize=False))
