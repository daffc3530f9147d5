"""What is looked at of one request: its group, the shape of its scores, and the words of its documents."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..data import FloatArray, Scores, Segmentation
from ..text.terms import terms

LEAST = 1e-9  # probabilities below it count as it
SHORT = 10.0  # bytes; shorter sentences count as of so many
WORD_BINS = 64
WORD_DIGITS = 3
_FEW, _MANY = 6, 14  # documents
_SECOND, _FIFTH = 1, 4
# From here on letters are of other scripts than Latin, Greek and Cyrillic.
_OTHER_SCRIPTS = "\u0530"

SHAPE = (
    "log_best", "second_below_best", "fifth_below_second", "log_sum", "log_even_number", "log_middle",
    "best_document_share", "log_sentences", "log_documents", "log_characters",
)  # fmt: skip
"""What ``Request.shape`` holds: of the probabilities the best, the second and fifth relative to the one
before, the sum, how many even ones would be as spread (e to the entropy), the middle one, the share of the
best document in the sum; the number of sentences and documents, and the sentences' mean length."""


class Group(NamedTuple):
    """Cheap features by which promises are made apart, the most telling first."""

    ranked: str
    script: str
    size: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question with its documents, as a calibration sees it.

    Attributes:
        group: which of the groups it belongs to.
        shape: (10,) as in ``SHAPE``.
        words: (64,) how its words divide up among bins, square roots, of length about 1.
        values: (S,) what a threshold is compared with, higher is better.
    """

    group: Group
    shape: FloatArray
    words: FloatArray
    values: FloatArray


def look_at(segmentation: Segmentation, scores: Scores) -> Request:
    """Look at a request; nothing is read again. There must be at least one sentence."""
    sizes = np.array([len(s.text.encode()) for s in segmentation.sentences], dtype=np.float64)
    return Request(
        _group(segmentation),
        _shape(segmentation, scores),
        _words(segmentation),
        values_of(scores.values, sizes),
    )


def values_of(probabilities: FloatArray, sizes: FloatArray) -> FloatArray:
    """What a threshold is compared with: log p - (log max p + log Σ p + log size) ÷ 2.

    A threshold on p alone drops the evidence of questions whose probabilities are all low; one on p ÷ Σ p
    keeps too much where one sentence is sure. Between the two fewer tokens hold the same recall. So they do
    where a long sentence must be more probable than a short one.

    Args:
        probabilities: (S,) of the sentences.
        sizes: (S,) in bytes; they stand for tokens of any counter.
    """
    p = np.maximum(np.asarray(probabilities, dtype=np.float64), LEAST)
    values: FloatArray = (
        np.log(p) - (np.log(p.max()) + np.log(p.sum()) + np.log(np.maximum(sizes, SHORT))) / 2
    )
    return values


def _group(segmentation: Segmentation) -> Group:
    documents = segmentation.documents
    scores = {d.score for d in documents}
    n = len({s.document for s in segmentation.sentences})
    letters = [
        c for s in segmentation.sentences[:: max(1, len(segmentation.sentences) // 20)] for c in s.text
    ]
    letters = [c for c in letters if c.isalpha()]
    other = 2 * sum(c >= _OTHER_SCRIPTS for c in letters) > len(letters)
    return Group(
        "unranked" if None in scores or len(scores) < 2 else "ranked",
        "other script" if other else "western script",
        "few documents" if n < _FEW else "many documents" if n > _MANY else "some documents",
    )


def _shape(segmentation: Segmentation, scores: Scores) -> FloatArray:
    p = np.maximum(scores.values, LEAST)
    best = np.log(np.sort(p)[::-1])
    last = len(best) - 1
    share = p / p.sum()
    document = np.array([s.document for s in segmentation.sentences])
    by_document = np.bincount(document, share)
    lengths = [len(s.text) for s in segmentation.sentences]
    return np.array(
        [
            best[0],
            best[min(_SECOND, last)] - best[0],
            best[min(_FIFTH, last)] - best[min(_SECOND, last)],
            np.log(p.sum()),
            -float(share @ np.log(share)),
            float(np.median(best)),
            by_document.max(),
            np.log(len(p)),
            np.log((by_document > 0).sum()),
            np.log(np.mean(lengths)),
        ]
    )


def _words(segmentation: Segmentation) -> FloatArray:
    """Words are put into bins by a hash: no word can be read from it, but kinds of text differ."""
    bins = np.zeros(WORD_BINS)
    for sentence in segmentation.sentences:
        for term in terms(sentence.text):
            bins[zlib.crc32(b"0" if term.isdigit() else term.encode()) % WORD_BINS] += 1
    # As many digits as a calibration keeps, so that what is alike in both is the same.
    return np.asarray(np.round(np.sqrt(bins / max(1.0, bins.sum())), WORD_DIGITS), dtype=np.float64)
