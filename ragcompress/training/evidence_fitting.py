"""Fits the evidence model: regressions on attention, a network on cheap signals, a network on everything.

All three are fitted across kinds of documents and questions. What the later stages learn from are the
earlier ones' results on kinds, or on questions, that these have not seen (cross-fitting), or else they would
trust them too much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ragcompress import MissingExtra
from ragcompress.data import FloatArray
from ragcompress.scorers.evidence.head import CHEAP, MAIN, network_logits, standardised
from ragcompress.scorers.evidence.late_interaction import Vectors
from ragcompress.scorers.evidence.signals import NAMES, best_in, signals
from ragcompress.scorers.evidence.surroundings import surroundings
from ragcompress.scorers.passage_probe.context import EXPERTS
from ragcompress.scorers.passage_probe.features import attention_features

from .evidence_networks import Options, fit_tanh
from .evidence_reading import Reading
from .shapes import seed_of

Arrays = dict[str, NDArray[np.float32]]
BoolArray = NDArray[np.bool_]
FoldOf = Callable[[str], int]
_FEWEST = 20  # questions for a regression of its own


@dataclass(frozen=True, slots=True)
class Settings:
    """What fitting can be set to.

    Attributes:
        components: principal components of the attention features that the regressions see.
        penalty: L2 penalty of the regressions, per unit of weight.
        kind_power: a kind's weight is its number of questions to this power.
        network: of both networks.
        no_vectors: share of the training views without vectors.
        no_ranks: share of those without ranks.
        most: sentences of one question that a network sees at most; the others are stood for by weights.
        question_folds: for the cross-fitting by questions.
        seed: of the components.
    """

    components: int = 900
    penalty: float = 1e-2
    kind_power: float = 0.5
    network: Options = field(default_factory=Options)
    no_vectors: float = 0.2
    no_ranks: float = 0.5
    most: int = 45
    question_folds: int = 3
    seed: int = 0


@dataclass(slots=True)
class Case:
    """A reading as arrays.

    Attributes:
        features: (M, F) attention features of the parts; ``components`` once they are known.
        part: (M,) sentences that the parts belong to.
        gold: (S,) evidence; ``label`` also has what answers a step.
    """

    reading: Reading
    features: NDArray[np.float32]
    part: NDArray[np.int64]
    gold: BoolArray
    label: BoolArray
    ranks: FloatArray | None

    @property
    def kind(self) -> str:
        """Its data set."""
        return self.reading.task.kind

    @property
    def question(self) -> str:
        """What is asked."""
        return self.reading.task.example.question

    @property
    def n(self) -> int:
        """S, its sentences."""
        return len(self.gold)

    @property
    def is_spread(self) -> bool:
        """Whether its evidence stands in several documents."""
        sentences = self.reading.task.example.segmentation.sentences
        return len({sentences[int(i)].document for i in np.flatnonzero(self.label)}) > 1

    @property
    def name(self) -> tuple[str, str]:
        """What all that is random about it depends on."""
        return self.reading.task.example.id, self.reading.task.shape


def case_of(reading: Reading) -> Case:
    """Turn a reading into arrays."""
    example, passages = reading.task.example, reading.passages
    n = len(example.segmentation.sentences)
    gold = np.zeros(n, dtype=np.bool_)
    gold[list(example.gold)] = True
    label = gold.copy()
    label[list(example.steps)] = True
    return Case(
        reading,
        attention_features(reading.attentions),
        np.array([i for p in passages for i in p.sentences]),
        gold,
        label,
        None if reading.task.ranks is None else np.array(reading.task.ranks, dtype=np.float64),
    )


# ---- regressions on attention ----


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of standardised features: ``(x - mean) / scale @ basis``."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    basis: NDArray[np.float32]

    def of(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(M, C) of features (M, F)."""
        return np.asarray(((features - self.mean) / self.scale) @ self.basis, dtype=np.float32)

    def weights(self, regressions: FloatArray, biases: FloatArray) -> Arrays:
        """The regressions on features as they are."""
        weight = (regressions @ self.basis.T.astype(np.float64)) / self.scale
        return {
            "look.weight": weight.astype(np.float32),
            "look.bias": (biases - weight @ self.mean).astype(np.float32),
        }


