"""In which order the kept sentences reach the reader.

Sentences are ordered one by one, unless documents are to stay together: what is kept is sparse, a document
seldom gives more than two sentences, and every run of sentences carries its document's title. Sentences of
one document that come out next to each other in source order still read as one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar, get_args

import numpy as np

from ..data import Scores, Segmentation
from ..errors import InputError, UnknownName

_T = TypeVar("_T")
ScoreOrder = Literal["source", "best-first", "best-last", "edges"]
Order = Literal[ScoreOrder, "attention-sort"]
BY_SCORE: tuple[ScoreOrder, ...] = get_args(ScoreOrder)
ATTENTION_SORT: Literal["attention-sort"] = "attention-sort"
ORDERS: tuple[Order, ...] = get_args(Order)


def order(name: str, kept: Sequence[int], scores: Scores) -> tuple[int, ...]:
    """Put kept sentences in order; equal scores stay in source order.

    Args:
        name: ``source`` (as in the documents), ``best-first`` (falling score), ``best-last`` (rising score)
            or ``edges``: the best first, the second best last, the third second, and so on inwards, because
            readers use the middle of a long context least (Liu et al. 2023, arXiv 2307.03172). The very best
            comes first whether the number of sentences is odd or even.
        kept: indices of different sentences, in any order.
        scores: of all sentences, kept or not.

    Raises:
        UnknownName: if there is no such order; ``attention-sort`` goes by more than scores.
        InputError: if an index has no score.
    """
    if name not in BY_SCORE:
        raise UnknownName("order", name, list(BY_SCORE))
    values = scores.values
    if any(not 0 <= i < len(values) for i in kept):
        raise InputError(f"a kept sentence is not among the {len(values)} that have scores")
    if name == "source":
        return tuple(sorted(kept))
    if name == "best-last":
        return tuple(sorted(kept, key=lambda i: (values[i], i)))
    ranked = sorted(kept, key=lambda i: (-values[i], i))
    return tuple(ranked if name == "best-first" else ranked[0::2] + ranked[1::2][::-1])


def order_documents(
    name: str, kept: Sequence[int], scores: Scores, segmentation: Segmentation
) -> tuple[int, ...]:
    """Put whole documents in order, each as good as its best kept sentence; inside, source order.

    Arguments and errors as those of ``order``.
    """
    best = np.full(len(segmentation.documents), scores.values.min(initial=0.0))
    members: dict[int, list[int]] = {}
    for i in sorted(kept):
        document = segmentation.sentences[i].document
        members.setdefault(document, []).append(i)
        best[document] = max(best[document], scores.values[i])
    sequence = order(name, tuple(members), Scores(best, scores.scorer))
    return tuple(i for document in sequence for i in members[document])


def order_as_documents(
    documents: Sequence[int], kept: Sequence[int], segmentation: Segmentation
) -> tuple[int, ...]:
    """Put kept sentences in the order of their documents; inside, source order.

    Args:
        documents: positions of documents in order; those not among them come before, in source order.
        kept: indices of different sentences, in any order.
        segmentation: the documents.
    """
    rank = {document: place for place, document in enumerate(documents)}
    return tuple(sorted(kept, key=lambda i: (rank.get(segmentation.sentences[i].document, -1), i)))


def reorder(items: Sequence[_T], values: Sequence[float], *, order: str = "edges") -> list[_T]:
    """Put anything that has scores in an order.

    Args:
        items: in source order.
        values: their scores, higher is better; ties by position.
        order: see ``order``.

    Raises:
        UnknownName: if there is no such order.
        InputError: if the scores are not one finite number per item.
    """
    scores = Scores(np.array(values, dtype=np.float64), "given")
    if len(scores.values) != len(items):
        raise InputError(f"{len(scores.values)} scores for {len(items)} items")
    return [items[i] for i in _in_order(order, range(len(items)), scores)]


_in_order = order
