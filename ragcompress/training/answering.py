"""Evidence where nobody marked any: the sentences that an answer, a person's or a reader's, rests on."""

from __future__ import annotations

import math
from collections import Counter

from ragcompress.text.terms import terms

from .examples import Example
from .metrics import holds_answer, normalize

_COVERED = 0.8  # of the answer's words, by weight
_WORTH = 0.1  # a further sentence that covers less than this adds nothing


def evidence_of_answer(example: Example) -> tuple[int, ...]:
    """Indices, ascending, of the sentences that support the answers by overlap; empty where none does.

    Sentences in which an answer stands word for word are its evidence. For an answer that stands nowhere (a
    sentence of a reader's own) the fewest sentences are taken, greedily, that hold four fifths of its words.
    A word that stands in few sentences weighs more. An answer of which less than half is found rests on
    nothing here.
    """
    texts = [s.text for s in example.segmentation.sentences]
    wanted = [n for n in map(normalize, example.answers) if n]
    verbatim = [i for i, text in enumerate(texts) if holds_answer(normalize(text), wanted)]
    if verbatim:
        return tuple(verbatim)
    found: set[int] = set()
    sentences = [frozenset(terms(text)) for text in texts]
    for answer in wanted:
        found.update(_cover(frozenset(terms(answer)), sentences))
    return tuple(sorted(found))


def _cover(words: frozenset[str], sentences: list[frozenset[str]]) -> list[int]:
    frequency = Counter(w for s in sentences for w in s & words)
    weight = {w: math.log1p(len(sentences) / (1 + n)) for w, n in frequency.items()}
    # A word that stands nowhere may be rare or not: it weighs as much as those found do on average.
    unknown = sum(weight.values()) / max(1, len(weight))
    weight |= dict.fromkeys(words - weight.keys(), unknown)
    total = sum(weight.values())
    left, chosen = set(words), []
    while total and sum(weight[w] for w in left) > (1 - _COVERED) * total:
        gains = [sum(weight[w] for w in s & left) for s in sentences]
        best = max(range(len(sentences)), key=gains.__getitem__)
        if gains[best] < _WORTH * total:
            break
        chosen.append(best)
        left -= sentences[best]
    return chosen if sum(weight[w] for w in left) <= total / 2 else []
