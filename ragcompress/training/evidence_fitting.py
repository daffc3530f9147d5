"""Fits the evidence model: regressions on attention, a network on cheap signals, a network on everything.

All three are fitted across kinds of documents and questions. What the later stages learn from are the
earlier ones' results on kinds, or on questions, that these have not seen (cross-fitting), or else they would
trust them too much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ragcompress.data import FloatArray
from ragcompress.scorers.evidence.gate import Gate, choose
from ragcompress.scorers.evidence.head import CHEAP, MAIN, network_logits, probabilities, standardised

from .evidence_cases import (
    BoolArray,
    Case,
    Settings,
    View,
    full_view,
    signals_of,
    surroundings_of,
    views_of,
)
from .evidence_networks import fit_tanh
from .evidence_regressions import Arrays, Parts, attention_of, components_of, fit_regressions
from .shapes import seed_of

FoldOf = Callable[[str], int]


def fit_network(
    name: str, features: FloatArray, labels: BoolArray, weights: FloatArray, question: NDArray[np.int64],
    settings: Settings,
) -> Arrays:  # fmt: skip
    """Fit a network of a name; the networks from different seeds are averaged, so one wide layer results.

    Args:
        features: (N, K); NaN where a signal is missing.
        question: (N,) ascending; which question, in which view, a row belongs to.
    """
    there = np.isfinite(features)
    each = np.where(there, weights[:, None], 0.0)
    mass = np.maximum(each.sum(0), 1e-9)
    clean = np.nan_to_num(features)
    mean = (clean * each).sum(0) / mass
    scale = np.sqrt((((clean - mean) ** 2) * each).sum(0) / mass) + 1e-3
    rows = standardised(features, mean, scale).astype(np.float32)
    fitted = [
        fit_tanh(rows, labels, weights, question, settings.network, number)
        for number in range(settings.network.networks)
    ]
    n = len(fitted)
    arrays = {
        "mean": mean,
        "scale": scale,
        "linear": np.mean([f.linear for f in fitted], axis=0),
        "hidden_weight": np.concatenate([f.hidden_weight for f in fitted], axis=1),
        "hidden_bias": np.concatenate([f.hidden_bias for f in fitted]),
        "weight": np.concatenate([f.weight for f in fitted]) / n,
        "bias": np.array([np.mean([f.bias for f in fitted])]),
    }
    return {f"{name}.{part}": np.asarray(array, dtype=np.float32) for part, array in arrays.items()}


def indices(mask: BoolArray) -> list[int]:
    """Where a mask is true."""
    return [int(i) for i in np.flatnonzero(mask)]


def kind_weights(cases: Sequence[Case], settings: Settings) -> FloatArray:
    """The weight (N,) of each case: kinds with many questions count for more, but not in proportion."""
    counts = Counter(c.kind for c in cases)
    return np.array([counts[c.kind] ** (settings.kind_power - 1) for c in cases])


@dataclass(frozen=True, slots=True)
class FirstLook:
    """A view of a case, and (S,) what its sentences' logits are in it."""

    view: View
    logits: FloatArray


