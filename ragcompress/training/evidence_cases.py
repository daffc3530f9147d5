"""What the evidence model is fitted to: readings as arrays, with some of their signals left out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ragcompress.data import FloatArray
from ragcompress.scorers.evidence.late_interaction import Vectors
from ragcompress.scorers.evidence.signals import NAMES, best_in, signals
from ragcompress.scorers.evidence.surroundings import surroundings
from ragcompress.scorers.passage_probe.features import attention_features

from .evidence_networks import Options
from .evidence_reading import Reading
from .shapes import seed_of

BoolArray = NDArray[np.bool_]


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
        features: (M, F) attention features of the parts.
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
