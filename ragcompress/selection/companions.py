"""What is kept because another sentence is: the header of its table, by choice the heading above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..data import Segmentation, Selection

Companions = Mapping[int, int]
"""For a sentence, the one before it that goes along with it; that one may have a companion of its own."""


def companions(segmentation: Segmentation, *, headings: bool = False) -> Companions:
    """Find what goes along with what.

    Args:
        segmentation: the documents and their sentences.
        headings: whether the nearest heading above, in the same document, goes along with every sentence that
            is none itself.
    """
    found: dict[int, int] = {}
    document = heading = header = -1
    for index, sentence in enumerate(segmentation.sentences):
        if sentence.document != document:
            document, heading, header = sentence.document, -1, -1
        if sentence.kind == "table row" and header >= 0:
            found[index] = header
            continue
        if sentence.kind == "heading":
            heading = index
        elif headings and heading >= 0:
            found[index] = heading
        if sentence.kind == "table header":
            header = index
    return found


def bring(sequence: Sequence[int], found: Companions) -> tuple[int, ...]:
    """The sequence with all companions, each once, before the first sentence that it goes along with."""
    if not found:
        return tuple(sequence)
    placed: dict[int, None] = {}
    for index in sequence:
        chain = [index]
        while (companion := found.get(chain[-1])) is not None:
            chain.append(companion)
        placed |= dict.fromkeys(i for i in reversed(chain) if i not in placed)
    return tuple(placed)


def followed(kept: Sequence[int], found: Companions) -> tuple[set[int], tuple[int, ...]]:
    """What is kept with all companions, and those of it that are there for themselves, ascending.

    A companion has no place of its own while anything that it goes along with is kept: both, and so the whole
    layout, depend on nothing but what is kept in the end.
    """
    whole = set(bring(kept, found))
    brought = {found[i] for i in whole if i in found}
    return whole, tuple(sorted(whole - brought))


def complete(selection: Selection, found: Companions) -> Selection:
    """The selection with the companions of what it keeps."""
    kept = set(bring(selection.kept, found))
    dropped = {i: reason for i, reason in selection.dropped.items() if i not in kept}
    duplicates = {i: other for i, other in selection.duplicate_of.items() if i in dropped}
    return Selection(tuple(sorted(kept)), dropped, duplicates)
