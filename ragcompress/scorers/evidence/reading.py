"""What the evidence model finds out about sentences on the way to their scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data import Attention, FloatArray, Segmentation
from ...prompts.passages import Passage
from . import signals
from .head import probabilities
from .late_interaction import Vectors

_CHEAP = 1 / 3  # of the logit in the end is the cheap network's


def with_cheap(logits: FloatArray, cheap: FloatArray) -> FloatArray:
    """The mean of logits in the end: the cheap network, which is as good on unknown kinds, counts a third."""
    return np.asarray((1 - _CHEAP) * logits + _CHEAP * cheap)


def combine(own: FloatArray, opinion: FloatArray, weights: FloatArray) -> FloatArray:
    """The weighted mean of logits; a network's own where there is no opinion."""
    return np.where(np.isfinite(opinion), (1 - weights) * own + weights * opinion, own)


@dataclass(frozen=True, slots=True)
class Asked:
    """What both looks are about.

    Attributes:
        passages: all of them.
        vectors: how question and sentences compare; None without an embedder.
        signals: (S, ·) cheap signals.
        weights: (S,) what the opinion of ``passage-probe``'s head counts, from 0 to 1.
        until: a time of ``time.monotonic`` after which nothing more is read; None: there is none.
    """

    question: str
    segmentation: Segmentation
    passages: tuple[Passage, ...]
    vectors: Vectors | None
    signals: FloatArray
    weights: FloatArray
    until: float | None


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a question's S sentences came to.

    Attributes:
        network: the head's network that weighed it.
        read: positions of the passages that the proxy read, ascending.
        attentions: in them, in their order.
        attention: (S,) logits by the attention alone; NaN where nothing was read.
        features: (S, K) what the network saw.
        own: (S,) logits of the network, after a second look the mean of both.
        opinion: (S,) logits of the head of ``passage-probe``, after a second look the higher of both; NaN
            where it was not asked.
        weights: (S,) what the opinion counts, from 0 to 1.
    """

    network: str
    read: tuple[int, ...]
    attentions: tuple[Attention, ...]
    attention: FloatArray
    features: FloatArray
    own: FloatArray
    opinion: FloatArray
    weights: FloatArray

    @property
    def logits(self) -> FloatArray:
        """(S,) what counts: the weighted mean of both, the network's own where there is no opinion."""
        return combine(self.own, self.opinion, self.weights)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found out about S sentences.

    Attributes:
        passages: all P of them.
        signals: (S, ·) cheap signals, columns as in ``signals.NAMES``; NaN where one is missing.
        cheap_logits: (S,) by the cheap signals alone.
        looks: one, or two.
        facts: sentences that stood before the question in the second look, best first.
        vectors: (S, V) of length 1, zeros where a sentence has none; None: no embedder was there.
        stopped_early: whether time ran out before all passages were read that should have been.
    """

    passages: tuple[Passage, ...]
    signals: FloatArray
    cheap_logits: FloatArray
    looks: tuple[Look, ...]
    facts: tuple[int, ...]
    vectors: NDArray[np.float32] | None
    stopped_early: bool

    @property
    def read(self) -> tuple[int, ...]:
        """Positions of the passages that the proxy read at least once, ascending."""
        return tuple(sorted({p for look in self.looks for p in look.read}))

    @property
    def cheap(self) -> FloatArray:
        """(S,) probabilities by the cheap signals alone."""
        return probabilities(self.cheap_logits)

    @property
    def values(self) -> FloatArray:
        """(S,) probabilities by all of it."""
        return probabilities(with_cheap(self.looks[-1].logits, self.cheap_logits))

    @property
    def strongest(self) -> dict[str, float | None]:
        """The largest value of each of ``signals.TELLING``; None where it is missing."""
        columns = self.signals[:, [signals.NAMES.index(name) for name in signals.TELLING]]
        largest = np.where(np.isfinite(columns), columns, -np.inf).max(axis=0, initial=-np.inf)
        return {
            name: float(value) if np.isfinite(value) else None
            for name, value in zip(signals.TELLING, largest, strict=True)
        }

    @property
    def n_without_vectors(self) -> int:
        """How many sentences the embedder did not read."""
        return len(self.cheap) if self.vectors is None else int((~self.vectors.any(axis=1)).sum())

    @property
    def attention(self) -> FloatArray:
        """(S,) probabilities by the first look's attention alone; NaN where nothing was read."""
        return probabilities(self.looks[0].attention)

    def look_at(self, sentence: int) -> Look | None:
        """The last look that read a sentence; None: there is none."""
        for look in reversed(self.looks):
            if np.isfinite(look.attention[sentence]):
                return look
        return None

    def explain(self, sentence: int) -> dict[str, float | None]:
        """What each signal said of a sentence: probabilities, and the signals by name; None: missing."""
        again = self.looks[1].attention[sentence] if len(self.looks) > 1 else np.nan
        own: dict[str, float] = {
            "probability": self.values[sentence],
            "attention": self.attention[sentence],
            "passage_probe": float(probabilities(self.looks[0].opinion[sentence : sentence + 1])[0]),
            "attention_again": float(probabilities(np.asarray(again))),
            "first_look": float(probabilities(self.looks[0].logits[sentence])),
            "cheap": self.cheap[sentence],
            **dict(zip(signals.NAMES, self.signals[sentence], strict=True)),
        }
        return {name: float(v) if np.isfinite(v) else None for name, v in own.items()}
