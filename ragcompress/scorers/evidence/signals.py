"""Signals that are nearly free: shared words, vectors, the retriever's rank, place, the form of the question.

No language model is run for them. A signal that is not there (no vector, no rank, no title) is NaN, and the
head takes its mean instead (``head``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data import FloatArray, Segmentation
from ...text.terms import terms
from .late_interaction import Vectors, worst_matches
from .words import shared_words, stems, weighted

WORDS = (
    "words", "words_before", "words_behind", "words_of_document", "words_below_best", "words_rank",
    "words_document_rank", "stems", "stems_before", "stems_behind", "stems_of_document", "stems_below_best",
    "stems_rank", "stems_of_title",
)  # fmt: skip
_AROUND = (
    "", "_before", "_behind", "_of_three", "_of_document", "_best_of_document", "_below_best",
    "_standardised", "_rank", "_document_rank",
)  # fmt: skip
VECTORS = (
    *(f"cosine{what}" for what in _AROUND),
    *(f"matches{what}" for what in _AROUND),
    "centred_matches", "centred_matches_below_best", "centred_matches_standardised",
    "worst_matches", "worst_matches_standardised", "covered", "covered_standardised",
)  # fmt: skip
RANK = ("log_rank", "rank_share", "is_first")
PLACE = (
    "log_characters", "log_position", "from_end", "log_sentences_of_document", "log_sentences",
    "log_documents", "has_no_word",
)  # fmt: skip
FORM = (
    "log_words_of_question", "function_words", "question_mark", "not_latin", "capitals", "digits",
    "has_title", "has_vector", "has_rank",
)  # fmt: skip
NAMES = (*WORDS, *VECTORS, *RANK, *PLACE, *FORM)
"""The columns of ``signals``."""
TELLING = (
    "words", "words_of_document", "stems", "stems_of_document", "stems_of_title", "cosine", "cosine_of_three",
    "cosine_of_document", "matches", "matches_of_three", "matches_of_document", "centred_matches",
    "worst_matches", "covered",
)  # fmt: skip
"""Signals whose largest value tells something of whether the documents hold an answer."""

Indices = NDArray[np.int64]
_FUNCTION_WORDS = frozenset(
    "a about an and are as at be been by can could did do does for from had has have he her his how i if in "
    "into is it its may me my of on or our she should so some such than that the their them there these they "
    "this those to us was we were what when where which who whom whose why will with would you your".split()
)
_MARKS = "?？؟;"


def ranks_of(segmentation: Segmentation) -> FloatArray | None:
    """The retriever's rank (D,) of each document, from 0; None where it gave no scores, or all the same."""
    scores = [d.score for d in segmentation.documents]
    if len(set(scores)) < 2 or any(s is None for s in scores):
        return None
    order = np.argsort([-float(s or 0.0) for s in scores], kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(len(scores))
    return ranks


def signals(
    question: str,
    segmentation: Segmentation,
    vectors: Vectors | None = None,
    ranks: FloatArray | None = None,
    anchors: Sequence[Sequence[int]] = (),
) -> FloatArray:
    """Signals (S, K) of every sentence, K as in ``NAMES``; NaN where one is not there.

    Args:
        vectors: of question and sentences, if there are any.
        ranks: (D,) of the documents, from 0, if a retriever ranked them.
        anchors: for each sentence those whose words count as its own (``text.companions.find_anchors``).
    """
    n = len(segmentation.sentences)
    if not n:
        return np.zeros((0, len(NAMES)))
    document = np.array([s.document for s in segmentation.sentences], dtype=np.int64)
    n_documents = len(segmentation.documents)
    blocks = [
        _word_signals(question, segmentation, document, anchors),
        _vector_signals(vectors, document, n_documents),
        _rank_signals(ranks, document),
        _place_signals(segmentation, document),
        _form_signals(question, segmentation, document, vectors, ranks),
    ]
    return np.concatenate(blocks, axis=1)


def neighbour(values: FloatArray, document: Indices, by: int, fill: float = 0.0) -> FloatArray:
    """The value ``by`` sentences before, within the document."""
    rolled, same = np.roll(values, by), np.roll(document, by) == document
    same[0 if by > 0 else -1] = False
    return np.where(same, rolled, fill)


def best_in(values: FloatArray, group: Indices, n: int) -> FloatArray:
    """The largest value (n,) of each group; -inf of an empty one."""
    best = np.full(n, -np.inf)
    np.maximum.at(best, group, values)
    return best


def share_above(values: FloatArray) -> FloatArray:
    """For each value the share of all that are larger."""
    behind = np.searchsorted(np.sort(values), values, side="right")
    return np.asarray((len(values) - behind) / max(1, len(values)))


def _share_above_of_documents(values: FloatArray, document: Indices) -> FloatArray:
    """For each sentence the share of documents with a larger value (S,) than its own has."""
    present, first = np.unique(document, return_index=True)
    return share_above(values[first])[np.searchsorted(present, document)]


def _word_signals(
    question: str, segmentation: Segmentation, document: Indices, anchors: Sequence[Sequence[int]]
) -> FloatArray:
    columns = []
    for cut, has_rank in ((terms, True), (stems, False)):
        titles = [cut(d.title or "") for d in segmentation.documents]
        sentences = [cut(s.text) for s in segmentation.sentences]
        whole: list[list[str]] = [list(t) for t in titles]
        for d, own in zip(document, sentences, strict=True):
            whole[d] += own
        if anchors:
            sentences = [
                [*(t for a in over for t in sentences[a]), *own]
                for over, own in zip(anchors, sentences, strict=True)
            ]
        asked = cut(question)
        value, of_document = shared_words(asked, sentences), shared_words(asked, whole)
        columns += [
            value, neighbour(value, document, 1), neighbour(value, document, -1), of_document[document],
            value - value.max(), share_above(value),
        ]  # fmt: skip
        columns.append(
            _share_above_of_documents(of_document[document], document)
            if has_rank
            else shared_words(asked, titles)[document]
        )
    return np.stack(columns, axis=1)


def _vector_signals(vectors: Vectors | None, document: Indices, n_documents: int) -> FloatArray:
    result = np.full((len(document), len(VECTORS)), np.nan)
    if vectors is None or not vectors.there.any():
        return result
    place = np.flatnonzero(vectors.there)
    spot = _Spot(place, document[place], n_documents)
    own = vectors.sentences[place].astype(np.float64)
    matches, centred = (m[place].astype(np.float64) for m in (vectors.matches, vectors.centred))
    weights = vectors.weights.astype(np.float64)
    best = np.zeros((n_documents, matches.shape[1]))
    np.maximum.at(best, spot.document, matches)
    three = np.maximum(np.maximum(matches, spot.next_to(matches, 1)), spot.next_to(matches, -1))
    rarely = weighted(centred, weights)
    result[place] = np.concatenate(
        [
            _cosines(own, vectors.question.astype(np.float64), spot),
            spot.around(
                weighted(matches, weights), weighted(three, weights), weighted(best, weights)[spot.document]
            ),
            np.stack([rarely, rarely - rarely.max(), standardised(rarely)], axis=1),
            *(
                np.stack([v, standardised(v)], axis=1)
                for v in (worst_matches(matches), vectors.covered[place].astype(np.float64))
            ),
        ],
        axis=1,
    )
    return result


def standardised(values: FloatArray) -> FloatArray:
    """In standard deviations from the mean, of at least 1/50."""
    return np.asarray((values - values.mean()) / (values.std() + 0.02))


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where the sentences with vectors stand.

    Attributes:
        place: (N,) ascending, among all sentences.
        document: (N,) of each.
        n_documents: of how many.
    """

    place: Indices
    document: Indices
    n_documents: int

    def next_to(self, values: FloatArray, by: int) -> FloatArray:
        """The values (N, …) of the sentences right before (1) or behind (-1), 0 where there is none."""
        found = (np.roll(self.place, by) == self.place - by) & (np.roll(self.document, by) == self.document)
        found[0 if by > 0 else -1] = False
        shape = (-1,) + (1,) * (values.ndim - 1)
        return np.where(found.reshape(shape), np.roll(values, by, 0), 0.0)

    def around(self, values: FloatArray, of_three: FloatArray, of_document: FloatArray) -> FloatArray:
        """A signal (N,) as the columns ``_AROUND``, (N, 10)."""
        return np.stack(
            [
                values,
                self.next_to(values, 1),
                self.next_to(values, -1),
                of_three,
                of_document,
                best_in(values, self.document, self.n_documents)[self.document],
                values - values.max(),
                standardised(values),
                share_above(values),
                _share_above_of_documents(of_document, self.document),
            ],
            axis=1,
        )


def _cosines(own: FloatArray, asked: FloatArray, spot: _Spot) -> FloatArray:
    three = own + spot.next_to(own, 1) + spot.next_to(own, -1)
    whole = np.zeros((spot.n_documents, own.shape[1]))
    np.add.at(whole, spot.document, own)

    def cosine(sums: FloatArray) -> FloatArray:
        return np.asarray(weighted(sums, asked) / np.maximum(np.linalg.norm(sums, axis=1), 1e-9))

    return spot.around(weighted(own, asked), cosine(three), cosine(whole)[spot.document])


def _rank_signals(ranks: FloatArray | None, document: Indices) -> FloatArray:
    if ranks is None:
        return np.full((len(document), len(RANK)), np.nan)
    own = ranks[document]
    return np.stack([np.log1p(own), own / len(ranks), (own == 0).astype(np.float64)], axis=1)


def _place_signals(segmentation: Segmentation, document: Indices) -> FloatArray:
    n = len(document)
    counts = np.bincount(document, minlength=len(segmentation.documents))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    position = np.arange(n) - first[document]
    return np.stack(
        [
            np.log([max(1, len(s.text)) for s in segmentation.sentences]),
            np.log1p(position),
            np.log1p(counts[document] - 1 - position),
            np.log(counts[document]),
            np.full(n, np.log(n)),
            np.full(n, np.log(len(np.unique(document)))),
            np.array([float(not terms(s.text)) for s in segmentation.sentences]),
        ],
        axis=1,
    )


def _form_signals(
    question: str,
    segmentation: Segmentation,
    document: Indices,
    vectors: Vectors | None,
    ranks: FloatArray | None,
) -> FloatArray:
    asked = terms(question)
    letters = [c for c in question if c.isalpha()]
    n, n_letters = max(1, len(asked)), max(1, len(letters))
    form = [
        float(np.log(n)),
        sum(w in _FUNCTION_WORDS for w in asked) / n,
        float(any(c in _MARKS for c in question)),
        sum(ord(c) > 0x24F for c in letters) / n_letters,
        sum(c.isupper() for c in letters) / n_letters,
        sum(c.isdigit() for c in question) / max(1, len(question)),
    ]
    there = np.zeros(len(document)) if vectors is None else vectors.there.astype(np.float64)
    titled = np.array([float(bool(d.title)) for d in segmentation.documents])[document]
    ranked = np.full(len(document), float(ranks is not None))
    return np.column_stack([np.tile(form, (len(document), 1)), titled, there, ranked])
