"""The second look: the best passages are read again, with the best sentences given before the question.

The first look reads every passage by itself and can't know that a sentence matters because of what another
document says, as the second step of a two-step question does. So the best sentences, with their titles, go
before the question (``prompting.make_tail``), and the passages that may hold evidence are read again, with
one more row: the mean over those sentences' tokens. Prefixes are the same as before, so that kept keys and
values serve, and a question of one step pays for the few passages that are in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data import Attention, FloatArray, Segmentation
from ...prompts.parts import Parts
from .context import NAMES, context_features
from .head import Head
from .looks import Look, read_logits

SECOND_NAMES = (*NAMES, "first_look", "is_fact", "was_read")
_TITLE = 1000  # characters of a fact's title: what is longer is none, and would leave no room for others
# What a part that was not read again counts for in the features of the others: doubtful at best.
_UNREAD = -2.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """When to look again, and at what; the probe's card holds it.

    Attributes:
        facts: so many of the best sentences stand before the question.
        fact_tokens: those that are longer do not.
        passages: at most so many are read again,
        at_least: those with a sentence of this probability after the first look; fewer than two: none.
    """

    facts: int = 2
    fact_tokens: int = 128
    passages: int = 8
    at_least: float = 0.02


@dataclass(frozen=True, slots=True)
class Chosen:
    """The facts: sentences given before the question, best first; and the passages that are read again."""

    facts: tuple[int, ...]
    passages: tuple[int, ...]


def choose(probabilities: FloatArray, parts: Parts, recipe: Recipe) -> Chosen | None:
    """Choose from the first look's probabilities (N,) of all parts; None: nothing is in doubt."""
    if not len(probabilities):
        return None
    n = int(parts.sentence.max()) + 1
    best = parts.best_of_sentences(probabilities, n, least=-1.0)
    length = np.bincount(parts.sentence, parts.n_tokens, n)
    order = [int(i) for i in np.argsort(-best, kind="stable") if best[i] >= 0]
    facts = [i for i in order if length[i] <= recipe.fact_tokens][: recipe.facts]
    of_passage = np.full(int(parts.passage.max()) + 1, -1.0)
    np.maximum.at(of_passage, parts.passage, probabilities)
    again = [int(p) for p in np.argsort(-of_passage, kind="stable")[: recipe.passages]]
    again = sorted(p for p in again if of_passage[p] >= recipe.at_least)
    return Chosen(tuple(facts), tuple(again)) if facts and len(again) > 1 else None


def fact_texts(segmentation: Segmentation, chosen: Chosen) -> list[str]:
    """The facts as the prompt has them: on one line, behind their document's title."""
    texts = []
    for index in chosen.facts:
        sentence = segmentation.sentences[index]
        title = (segmentation.documents[sentence.document].title or "")[:_TITLE]
        texts.append((f"{title}: " if title else "") + " ".join(sentence.text.split()))
    return texts


def was_read(parts: Parts, chosen: Chosen) -> NDArray[np.bool_]:
    """(N,) which parts are in passages that are read again."""
    return np.isin(parts.passage, chosen.passages)


def second_context(
    logits: FloatArray,
    first: FloatArray,
    chosen: Chosen,
    parts: Parts,
    segmentation: Segmentation,
    question: str,
) -> FloatArray:
    """Features (N, K) of the second look's network, K as in ``SECOND_NAMES``.

    Args:
        logits: (M, E) of the parts that were read again.
        first: probabilities (N,) after the first look.
        chosen, parts, segmentation, question: as they were read.
    """
    read, before = was_read(parts, chosen), logits_of(first)
    combined = np.repeat(np.minimum(before, 0)[:, None] + _UNREAD, logits.shape[1], axis=1)
    combined[read] = logits
    facts = np.isin(parts.sentence, chosen.facts)
    around = context_features(combined, parts, segmentation, question)
    return np.column_stack([around, before, facts, read])


def second_look(
    head: Head,
    attentions: Sequence[Attention],
    first: Look,
    chosen: Chosen,
    parts: Parts,
    segmentation: Segmentation,
    question: str,
) -> Look:
    """Both stages of the second look, from the attention in the chosen passages."""
    logits = read_logits(head.regressions, attentions)
    context = second_context(logits, first.probabilities, chosen, parts, segmentation, question)
    probabilities = head.network.probabilities(context)
    return Look(
        head=head,
        attentions=attentions,
        was_read=was_read(parts, chosen),
        context=context,
        names=SECOND_NAMES,
        probabilities=probabilities,
    )


def best_of(looks: Sequence[Look]) -> FloatArray:
    """(N,) what counts of one look or two: the higher probability.

    A sentence that the second look adds comes in; what the first look saw is not lost where the facts
    were the wrong ones. On questions of one step that loses less than the second look alone.
    """
    return np.asarray(np.max([look.probabilities for look in looks], axis=0))


def logits_of(probabilities: FloatArray) -> FloatArray:
    """Logits of probabilities, which count as at least a millionth and as at most one less a millionth."""
    p = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p) - np.log1p(-p))
