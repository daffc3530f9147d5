"""Fits the second look of the evidence model: passages in doubt, read again with the best sentences given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ragcompress.data import FloatArray
from ragcompress.prompts.parts import Parts as AllParts
from ragcompress.scorers.evidence import second_look
from ragcompress.scorers.evidence.gate import Gate
from ragcompress.scorers.evidence.head import network_logits, probabilities
from ragcompress.scorers.passage_probe.features import attention_features
from ragcompress.scorers.passage_probe.head import SECOND
from ragcompress.scorers.passage_probe.second_look import Chosen, Recipe, choose

from .evidence_cases import Case, signals_of
from .evidence_fitting import FirstLook, Fit, fit_network, indices
from .evidence_reading import Reader
from .evidence_regressions import Arrays, Parts, attention_of, components_of, fit_regressions


@dataclass(frozen=True, slots=True)
class Second:
    """When the evidence model looks again, and what that is learned from.

    Attributes:
        recipe: what is read again, to learn from.
        doubt: where the model is used, passages are read again for a sentence of at least this probability.
            From .05 to .25 as much evidence is kept, and the higher it is the less is read.
        spread: at most so many questions of each kind with evidence in several documents,
        single: and so many of its others; those asked of a retriever count as a kind of their own.
    """

    recipe: Recipe = field(default_factory=lambda: Recipe(at_least=0.05))
    doubt: float = 0.15
    spread: int = 110
    single: int = 10


@dataclass(frozen=True, slots=True)
class Again:
    """A question that was read again.

    Attributes:
        index: of its case.
        first: what the first look came to, by weights that have not seen it.
        chosen: what was read again.
        features: (M, F) attention features of the parts that were.
        part: (M,) sentences that they belong to.
    """

    index: int
    first: FirstLook
    chosen: Chosen
    features: NDArray[np.float32]
    part: NDArray[np.int64]


def picked(cases: Sequence[Case], settings: Second) -> list[int]:
    """Positions of the cases that are read again."""
    count: Counter[tuple[str, bool, bool]] = Counter()
    found = []
    for i, case in enumerate(cases):
        key = (case.kind, case.ranks is not None, case.is_spread)
        count[key] += 1
        if count[key] <= (settings.spread if case.is_spread else settings.single):
            found.append(i)
    return found


def read_again(
    fit: Fit, reader: Reader, gate: Gate, settings: Second, advance: Callable[[int, int], None]
) -> list[Again]:
    """Read what the first looks leave in doubt; ``advance`` is called with (done, in all)."""
    first = fit.first_looks(picked(fit.cases, settings), gate)
    found = []
    for done, i in enumerate(sorted(first), 1):
        reading, look = fit.cases[i].reading, first[i]
        parts = AllParts.of(reading.passages)
        chosen = choose(probabilities(look.logits)[parts.sentence], parts, settings.recipe)
        if chosen and (attentions := reader.again(reading, chosen)):
            read = [s for p in chosen.passages for s in reading.passages[p].sentences]
            found.append(Again(i, look, chosen, attention_features(attentions), np.array(read)))
        advance(done, len(first))
    return found


class FitSecond:
    """The second look, cross-fitted by questions."""

    def __init__(self, fit: Fit, again: Sequence[Again]) -> None:
        self.fit, self.again, self.settings = fit, again, fit.settings
        self.components = components_of([a.features for a in again], self.settings)
        self.own = [self.components.of(a.features) for a in again]
        self.fold = fit.question_fold[[a.index for a in again]]
        self.rows: list[FloatArray] = [np.zeros((0, 0))] * len(again)
        for number in np.unique(self.fold):
            regressions = self.regressions(self.fold != number)
            for k in indices(self.fold == number):
                self.rows[k] = self._features(
                    again[k],
                    attention_of(fit.cases[again[k].index].n, again[k].part, self.own[k], regressions),
                )

    def regressions(self, among: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Regressions fitted to the questions ``among`` (N,)."""
        return fit_regressions(
            [
                Parts(
                    self.own[k],
                    self.fit.cases[a.index].label[a.part],
                    self.fit.cases[a.index].is_spread,
                    self.fit.weights[a.index],
                )
                for k, a in enumerate(self.again)
                if among[k]
            ],
            self.settings,
        )

    def _features(self, again: Again, attention: FloatArray) -> FloatArray:
        case, view = self.fit.cases[again.index], again.first.view
        segmentation = case.reading.task.example.segmentation
        return second_look.features(
            case.question,
            segmentation,
            attention,
            again.first.logits,
            signals_of(case, view),
            again.chosen,
            view.vectors,
        )

    def network(self, among: NDArray[np.bool_]) -> Arrays:
        """The network, likewise."""
        use = [(k, self.again[k]) for k in indices(among)]
        rows, labels, weights = [], [], []
        for k, a in use:
            case, view = self.fit.cases[a.index], a.first.view
            rows.append(self.rows[k][view.rows])
            labels.append(case.label[view.rows])
            weights.append(view.weights * self.fit.weights[a.index] / np.sqrt(case.n))
        question = np.repeat(np.arange(len(use)), [len(own) for own in labels])
        return fit_network(
            second_look.NETWORK,
            np.concatenate(rows),
            np.concatenate(labels),
            np.concatenate(weights),
            question,
            self.settings,
        )

    def unseen(self) -> list[FloatArray]:
        """Logits (S,) by the second look alone, of each question by networks that have not seen it."""
        result: list[FloatArray] = [np.zeros(0)] * len(self.again)
        for number in np.unique(self.fold):
            arrays = self.network(self.fold != number)
            for k in indices(self.fold == number):
                result[k] = network_logits(arrays, second_look.NETWORK, self.rows[k])
        return result

    def arrays(self) -> Arrays:
        """The second look, fitted to all questions."""
        everything = np.ones(len(self.again), dtype=np.bool_)
        weights = self.components.weights(*self.regressions(everything))
        return {f"{SECOND}{name}": a for name, a in weights.items()} | self.network(everything)
