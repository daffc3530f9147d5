"""The second look: the best passages are read again, with the best sentences told before the question.

The first look reads every passage by itself and can't know that a sentence matters because of what another
document says, as the second step of a two-step question does. So the best sentences, with their titles, go
before the question (``prompting.make_tail``), and the passages that may hold evidence are read again, with
one more row: the mean over those sentences' tokens. Prefixes are the same as before, so that kept keys and
values serve, and a question of one step pays for the few passages that are in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data import Attention, FloatArray, Segmentation
from ...errors import DataError
from ...prompts.passages import Passage
from .context import NAMES, context_features
from .looks import SECOND, Arrays, Look, attention_logits, context_probabilities

SECOND_NAMES = (*NAMES, "first_look", "is_fact", "was_read")
_TITLE = 1000  # characters of a fact's title: what is longer is none, and would leave no room for others
# What a part that was not read again counts for in the features of the others: doubtful at best.
_UNREAD = -2.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """When to look again, and at what; the probe's card holds it.

    Attributes:
        facts: so many of the best sentences are told.
        fact_tokens: those that are longer are not.
        passages: at most so many are read again,
        at_least: those with a sentence of this probability after the first look; fewer than two: none.
    """

    facts: int = 2
    fact_tokens: int = 128
    passages: int = 8
    at_least: float = 0.02

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> Recipe:
        """Read what a probe's card holds.

        Raises:
            DataError: if it is no recipe.
        """
        known = [f.name for f in fields(cls)]
        for name, value in card.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if name not in known or not is_number or not (name == "at_least" or isinstance(value, int)):
                raise DataError(
                    f"the probe's card has {name!r}: {value!r} in its second look; it may have numbers as "
                    f"{', '.join(known)}"
                )
        return cls(**card)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sentences that are told, best first, and the positions of the passages that are read again."""

    facts: tuple[int, ...]
    passages: tuple[int, ...]


def choose(probabilities: FloatArray, passages: Sequence[Passage], recipe: Recipe) -> Chosen | None:
    """Choose from the first look's probabilities (N,) of all parts; None: nothing is in doubt."""
    if not len(probabilities):
        return None
    sentence = np.array([i for p in passages for i in p.sentences])
    tokens = np.array([end - start for p in passages for start, end in p.spans])
    n = int(sentence.max()) + 1
    best, length = np.full(n, -1.0), np.bincount(sentence, tokens, n)
    np.maximum.at(best, sentence, probabilities)
    order = [int(i) for i in np.argsort(-best, kind="stable") if best[i] >= 0]
    facts = [i for i in order if length[i] <= recipe.fact_tokens][: recipe.facts]
    of_passage = np.full(len(passages), -1.0)
    np.maximum.at(of_passage, _passage_of(passages), probabilities)
    again = [int(p) for p in np.argsort(-of_passage, kind="stable")[: recipe.passages]]
    again = sorted(p for p in again if of_passage[p] >= recipe.at_least)
    return Chosen(tuple(facts), tuple(again)) if facts and len(again) > 1 else None


def told(segmentation: Segmentation, chosen: Chosen) -> list[str]:
    """The facts as the prompt has them: on one line, behind their document's title."""
    texts = []
    for index in chosen.facts:
        sentence = segmentation.sentences[index]
        title = (segmentation.documents[sentence.document].title or "")[:_TITLE]
        texts.append((f"{title}: " if title else "") + " ".join(sentence.text.split()))
    return texts


def was_read(passages: Sequence[Passage], chosen: Chosen) -> NDArray[np.bool_]:
    """(N,) which parts stand in passages that are read again."""
    return np.isin(_passage_of(passages), chosen.passages)


def second_context(
    logits: FloatArray,
    first: FloatArray,
    chosen: Chosen,
    passages: Sequence[Passage],
    segmentation: Segmentation,
    question: str,
) -> FloatArray:
    """Features (N, K) of the second look's network, K as in ``SECOND_NAMES``.

    Args:
        logits: (M, E) of the parts that were read again.
        first: probabilities (N,) after the first look.
        chosen, passages, segmentation, question: as they were read.
    """
    read, before = was_read(passages, chosen), _logit(first)
    combined = np.repeat(np.minimum(before, 0)[:, None] + _UNREAD, logits.shape[1], axis=1)
    combined[read] = logits
    facts = np.isin([i for p in passages for i in p.sentences], chosen.facts)
    around = context_features(combined, passages, segmentation, question)
    return np.column_stack([around, before, facts, read])


def second_look(
    arrays: Arrays,
    attentions: Sequence[Attention],
    first: Look,
    chosen: Chosen,
    passages: Sequence[Passage],
    segmentation: Segmentation,
    question: str,
) -> Look:
    """Both stages of the second look, from the attention in the chosen passages."""
    logits = attention_logits(arrays, attentions, SECOND)
    context = second_context(logits, first.probabilities, chosen, passages, segmentation, question)
    probabilities = context_probabilities(arrays, context, SECOND)
    read = was_read(passages, chosen)
    return Look(SECOND, attentions[0].rows, attentions, read, context, SECOND_NAMES, probabilities)


def best_of(looks: Sequence[Look]) -> FloatArray:
    """(N,) what counts of one look or two: the higher probability.

    A sentence that the second look adds comes in; what the first look saw is not lost where the facts that
    were told were the wrong ones. On questions of one step that loses less than the second look alone.
    """
    return np.asarray(np.max([look.probabilities for look in looks], axis=0))


def _passage_of(passages: Sequence[Passage]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(passages)), [len(p.spans) for p in passages])


def _logit(probabilities: FloatArray) -> FloatArray:
    p = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p) - np.log1p(-p))