def components_of(cases: Sequence[Case], settings: Settings) -> Components:
    """Principal components of all parts' features; nothing is told of labels."""
    from sklearn.utils.extmath import randomized_svd

    total = sum(len(c.features) for c in cases)
    mean = np.sum([c.features.sum(0, dtype=np.float64) for c in cases], axis=0) / total
    square = (
        np.sum([np.einsum("nf,nf->f", c.features, c.features) for c in cases], axis=0, dtype=np.float64)
        / total
    )
    scale = np.sqrt(np.maximum(square - mean**2, 0)) + 1e-3
    mean32, scale32 = mean.astype(np.float32), scale.astype(np.float32)
    n = len(mean)
    covariance = np.zeros((n, n), dtype=np.float32)
    for block in _blocks(cases, 4096):
        own = (block - mean32) / scale32
        covariance += own.T @ own
    basis, _, _ = randomized_svd(
        covariance / total, min(n, settings.components), n_iter=3, random_state=settings.seed
    )
    return Components(mean32, scale32, np.ascontiguousarray(basis, dtype=np.float32))


def _blocks(cases: Sequence[Case], size: int) -> Iterator[NDArray[np.float32]]:
    held: list[NDArray[np.float32]] = []
    for case in cases:
        held.append(case.features)
        if sum(map(len, held)) >= size:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def fit_regressions(
    cases: Sequence[Case], own: Sequence[NDArray[np.float32]], weights: FloatArray, settings: Settings
) -> tuple[FloatArray, FloatArray]:
    """Weights (E, C) and biases (E,), E as in ``EXPERTS``, from components ``own`` of each case."""
    found: list[tuple[FloatArray, float]] = []
    for expert in range(len(EXPERTS)):
        use = [i for i, c in enumerate(cases) if expert == 0 or c.is_spread == (expert == 2)]
        if expert and len(use) < _FEWEST:
            found.append(found[0])
            continue
        rows = np.concatenate([own[i] for i in use])
        labels = np.concatenate([cases[i].label[cases[i].part] for i in use])
        each = np.concatenate([np.full(len(own[i]), weights[i] / np.sqrt(len(own[i]))) for i in use])
        found.append(_logistic(rows, labels, each, settings.penalty))
    return np.stack([w for w, _ in found]), np.array([b for _, b in found])


