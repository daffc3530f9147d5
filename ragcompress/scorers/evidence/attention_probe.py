"""The head of ``passage-probe`` on what the evidence model reads: a second opinion, from attention alone.

It learned from more questions of several steps, and nothing but attention. Both heads see the same reading,
so its opinion costs no more than the few layers that it reads further.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...data import Attention, FloatArray, Segmentation
from ...errors import DataError
from ...probes import ProbeWeights
from ...prompts.parts import Parts
from ...prompts.passages import ROWS, Passage
from ..passage_probe.context import NAMES
from ..passage_probe.features import PER_HEAD
from ..passage_probe.head import SECOND, Head, head_shapes
from ..passage_probe.looks import first_look, read_logits
from ..passage_probe.second_look import SECOND_NAMES, Chosen, logits_of, second_context
from .head import probabilities
from .reading import Asked, Look
from .signals import ranks_of

KEY = "attention_probe"
"""Where the card of an evidence model tells of it."""
PREFIX = "probe."
"""What the names of its arrays begin with."""
WEIGHT = "probe.weight"
"""The array of level, slope and ranked."""
_LENGTH = 100  # tokens: about as long as the documents that it learned from


@dataclass(frozen=True, slots=True)
class AttentionProbe:
    """The head, and how much it counts.

    Its logit counts beside that of the evidence model's own network in documents like those it learned from:
    titled, and short. There its weight is σ(level − slope · log(tokens / 100)), elsewhere 0. In a ranked list
    it is a share of that, for it knows nothing of ranks.

    Attributes:
        first, second: of both looks.
        n_layers: that it reads.
        level, slope: of its weight.
        ranked: the share of it that counts in ranked lists.
    """

    first: Head
    second: Head
    n_layers: int
    level: float
    slope: float
    ranked: float

    @classmethod
    def load(cls, weights: ProbeWeights, n_heads: int) -> AttentionProbe | None:
        """Take it from those of an evidence model, for a proxy of so many heads a layer; None: there is none.

        Raises:
            DataError: if the card tells of it in another way, or its numbers are more or fewer.
        """
        about = weights.card.get(KEY)
        if about is None:
            return None
        n_layers = about.get("n_layers") if isinstance(about, Mapping) else None
        if not isinstance(n_layers, int) or n_layers < 1:
            raise DataError(
                f"the card has {about!r} as {KEY!r}; it needs n_layers, from 1: take a copy that is "
                "whole, or train anew"
            )
        arrays, again = weights.arrays, f"{PREFIX}{SECOND}"
        per_row = len(PER_HEAD) * n_layers * n_heads
        weights.check_shapes(
            {WEIGHT: (3,)}
            | head_shapes(arrays, PREFIX, len(ROWS) * per_row, len(NAMES))
            | head_shapes(arrays, again, (len(ROWS) + 1) * per_row, len(SECOND_NAMES))
        )
        first, second = Head.load(arrays, PREFIX), Head.load(arrays, again)
        return cls(first, second, n_layers, *map(float, arrays[WEIGHT]))

    def look(self, asked: Asked, read: Sequence[int], attentions: Sequence[Attention]) -> FloatArray:
        """What it makes of the passages that were read: logits (S,), NaN where none was."""
        parts = Parts.of([asked.passages[p] for p in read])
        seen = first_layers(attentions, self.n_layers)
        found = first_look(self.first, seen, parts, asked.segmentation, asked.question)
        return _of_sentences(found.probabilities, parts, asked)

    def look_again(
        self, asked: Asked, chosen: Chosen, attentions: Sequence[Attention], first: Look
    ) -> FloatArray:
        """What it makes of both looks: the higher logit, as ``passage_probe`` has it; NaN where neither read.

        Args:
            chosen: passages that were read again, and the facts.
        """
        parts = Parts.of(asked.passages)
        logits = read_logits(self.second.regressions, first_layers(attentions, self.n_layers))
        before = probabilities(first.logits)[parts.sentence]
        context = second_context(logits, before, chosen, parts, asked.segmentation, asked.question)
        again = self.second.network.probabilities(context)
        was_read = np.isin(parts.passage, (*first.read, *chosen.passages))
        return np.fmax(first.opinion, _of_sentences(np.where(was_read, again, -1.0), parts, asked))

    def weights(self, passages: Sequence[Passage], segmentation: Segmentation) -> FloatArray:
        """How much its logits count, (S,), from 0 to 1."""
        parts, documents = Parts.of(passages), segmentation.documents
        tokens = np.bincount(parts.document, parts.n_tokens, len(documents))
        weight = probabilities(self.level - self.slope * np.log(np.maximum(tokens, 1) / _LENGTH))
        weight[[not d.title for d in documents]] = 0
        if ranks_of(segmentation) is not None:
            weight *= self.ranked
        return weight[[s.document for s in segmentation.sentences]]


def first_layers(attentions: Sequence[Attention], n_layers: int) -> tuple[Attention, ...]:
    """The attention in so many layers, from the first."""
    return tuple(replace(a, mass=np.ascontiguousarray(a.mass[:, :n_layers])) for a in attentions)


def _of_sentences(values: FloatArray, parts: Parts, asked: Asked) -> FloatArray:
    """Logits (S,) of a sentence's best part; NaN where there is none of at least 0."""
    best = parts.best_of_sentences(values, len(asked.segmentation.sentences), least=-1.0)
    return np.where(best >= 0, logits_of(best), np.nan)
