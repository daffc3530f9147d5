"""Sentences that say, word for word, what another one says: only one of them is paid for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..data import Scores, Segmentation

# A shorter sentence ("The default is 0.") may say something else below another heading.
_FEWEST_WORDS = 5
# So many characters in common are no chance.
_SURE = 20
_ALONE = ("prose", "list item", "table", "code")


@dataclass(frozen=True, slots=True)
class Relations:
    """What sentences have to do with each other.

    Attributes:
        same: for each sentence that is left out for it, the one that says the same (``find_repeats``).
        near: how much a sentence loses that says nearly what a kept one says, in [0, 1]
            (``near_repeats.NearRepeats``).
        brings: for a sentence that can't stand alone, what is kept along with it (``companions``).
    """

    same: Mapping[int, int] = field(default_factory=dict)
    near: float = 0.0
    brings: Mapping[int, Collection[int]] = field(default_factory=dict)


def find_repeats(
    segmentation: Segmentation, ranking: Sequence[int], copies: Mapping[int, int] | None = None
) -> Mapping[int, int]:
    """Find the sentences that repeat a better one of another document.

    Overlapping chunks, a document that was retrieved twice, a standing clause: white space aside the texts
    are the same, and so is the kind. A short one counts only where a neighbor is repeated with it. Within one
    document nothing does: there, the same words may belong to something else. Headings and table headers
    come along with what they stand over, and are never repeats.

    Args:
        segmentation: the documents and their sentences.
        ranking: sentence indices, best first.
        copies: sentences that overlapping documents share, each with the one that stays
            (``Companions.copies``).

    Returns:
        For each repeat, the sentence that says the same: the first in the ranking that has its text.
    """
    sentences = segmentation.sentences
    texts = [" ".join(s.text.split()) for s in sentences]
    first: dict[tuple[str, str], int] = {}
    originals: dict[int, int] = {}
    copies = copies or {}
    for index in ranking:
        sentence = sentences[index]
        if sentence.kind not in _ALONE or index in copies:
            continue
        other = first.setdefault((sentence.kind, texts[index]), index)
        if sentences[other].document == sentence.document:
            continue
        if len(texts[index].split()) >= _FEWEST_WORDS or _neighbor_repeats(segmentation, texts, index, other):
            originals[index] = other
    whole = {i: copies.get(j, j) for i, j in find_fragments(segmentation).items() if i not in copies}
    originals |= {i: originals.get(j, j) for i, j in whole.items() if originals.get(j, j) != i}
    return originals | {i: originals.get(j, j) for i, j in copies.items()}


def credit_repeats(scores: Scores, repeats: Mapping[int, int]) -> Scores:
    """The scores, but what stands for others is as good as the best of them.

    Half a sentence at the edge of a chunk often scores better than the whole one, which is longer.
    """
    values = scores.values.copy()
    for index, other in repeats.items():
        values[other] = max(values[other], values[index])
    return replace(scores, values=values)


def find_fragments(segmentation: Segmentation) -> dict[int, int]:
    """Units that the edge of a chunk cut, each with one of another document that holds it whole."""
    sentences = segmentation.sentences
    cut = [i for i, s in enumerate(sentences) if s.fragment and len(s.text) >= _SURE]
    heads: dict[str, list[int]] = {sentences[i].text[:_SURE]: [] for i in cut}
    tails: dict[str, list[int]] = {sentences[i].text[-_SURE:]: [] for i in cut}
    for i, s in enumerate(sentences if cut else ()):
        if not s.fragment:
            heads.get(s.text[:_SURE], []).append(i)
            tails.get(s.text[-_SURE:], []).append(i)
    originals: dict[int, int] = {}
    for i in cut:
        text, document = sentences[i].text, sentences[i].document
        whole = [j for j in heads[text[:_SURE]] if sentences[j].text.startswith(text)]
        whole += [j for j in tails[text[-_SURE:]] if sentences[j].text.endswith(text)]
        others = [j for j in whole if sentences[j].document != document]
        if others:
            originals[i] = others[0]
    return originals


def _neighbor_repeats(segmentation: Segmentation, texts: Sequence[str], index: int, other: int) -> bool:
    """Whether the sentence before or after both is the same, too."""

    def neighbor(i: int, step: int) -> str | None:
        near = i + step
        inside = 0 <= near < len(texts)
        same = inside and segmentation.sentences[near].document == segmentation.sentences[i].document
        return texts[near] if same else None

    return any(
        (text := neighbor(index, step)) is not None and text == neighbor(other, step) for step in (-1, 1)
    )
