"""Fits the head of ``ragcompress.scorers.passage_probe`` to labeled readings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ragcompress import MissingExtra
from ragcompress.scorers.passage_probe.context import context_features
from ragcompress.scorers.passage_probe.features import attention_features
from ragcompress.scorers.passage_probe.head import Head, Network, Regressions
from ragcompress.scorers.passage_probe.looks import Look, first_look
from ragcompress.scorers.passage_probe.second_look import Recipe, second_context, was_read

from .extraction import Reading, SecondReading

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Settings:
    """What training can be set to.

    Attributes:
        n_layers: layers to read, from the first; None: four fifths of the proxy's (the last ones add little).
        passage_tokens: longest passage, in tokens.
        regularization: C of the first stage's logistic regression on standardized features.
        hidden: width of each second-stage network.
        networks: how many of them, from different seeds, are averaged (their logits; one wide layer results).
        outside: how many give the cross-fitted probabilities that the second look starts from.
        penalty: L2 penalty of the networks.
        untitled_every: of every so many training questions one is read again without its documents' titles,
            so that plain files, which have none, are scored as well; 0: none.
        joined_every: of every so many one is read again with its documents joined to long ones of several
            subjects; 0: none.
        folds: the networks see first-stage logits of questions that the first stage was not fitted to.
        seed: of folds and networks.
        second_look: when the probe looks again, and at what; None: never.
        second_penalty: L2 penalty of its networks, which see fewer questions.
        second_questions: at most so many questions of each data set are read twice for it.
    """

    n_layers: int | None = None
    passage_tokens: int = 256
    regularization: float = 0.003
    hidden: int = 16
    networks: int = 8
    outside: int = 2
    penalty: float = 30.0
    untitled_every: int = 12
    joined_every: int = 0
    folds: int = 5
    seed: int = 0
    second_look: Recipe | None = field(default_factory=Recipe)
    second_penalty: float = 30.0
    second_questions: int = 150


def layers_of(settings: Settings, n_layers: int) -> int:
    """Layers to read of a proxy that has ``n_layers``."""
    return settings.n_layers or max(1, round(n_layers * 0.8))


@dataclass(frozen=True, slots=True)
class First:
    """The first look, fitted; probabilities (N,) of each reading are by weights that have not seen it."""

    head: Head
    probabilities: list[FloatArray]


def part_labels(reading: Reading) -> BoolArray:
    """(N,) whether each part of each passage belongs to a sentence that is evidence, or answers a step."""
    needed = {*reading.example.gold, *reading.example.steps}
    return np.isin(reading.parts.sentence, sorted(needed))


def is_spread(reading: Reading) -> bool:
    """Whether the evidence stands in several documents."""
    example = reading.example
    needed = {*example.gold, *example.steps}
    return len({example.segmentation.sentences[i].document for i in needed}) > 1


def fit(readings: Sequence[Reading], settings: Settings) -> First:
    """Fit both stages of the first look.

    Args:
        readings: questions that have evidence; others teach that everything is noise, leave them out.
        settings: see there.

    Raises:
        MissingExtra: without scikit-learn.
    """
    features = [attention_features(r.attentions) for r in readings]
    labels = [part_labels(r) for r in readings]

    def context(index: int, logits: FloatArray) -> FloatArray:
        r = readings[index]
        return context_features(logits, r.parts, r.example.segmentation, r.example.question)

    spread = [is_spread(r) for r in readings]
    folds = _folds(readings, settings)
    return First(*_two_stages(features, labels, labels, spread, context, folds, settings))


def fit_second(readings: Sequence[SecondReading], settings: Settings) -> Head:
    """Fit both stages of the second look; arguments and errors as for ``fit``."""
    features = [attention_features(r.attentions) for r in readings]
    labels = [part_labels(r.first) for r in readings]
    read = [own[was_read(r.first.parts, r.chosen)] for own, r in zip(labels, readings, strict=True)]

    def context(index: int, logits: FloatArray) -> FloatArray:
        r = readings[index]
        example, parts = r.first.example, r.first.parts
        return second_context(
            logits, r.probabilities, r.chosen, parts, example.segmentation, example.question
        )

    own = replace(settings, penalty=settings.second_penalty, outside=0)
    folds = _folds([r.first for r in readings], settings)
    spread = [is_spread(r.first) for r in readings]
    return _two_stages(features, read, labels, spread, context, folds, own)[0]


def _two_stages(
    features: Sequence[NDArray[np.float32]],
    read: Sequence[BoolArray],
    labels: Sequence[BoolArray],
    spread: Sequence[bool],
    context: Callable[[int, FloatArray], FloatArray],
    folds: Sequence[Sequence[int]],
    settings: Settings,
) -> tuple[Head, list[FloatArray]]:
    """Fit the regressions to ``features`` and labels ``read``, the networks to their cross-fitted logits.

    Returns:
        The head, and probabilities of each question by weights that have not seen it; the networks that
        give these are few (``settings.outside``), and with 0 there are none.
    """
    everything = list(range(len(features)))
    regressions = _fit_look(features, read, spread, everything, settings)
    around: list[FloatArray] = [np.zeros((0, 0))] * len(features)
    for fold in folds:
        look = _fit_look(features, read, spread, _others(fold, len(features)), settings)
        for i in fold:
            around[i] = context(i, look.logits(features[i]))
    unseen: list[FloatArray] = [np.zeros(0)] * len(features)
    for fold in folds if settings.outside else ():
        inside = _others(fold, len(features))
        network = _fit_context(
            np.concatenate([around[i] for i in inside]),
            np.concatenate([labels[i] for i in inside]),
            replace(settings, networks=settings.outside),
        )
        for i in fold:
            unseen[i] = network.probabilities(around[i])
    network = _fit_context(np.concatenate(around), np.concatenate(labels), settings)
    return Head(regressions, network), unseen


def _others(fold: Sequence[int], n: int) -> list[int]:
    return sorted(set(range(n)) - set(fold))


def _folds(readings: Sequence[Reading], settings: Settings) -> list[list[int]]:
    """Indices of readings in each fold; readings of one question, with and without titles, stay together."""
    keys = list(dict.fromkeys((r.example.dataset, r.example.id) for r in readings))
    order = np.random.default_rng(settings.seed).permutation(len(keys))
    fold_of = {keys[k]: n for n, part in enumerate(np.array_split(order, settings.folds)) for k in part}
    folds: list[list[int]] = [[] for _ in range(settings.folds)]
    for index, r in enumerate(readings):
        folds[fold_of[r.example.dataset, r.example.id]].append(index)
    return folds


def first_looks(readings: Sequence[Reading], head: Head) -> list[Look]:
    """What the first look comes to for each reading."""
    return [
        first_look(head, r.attentions, r.parts, r.example.segmentation, r.example.question) for r in readings
    ]


def _fit_look(
    features: Sequence[NDArray[np.float32]],
    labels: Sequence[BoolArray],
    spread: Sequence[bool],
    among: Sequence[int],
    settings: Settings,
) -> Regressions:
    """The regressions of ``EXPERTS``, fitted to the questions ``among``.

    A kind of which there is no question, or no evidence, gets the regression for all.
    """
    kinds = [among, [i for i in among if not spread[i]], [i for i in among if spread[i]]]
    fitted = [
        _regression(
            np.concatenate([features[i] for i in kind]), np.concatenate([labels[i] for i in kind]), settings
        )
        for kind in kinds
        if any(labels[i].any() for i in kind)
    ]
    if len(fitted) < len(kinds):
        fitted = [fitted[0]] * len(kinds)
    weights, biases = zip(*fitted, strict=True)
    return Regressions(np.stack(weights), np.array(biases, dtype=np.float32))


def _regression(
    features: NDArray[np.float32], labels: BoolArray, settings: Settings
) -> tuple[NDArray[np.float32], float]:
    """Weights (F,) and bias on features as they are; the penalty is on standardized ones."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtra("training a probe", "train") from error
    mean, scale = features.mean(0), features.std(0) + 1e-6
    model = LogisticRegression(C=settings.regularization, max_iter=500, tol=1e-3)
    model.fit((features - mean) / scale, labels)
    weight = model.coef_[0] / scale
    return weight.astype(np.float32), float(model.intercept_[0] - weight @ mean)


def _fit_context(features: FloatArray, labels: BoolArray, settings: Settings) -> Network:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    mean, scale = features.mean(0), features.std(0) + 1e-6
    networks = []
    for number in range(settings.networks):
        network = MLPClassifier(
            (settings.hidden,),
            activation="tanh",
            solver="lbfgs",
            alpha=settings.penalty,
            max_iter=300,
            random_state=settings.seed + number,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is part of the recipe
            network.fit((features - mean) / scale, labels)
        networks.append(network)
    n = len(networks)
    arrays = {
        "mean": mean,
        "scale": scale,
        "hidden_weight": np.concatenate([m.coefs_[0] for m in networks], axis=1),
        "hidden_bias": np.concatenate([m.intercepts_[0] for m in networks]),
        "weight": np.concatenate([m.coefs_[1][:, 0] for m in networks]) / n,
        "bias": np.array([np.mean([m.intercepts_[1][0] for m in networks])]),
    }
    return Network(**{name: array.astype(np.float32) for name, array in arrays.items()})
