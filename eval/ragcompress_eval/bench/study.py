"""What a study is: a question, what is compared, how one case is measured, and what is shown of it.

A study is a value. ``run.carry_out`` does the rest for all of them alike: files, limits, the journal and
``--resume``, progress, the bootstrap, paired differences, provenance, JSON and the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

from ragcompress import InputError, RagCompressError
from ragcompress.training.examples import Example

from . import bootstrap
from .bootstrap import Estimate, resample

Label = str | float | None
E = TypeVar("E", bound=Example)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the things that are compared.

    Attributes:
        name: unique within the study; for messages and the journal.
        labels: what tells its results apart, as JSON has them (``{"scorer": "bm25", "ratio": 0.2}``).
        versus: names of the conditions that paired differences are taken from, by what JSON calls them. The
            empty name stands for the only one: it is named by the labels in which it differs.
    """

    name: str
    labels: Mapping[str, Label] = field(default_factory=dict)
    versus: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One question under one condition.

    Attributes:
        values: what was measured; None where the question has no such value.
        scores, gold: of the sentences, for a pooled AUC; empty where there is none. In the journal alone.
        about: what the condition was set to; the same for all its questions.
        refused: why there are no values; None where there are.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    scores: Sequence[float] = ()
    gold: Sequence[bool] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    refused: str | None = None


class Refused(Exception):
    """A condition can't do this question; with ``--on-bad skip`` the study continues without it."""

    def __init__(self, reason: RagCompressError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def once_per_question(make: Callable[[E], T]) -> Callable[[E], T]:
    """Remember what was made of the latest question: all its conditions look at the same."""
    latest: list[tuple[E, T]] = []

    def recall(example: E) -> T:
        if not latest or latest[0][0] is not example:
            latest[:] = [(example, make(example))]
        return latest[0][1]

    return recall


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that sums up the rows of a condition.

    Attributes:
        name: in JSON.
        compute: from rows and the bootstrap's seed; None where no row has such a value. An ``Estimate`` has
            an interval, and paired differences.
        heading: in the table; None: in JSON alone.
        better: which way is better; None where neither is.
        form: how the table writes the number.
    """

    name: str
    compute: Callable[[Sequence[Row], int], Estimate | float | None]
    heading: str | None = None
    better: Literal["higher", "lower"] | None = None
    form: str = ".3f"


@dataclass(frozen=True, slots=True)
class Study:
    """A study.

    Attributes:
        name: of its command.
        question: that it answers, for the title of the table.
        conditions: what is compared, in the order of the results.
        measure: one question under one condition; None where that makes no sense (a recall to aim at without
            probabilities). It gets an ``Example``, or what else the study reads that has more fields. Raises
            ``Refused`` for what can't be done; any other error ends the run.
        metrics: of the rows.

    Raises:
        InputError: for two conditions of one name.
    """

    name: str
    question: str
    conditions: tuple[Condition, ...]
    measure: Callable[[Any, Condition], Row | None]
    metrics: tuple[Metric, ...]

    def __post_init__(self) -> None:
        names = [c.name for c in self.conditions]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"two conditions of {self.name} are called {twice[0]!r}")


def mean(name: str, heading: str | None = None, *, of: str | None = None, better: Any = "higher") -> Metric:
    """The mean over the questions that have the value, with its interval."""

    def compute(rows: Sequence[Row], seed: int) -> Estimate | None:
        values = _values(rows, of or name)
        return bootstrap.mean(values, resample(len(values), seed=seed)) if len(values) else None

    return Metric(name, compute, heading, better)


def quotient(name: str, over: tuple[str, str], heading: str | None = None) -> Metric:
    """The mean of one value ÷ the mean of another, over the questions that have both, with its interval."""

    def compute(rows: Sequence[Row], seed: int) -> Estimate | None:
        both = [r for r in rows if all(r.values.get(key) is not None for key in over)]
        if not both or not _values(both, over[1]).sum():
            return None
        counts = resample(len(both), seed=seed)
        above, below = (bootstrap.mean(_values(both, key), counts) for key in over)
        usable = below.samples > 0
        return Estimate(above.value / below.value, above.samples[usable] / below.samples[usable])

    return Metric(name, compute, heading, "higher")


def pooled_auc(name: str = "auc", heading: str | None = "AUC") -> Metric:
    """AUC over all sentences of all questions together, resampled by question, with its interval."""

    def compute(rows: Sequence[Row], seed: int) -> Estimate | None:
        ranked = [r for r in rows if any(r.gold) and len(r.scores)]
        # Where every sentence is evidence there is nothing to rank.
        if all(all(r.gold) for r in ranked):
            return None
        scores = [np.array(r.scores, dtype=np.float64) for r in ranked]
        gold = [np.array(r.gold, dtype=np.bool_) for r in ranked]
        return bootstrap.pooled_auc(scores, gold, resample(len(ranked), seed=seed))

    return Metric(name, compute, heading, "higher")


def plain(
    name: str,
    heading: str | None = None,
    *,
    take: Literal["mean", "median"] = "mean",
    better: Any = None,
    form: str = ".3f",
) -> Metric:
    """The mean or median over the questions that have the value, without an interval."""

    def compute(rows: Sequence[Row], seed: int) -> float | None:
        values = _values(rows, name)
        return float(getattr(np, take)(values)) if len(values) else None

    return Metric(name, compute, heading, better, form)


def count(name: str, of: str, *, true: bool = False) -> Metric:
    """How many questions have the value; with ``true``, how many of these it is true for."""

    def compute(rows: Sequence[Row], seed: int) -> float:
        values = _values(rows, of)
        return int(values.sum()) if true else len(values)

    return Metric(name, compute, form="d")


def _values(rows: Sequence[Row], key: str) -> Any:
    return np.array([v for v in (r.values.get(key) for r in rows) if v is not None], dtype=np.float64)