def _logistic(
    rows: NDArray[np.float32], labels: BoolArray, weights: FloatArray, penalty: float
) -> tuple[FloatArray, float]:
    """Minimise the weighted mean of log losses plus penalty/2 · ‖w‖² by L-BFGS."""
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingExtra("training", "train") from error
    sign = np.where(labels, 1, -1).astype(np.float32)
    share = (weights / weights.sum()).astype(np.float32)

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        weight = values[:-1].astype(np.float32)
        margin = sign * (rows @ weight + np.float32(values[-1]))
        slope = -share * sign / (1 + np.exp(np.clip(margin, -30, 30)))
        total = float((share * np.logaddexp(0, -margin)).sum()) + penalty / 2 * float(
            values[:-1] @ values[:-1]
        )
        gradient = (slope @ rows).astype(np.float64) + penalty * values[:-1]
        return total, np.append(gradient, float(slope.sum()))

    start = np.zeros(rows.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return found[:-1], float(found[-1])


def attention_of(
    case: Case, own: NDArray[np.float32], regressions: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Logits (S, E) of a case's sentences; NaN where nothing was read. The best part of a sentence counts."""
    logits = own @ regressions[0].T + regressions[1]
    result = np.full((case.n, logits.shape[1]), -np.inf)
    np.maximum.at(result, case.part, logits)
    return np.where(np.isfinite(result), result, np.nan)


# ---- views: what is there of a question's signals ----


@dataclass(frozen=True, slots=True)
class View:
    """A case with some of its signals: those that are there.

    Attributes:
        read: (S,) sentences whose attention is there.
        rows, weights: the sentences that are learned from.
    """

    vectors: Vectors | None
    ranks: FloatArray | None
    read: BoolArray
    rows: NDArray[np.int64]
    weights: FloatArray


def full_view(case: Case, passages: Collection[int] | None = None) -> View:
    """All signals that there are; the attention in some of the passages, or in all."""
    read = np.zeros(case.n, dtype=np.bool_)
    for p in range(len(case.reading.passages)) if passages is None else passages:
        read[list(case.reading.passages[p].sentences)] = True
    return View(case.reading.vectors, case.ranks, read, np.arange(case.n), np.ones(case.n))


def views_of(case: Case, settings: Settings) -> list[View]:
    """What a case is learned from: read in part, and read whole; of both, signals are missing."""
    found = []
    for number, passages in enumerate((case.reading.chosen, None)):
        generator = np.random.default_rng(seed_of("view", *case.name, number))
        view = full_view(case, passages)
        vectors = case.reading.vectors
        kept = None if generator.random() < settings.no_vectors else vectors
        ranks = case.ranks if case.ranks is not None else _simulated_ranks(case, generator)
        missing = settings.no_ranks / 2 if case.ranks is not None else settings.no_ranks
        if generator.random() < missing:
            ranks = None
        found.append(View(kept, ranks, view.read, *_sampled(case, generator, settings.most)))
    return found


def _sampled(case: Case, generator: np.random.Generator, most: int) -> tuple[NDArray[np.int64], FloatArray]:
    """The evidence, the sentences closest to the question and some others, which stand for the rest."""
    if case.n <= most:
        return np.arange(case.n), np.ones(case.n)
    vectors = case.reading.vectors
    taken = case.label.copy()
    taken[np.argsort(-(vectors.matches @ vectors.weights), kind="stable")[: most // 2]] = True
    rest = np.flatnonzero(~taken)
    others = generator.permutation(rest)[: most - most // 2]
    weights = np.ones(case.n)
    weights[others] = len(rest) / max(1, len(others))
    taken[others] = True
    rows = np.flatnonzero(taken)
    return rows, weights[rows]


def _simulated_ranks(case: Case, generator: np.random.Generator) -> FloatArray | None:
    """A retriever's order, made of cosines and shared words with noise; half of them know more than that."""
    s = case.reading.task.example.segmentation
    document = np.array([t.document for t in s.sentences])
    n = len(s.documents)
    if n < 2:
        return None
    own = signals(case.question, s, case.reading.vectors)
    cosine = best_in(own[:, NAMES.index("matches")], document, n)
    words = best_in(own[:, NAMES.index("words_of_document")], document, n)
    score = np.zeros(n)
    for values, most in ((cosine, 1.5), (words, 1.0)):
        there = np.isfinite(values)
        clean = np.where(there, values, values[there].mean())
        score += generator.uniform(0, most) * (clean - clean.mean()) / (clean.std() + 1e-6)
    score += generator.normal(0, generator.uniform(0.2, 1.2), n)
    if generator.random() < 0.5:
        score[np.unique(document[case.label])] += generator.uniform(0, 1.5)
    ranks = np.empty(n)
    ranks[np.argsort(-score, kind="stable")] = np.arange(n)
    return ranks


def signals_of(case: Case, view: View) -> FloatArray:
    """Cheap signals (S, K) of a case in a view."""
    return signals(case.question, case.reading.task.example.segmentation, view.vectors, view.ranks)


def surroundings_of(case: Case, view: View, attention: FloatArray, cheap: FloatArray) -> FloatArray:
    """Features of the main network of a case in a view."""
    seen = np.where(view.read[:, None], attention, np.nan)
    own = signals_of(case, view)
    s = case.reading.task.example.segmentation
    return surroundings(case.question, s, seen, cheap, own, view.vectors)


# ---- networks ----


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
        self.components = components_of(cases, settings)
        say("components")
        self.own = [self.components.of(c.features) for c in cases]
        self.views = [views_of(c, settings) for c in cases]
        self.cheap_rows = [
            [signals_of(c, v) for v in views] for c, views in zip(cases, self.views, strict=True)
        ]
        say("views")
        by_kind = self._cross_fitted_attention(self.fold)
        self.attention_by_kind = by_kind
        self.attention_by_question = self._cross_fitted_attention(self._question_folds())
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

    def _question_folds(self) -> NDArray[np.int64]:
        return np.array(
            [seed_of("fold", c.reading.task.example.id) % self.settings.question_folds for c in self.cases]
        )

    def _cross_fitted_attention(self, fold: NDArray[np.int64]) -> list[FloatArray]:
        result: list[FloatArray] = [np.zeros((0, 0))] * len(self.cases)
        for number in np.unique(fold):
            regressions = self.fit_attention(fold != number)
            for i in indices(fold == number):
                result[i] = attention_of(self.cases[i], self.own[i], regressions)
        return result

    def fit_attention(self, among: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Regressions fitted to the cases ``among`` (N,)."""
        use = indices(among)
        return fit_regressions(
            [self.cases[i] for i in use], [self.own[i] for i in use], self.weights[use], self.settings
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
