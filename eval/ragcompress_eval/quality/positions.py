"""Lost in the middle (Liu et al., arXiv 2307.03172): the gold documents moved through the context."""

from __future__ import annotations

from dataclasses import replace

from ragcompress import Segmentation
from ragcompress.training.examples import Example


def places(n: int) -> list[float]:
    """Evenly spaced places, the first and the last included; ``n`` is at least 2."""
    return [k / (n - 1) for k in range(n)]


def movable(example: Example) -> bool:
    """Whether there is evidence, an answer, and other documents to move the gold ones through."""
    gold = _gold_documents(example)
    return bool(example.answers and gold) and len(gold) < len(example.segmentation.documents)


def moved(example: Example, position: float) -> Example:
    """The question with its gold documents, together and in their order, at one place among the others.

    Args:
        position: share of the other documents that come before, in [0, 1].
    """
    parts, gold = example.segmentation, _gold_documents(example)
    others = [d for d in range(len(parts.documents)) if d not in gold]
    before = round(position * len(others))
    sequence = [*others[:before], *gold, *others[before:]]
    place = {document: index for index, document in enumerate(sequence)}
    order = sorted(range(len(parts.sentences)), key=lambda i: (place[parts.sentences[i].document], i))
    sentences = tuple(replace(s, document=place[s.document]) for s in (parts.sentences[i] for i in order))
    return replace(
        example,
        id=f"{example.id}@{position:.3f}",
        segmentation=Segmentation(tuple(parts.documents[d] for d in sequence), sentences),
        gold=tuple(new for new, old in enumerate(order) if old in example.gold),
    )


def _gold_documents(example: Example) -> list[int]:
    return sorted({example.segmentation.sentences[i].document for i in example.gold})
