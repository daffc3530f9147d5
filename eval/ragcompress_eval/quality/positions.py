"""Lost in the middle (Liu et al., arXiv 2307.03172): the gold documents moved through the context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragcompress import Segmentation
from ragcompress.training.examples import Example


@dataclass(frozen=True, slots=True)
class Moved:
    """Questions with their gold documents at several places.

    Attributes:
        examples: each question once per place, with an id of its own.
        positions: place of each: share of the other documents that stand before the gold ones, in [0, 1].
        n_left_out: questions without evidence, or without other documents to move it through.
    """

    examples: tuple[Example, ...]
    positions: dict[str, float]
    n_left_out: int


def spread(examples: Sequence[Example], n_positions: int) -> Moved:
    """Every question with its gold documents at evenly spaced places, the first and the last included.

    Args:
        n_positions: at least 2.
    """
    places = [k / (n_positions - 1) for k in range(n_positions)]
    usable = [e for e in examples if e.gold and len(_gold_documents(e)) < len(e.segmentation.documents)]
    made = [(moved(e, place), place) for e in usable for place in places]
    positions = {e.id: place for e, place in made}
    return Moved(tuple(e for e, _ in made), positions, len(examples) - len(usable))


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
