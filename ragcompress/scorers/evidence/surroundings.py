"""What the head is told of a sentence: attention, cheap signals, and how both look around it.

A sentence is seldom evidence by itself: its neighbours, its document, the best sentences elsewhere, and what
links them say something. The attention may be missing (its passage was not read): then its columns are NaN,
but for what the sentences that were read say about the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...data import FloatArray, Segmentation
from ..passage_probe.context import EXPERTS, best_of_others, links, overlap, shared_with_best, words_of
from .late_interaction import Vectors
from .signals import NAMES as SIGNALS
from .signals import Indices, best_in, neighbour, share_above
from .words import weighted

_AROUND = (
    "", "_before", "_behind", "_best_of_others", "_mean_of_document", "_below_best",
    "_below_best_of_document", "_rank", "_standardised",
)  # fmt: skip
ATTENTION = (
    *(f"attention{what}" for what in _AROUND),
    *(f"{expert}{what}" for expert in EXPERTS[1:] for what in ("", "_best_of_document", "_below_best")),
)
LINKS = (
    "linked_from", "links_to", "is_linked", "has_link", "shared_with_a_best", "rarest_shared_with_a_best",
    "shared_with_the_best",
)  # fmt: skip
NEAR = ("near_best_elsewhere", "near_best_here")
ADDS = ("adds_to_best", "adds_to_best_rank", "adds_to_few", "adds_to_few_rank")
CHEAP = tuple(f"cheap{what}" for what in _AROUND)
OVERLAP = ("words_in_question", "title_in_question")
NAMES = (*ATTENTION, *LINKS, *NEAR, *ADDS, *CHEAP, *OVERLAP, *SIGNALS, "is_read", "best_read", "share_read")
"""The columns of ``surroundings``."""

_NONE = -6.0  # where there is no neighbour: a logit that says "no evidence"
_UNREAD = -1.0  # what was not read is doubtful at best
_N_BEST = 3


def surroundings(
    question: str,
    segmentation: Segmentation,
    attention: FloatArray,
    cheap: FloatArray,
    signals: FloatArray,
    vectors: Vectors | None = None,
) -> FloatArray:
    """Features (S, K) of every sentence, K as in ``NAMES``; NaN where a signal is not there.

    Args:
        attention: (S, E) logits of the regressions on attention; NaN in sentences that were not read.
        cheap: (S,) logits of the head for cheap signals.
        signals: (S, ·) as ``signals.signals`` makes them.
        vectors: those the signals were made from.
    """
    if not segmentation.sentences:
        return np.zeros((0, len(NAMES)))
    document = np.array([s.document for s in segmentation.sentences], dtype=np.int64)
    n_documents, sentence = len(segmentation.documents), np.arange(len(document))
    read = np.isfinite(attention[:, 0])
    best = np.where(read, np.nan_to_num(attention[:, 0]), np.minimum(cheap, _UNREAD))
    words = [words_of(s.text) for s in segmentation.sentences]
    into, out = links(best, sentence, document, segmentation, words)
    linked = [into, out, (into > _NONE).astype(np.float64), (out > _NONE).astype(np.float64)]
    shared = shared_with_best(best, sentence, document, segmentation, question, words)
    held = np.stack(overlap(sentence, segmentation, question, words), axis=1)
    level = float(attention[read, 0].max()) if read.any() else _NONE
    whole = np.column_stack([read, np.full(len(read), level), np.full(len(read), read.mean())])
    return np.concatenate(
        [
            _attention(attention, read, document, n_documents),
            np.stack(linked, axis=1),
            shared,
            _near(vectors, best, document),
            _adds(vectors, best),
            around(cheap, document, n_documents),
            held,
            signals,
            whole,
        ],
        axis=1,
    )


def around(values: FloatArray, document: Indices, n_documents: int) -> FloatArray:
    """A logit (S,) and how it stands among its neighbours, its document and all, (S, 9)."""
    best = best_in(values, document, n_documents)[document]
    count = np.bincount(document, minlength=n_documents)
    mean = np.bincount(document, values, n_documents) / np.maximum(count, 1)
    return np.stack(
        [
            values,
            neighbour(values, document, 1, _NONE),
            neighbour(values, document, -1, _NONE),
            best_of_others(values, document),
            mean[document],
            values - values.max(),
            values - best,
            share_above(values),
            (values - values.mean()) / (values.std() + 0.3),
        ],
        axis=1,
    )


def _attention(
    attention: FloatArray, read: NDArray[np.bool_], document: Indices, n_documents: int
) -> FloatArray:
    result = np.full((len(read), len(ATTENTION)), np.nan)
    if not read.any():
        return result
    own, of = attention[read], document[read]
    columns = [around(own[:, 0], of, n_documents)]
    for logits in own[:, 1:].T:
        columns.append(
            np.stack([logits, best_in(logits, of, n_documents)[of], logits - logits.max()], axis=1)
        )
    result[read] = np.concatenate(columns, axis=1)
    return result


def _near(vectors: Vectors | None, best: FloatArray, document: Indices) -> FloatArray:
    """How close a sentence is to the best ones, of other documents and of its own, as far as these count."""
    if vectors is None or not vectors.there.any():
        return np.full((len(best), len(NEAR)), np.nan)
    own = vectors.sentences.astype(np.float64)
    result = np.zeros((len(best), 2))
    order = [i for i in np.argsort(-best, kind="stable") if vectors.there[i]]
    for i in order[:_N_BEST]:
        close = weighted(own, own[i]) / (1 + np.exp(-best[i]))
        elsewhere = document != document[i]
        here = ~elsewhere & (np.arange(len(best)) != i)
        result[:, 0] = np.maximum(result[:, 0], np.where(elsewhere, close, 0.0))
        result[:, 1] = np.maximum(result[:, 1], np.where(here, close, 0.0))
    result[~vectors.there] = np.nan
    return result


def _adds(vectors: Vectors | None, best: FloatArray) -> FloatArray:
    """What of the question a sentence answers to that the best sentence, or the few best, does not.

    The tokens of a question of two steps, or of a comparison, have their likes in different sentences.
    """
    if vectors is None or not vectors.there.any():
        return np.full((len(best), len(ADDS)), np.nan)
    matches, weights = vectors.matches.astype(np.float64), vectors.weights.astype(np.float64)
    order = [int(i) for i in np.argsort(-best, kind="stable") if vectors.there[i]]
    columns = []
    for few in (order[:1], order[:_N_BEST]):
        held = np.tile(matches[few].max(axis=0), (len(best), 1))
        for i in few:  # one of the few counts by what it adds to the others
            others = [j for j in few if j != i]
            held[i] = matches[others].max(axis=0) if others else held[i]
        added = weighted(np.maximum(matches - held, 0.0), weights)
        columns += [added, share_above(added)]
    result = np.stack(columns, axis=1)
    result[~vectors.there] = np.nan
    return result