class Fit:
    """Cross-fitted stages of a set of cases; ``arrays`` gives a head fitted to some of them.

    Args:
        fold_of: the fold of each kind.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        fold_of: FoldOf,
        settings: Settings,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.cases, self.settings, self.say = cases, settings, say
        self.weights = kind_weights(cases, settings)
        self.fold = np.array([fold_of(c.kind) for c in cases])
        self.question_fold = np.array(
            [seed_of("fold", c.reading.task.example.id) % settings.question_folds for c in cases]
        )
        self.components = components_of([c.features for c in cases], settings)
        say("components")
        self.own = [self.components.of(c.features) for c in cases]
        self.views = [views_of(c, settings) for c in cases]
        self.cheap_rows = [
            [signals_of(c, v) for v in views] for c, views in zip(cases, self.views, strict=True)
        ]
        say("views")
        by_kind = self._cross_fitted_attention(self.fold)
        self.attention_by_kind = by_kind
        self.attention_by_question = self._cross_fitted_attention(self.question_fold)
        say("attention")
        self.cheap_networks: dict[int, Arrays] = {}
        self.cheap: list[list[FloatArray]] = [[] for _ in cases]
        for fold in np.unique(self.fold):
            network = self.fit_cheap(self.fold != fold)
            self.cheap_networks[int(fold)] = network
            for i in indices(self.fold == fold):
                self.cheap[i] = [network_logits(network, CHEAP, rows) for rows in self.cheap_rows[i]]
        say("cheap")
        self.main_rows = []
        for i, case in enumerate(cases):
            attention = (self.attention_by_kind[i], self.attention_by_question[i])
            seen = seed_of("seen", *case.name) % 2
            self.main_rows.append(
                [
                    surroundings_of(case, view, attention[(k + seen) % 2], self.cheap[i][k])[view.rows]
                    for k, view in enumerate(self.views[i])
                ]
            )
        say("surroundings")

    def _cross_fitted_attention(self, fold: NDArray[np.int64]) -> list[FloatArray]:
        result: list[FloatArray] = [np.zeros((0, 0))] * len(self.cases)
        for number in np.unique(fold):
            regressions = self.fit_attention(fold != number)
            for i in indices(fold == number):
                case = self.cases[i]
                result[i] = attention_of(case.n, case.part, self.own[i], regressions)
        return result

    def fit_attention(self, among: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Regressions fitted to the cases ``among`` (N,)."""
        return fit_regressions(
            [
                Parts(self.own[i], c.label[c.part], c.is_spread, self.weights[i])
                for i, c in enumerate(self.cases)
                if among[i]
            ],
            self.settings,
        )

    def fit_cheap(self, among: BoolArray) -> Arrays:
        """The network on cheap signals, likewise."""
        use = indices(among)
        rows = [self.cheap_rows[i][k][v.rows] for i in use for k, v in enumerate(self.views[i])]
        return self._network(CHEAP, use, rows)

    def fit_main(self, among: BoolArray) -> Arrays:
        """The network on everything, likewise."""
        use = indices(among)
        rows = [own for i in use for own in self.main_rows[i]]
        return self._network(MAIN, use, rows)

    def first_looks(self, among: Sequence[int], gate: Gate) -> dict[int, FirstLook]:
        """What first looks through the gate come to, by networks that have not seen the question."""
        result = {}
        for number in np.unique(self.question_fold):
            network = self.fit_main(self.question_fold != number)
            for i in (i for i in among if self.question_fold[i] == number):
                case, view = self.cases[i], self.views[i][seed_of("first", *self.cases[i].name) % 2]
                cheap = network_logits(self.cheap_networks[int(self.fold[i])], CHEAP, signals_of(case, view))
                chosen = choose(probabilities(cheap), case.reading.passages, gate)
                view = replace(view, read=full_view(case, chosen).read)
                rows = surroundings_of(case, view, self.attention_by_question[i], cheap)
                result[i] = FirstLook(view, network_logits(network, MAIN, rows))
        return result

    def _network(self, name: str, use: Sequence[int], rows: Sequence[FloatArray]) -> Arrays:
        pairs = [(i, v) for i in use for v in self.views[i]]
        labels = np.concatenate([self.cases[i].label[v.rows] for i, v in pairs])
        weights = np.concatenate([v.weights * self.weights[i] / np.sqrt(self.cases[i].n) for i, v in pairs])
        question = np.repeat(np.arange(len(pairs)), [len(v.rows) for _, v in pairs])
        return fit_network(name, np.concatenate(rows), labels, weights, question, self.settings)

    def arrays(self) -> Arrays:
        """The whole head, fitted to all cases."""
        everything = np.ones(len(self.cases), dtype=np.bool_)
        return (
            self.components.weights(*self.fit_attention(everything))
            | self.fit_cheap(everything)
            | self.fit_main(everything)
        )
