"""Does the evidence survive compression? Methods against data sets that say which sentences are evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import numpy as np

from ragcompress import Budget, InputError, RagCompressError
from ragcompress.data import Progress
from ragcompress.training.examples import Example, OnBad
from ragcompress.training.metrics import holds_answer, normalise

from ..bench.bootstrap import Estimate, mean, pooled_auc, resample
from ..bench.journal import Journal, fingerprint
from ..bench.metrics import BoolArray, FloatArray, recall, survival, words
from .methods import Compressed, Context, Method, Target

METRICS = ("evidence_recall", "evidence_all", "answer_kept", "auc")
MORE_METRICS = ("evidence_words",)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, compressed by one method to one ratio.

    Attributes:
        evidence_recall: share of its gold sentences kept; where the method doesn't keep the data's sentences,
            of those whose words all stand in the text, in order and with nothing between; None where it has
            none.
        evidence_words: mean over its gold sentences of ``metrics.survival``, from the text alone.
        answer_kept: whether an answer occurs in the compressed text; None where no answer has a letter or
            digit. Says nothing for answers such as *yes*.
        ratio_kept: kept ÷ original, in tokens of the rendered text.
        seconds: wall time of scoring, selecting and rendering.
        fits: False where not one sentence fitted (nothing was kept), or the method kept too much.
    """

    evidence_recall: float | None
    evidence_words: float | None
    answer_kept: bool | None
    ratio_kept: float
    seconds: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One question, compressed by one method to every budget.

    Attributes:
        scores: (S,), of the data's sentences; None where the method has none.
        outcomes: by budget; without those the method can't aim at, empty where it was refused.
        settings: of the method.
        refused: why the method could not do it; None where it could.
    """

    scores: FloatArray | None
    outcomes: Mapping[Budget, Outcome]
    settings: Mapping[str, Any]
    refused: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; ``from_dict`` gives the same row back."""
        return {
            "outcomes": [
                {"ratio": b.ratio, "recall": b.recall, **asdict(o)} for b, o in self.outcomes.items()
            ],
            "refused": self.refused,
            "settings": dict(self.settings),
            "scores": None if self.scores is None else self.scores.tolist(),
        }

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Row:
        """The row that ``to_dict`` was made of."""
        outcomes = {
            Budget(None, o["ratio"], o["recall"]): Outcome(**{k: o[k] for k in Outcome.__slots__})
            for o in row["outcomes"]
        }
        scores = None if row["scores"] is None else np.array(row["scores"], dtype=np.float64)
        return cls(scores, outcomes, row["settings"], row["refused"])


@dataclass(frozen=True, slots=True)
class Run:
    """One method on one data set: a row for each example, in their order."""

    dataset: str
    scorer: str
    examples: tuple[Example, ...]
    rows: tuple[Row, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """What the method was set to; empty where it could do nothing."""
        return next((dict(r.settings) for r in self.rows if r.refused is None), {})


def run(
    examples: Sequence[Example],
    methods: Mapping[str, Method],
    ratios: Sequence[float],
    *,
    recalls: Sequence[float] = (),
    journal: Journal | None = None,
    on_bad: OnBad = "stop",
    progress: Progress = lambda done, total: None,
) -> list[Run]:
    """Compress every question with every method to every budget; what the journal holds is not done again.

    Args:
        examples: of one or more data sets.
        methods: by name; the first one is what ``summarise`` compares the others with.
        ratios: shares of the tokens to keep; a question is scored once for all budgets.
        recalls: recalls to aim at, for methods whose scores are probabilities.
        journal: takes every row as soon as it is there.
        on_bad: what a question does that a method can't compress: ``stop`` raises, ``skip`` notes why.
        progress: called with (questions done, questions in all), counting each once per method.

    Returns:
        One run per data set and method, data sets in the order of their first question.

    Raises:
        RagCompressError: says on which question which method failed.
    """
    journal = journal or Journal(None, settings={})
    budgets = [*(Budget(ratio=r) for r in ratios), *(Budget(recall=r) for r in recalls)]
    datasets: dict[str, list[Example]] = {}
    for example in examples:
        datasets.setdefault(example.dataset, []).append(example)
    done, total = count(1), len(examples) * len(methods)
    runs = []
    for dataset, members in datasets.items():
        for name, method in methods.items():
            rows: list[Row] = []
            for example in members:
                rows.append(_row(example, name, method, budgets, journal, on_bad))
                _check_settings(name, rows)
                progress(next(done), total)
            runs.append(Run(dataset, name, tuple(members), tuple(rows)))
    return runs


def summarise(runs: Sequence[Run], *, seed: int) -> list[dict[str, Any]]:
    """Turn runs into results: one per data set, method and budget, ready for JSON.

    Evidence and AUC are taken over the questions with at least one gold sentence (``n_evidence``), recall
    and all-evidence as means over questions, AUC over all their sentences together; ``answer_kept`` over
    those with an answer (``n_answers``). A metric without questions is None. ``ci`` holds percentile
    intervals, ``versus`` the paired differences from the data set's first method and their intervals, over
    the questions that neither of the two refused.

    Args:
        runs: of ``run``.
        seed: of the bootstrap.
    """
    results: list[dict[str, Any]] = []
    first: dict[str, Run] = {}
    for one in runs:
        baseline = first.setdefault(one.dataset, one)
        for budget in _budgets(one):
            found = estimates(one, budget, seed=seed)
            outcomes = [r.outcomes[budget] for r in one.rows if r.refused is None]
            result: dict[str, Any] = {"dataset": one.dataset, "scorer": one.scorer, "ratio": budget.ratio}
            result["n"] = len(outcomes)
            result |= {name: found[name].value if name in found else None for name in METRICS}
            result["ratio_kept"] = float(np.mean([o.ratio_kept for o in outcomes]))
            result["seconds"] = float(np.mean([o.seconds for o in outcomes]))
            result |= {name: found[name].value if name in found else None for name in MORE_METRICS}
            result["recall"] = budget.recall
            result["n_evidence"] = sum(o.evidence_recall is not None for o in outcomes)
            result["n_answers"] = sum(o.answer_kept is not None for o in outcomes)
            result["n_nothing_fits"] = sum(not o.fits and not o.ratio_kept for o in outcomes)
            result["n_too_long"] = sum(not o.fits and o.ratio_kept > 0 for o in outcomes)
            result["n_refused"] = len(one.rows) - len(outcomes)
            result["ci"] = {name: list(e.interval()) for name, e in found.items()}
            if baseline is not one and budget in _budgets(baseline):
                result["versus"] = {"scorer": baseline.scorer, **_differences(one, baseline, budget, seed)}
            results.append(result)
    return results


def estimates(
    one: Run, budget: Budget, *, seed: int, among: Sequence[bool] | None = None
) -> dict[str, Estimate]:
    """Estimate each metric that has at least one question.

    Args:
        among: which questions to look at; None: all that were not refused.
    """
    looked = [r.refused is None for r in one.rows] if among is None else among
    pairs = [(e, r) for e, r, wanted in zip(one.examples, one.rows, looked, strict=True) if wanted]
    outcomes, found = [r.outcomes[budget] for _, r in pairs], {}
    recalls = np.array([o.evidence_recall for o in outcomes if o.evidence_recall is not None])
    if len(recalls):
        counts = resample(len(recalls), seed=seed)
        found["evidence_recall"] = mean(recalls, counts)
        found["evidence_all"] = mean((recalls == 1).astype(np.float64), counts)
        surviving = np.array([o.evidence_words for o in outcomes if o.evidence_words is not None])
        found["evidence_words"] = mean(surviving, counts)
    answers = np.array([o.answer_kept for o in outcomes if o.answer_kept is not None], dtype=np.float64)
    if len(answers):
        found["answer_kept"] = mean(answers, resample(len(answers), seed=seed))
    labelled = [(r.scores, _mask(e)) for e, r in pairs if e.gold and r.scores is not None]
    # Where every sentence is evidence there is nothing to rank.
    if any((~gold).any() for _, gold in labelled):
        counts = resample(len(labelled), seed=seed)
        found["auc"] = pooled_auc([v for v, _ in labelled], [g for _, g in labelled], counts)
    return found


def rows_of(runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """All rows, ready for JSON, without the scores of single sentences: those are in the journal."""
    for one in runs:
        for example, row in zip(one.examples, one.rows, strict=True):
            start = {"dataset": one.dataset, "id": example.id, "sha256": fingerprint(example)}
            shown = row.to_dict()
            yield {**start, "scorer": one.scorer, **{k: shown[k] for k in ("outcomes", "refused")}}


def _budgets(one: Run) -> list[Budget]:
    """Those it could aim at, in the order asked for; none where every question was refused."""
    return next((list(r.outcomes) for r in one.rows if r.refused is None), [])


def _mask(example: Example) -> BoolArray:
    """(S,) which sentences are evidence."""
    mask = np.zeros(len(example.segmentation.sentences), dtype=np.bool_)
    mask[list(example.gold)] = True
    return mask


def _differences(one: Run, baseline: Run, budget: Budget, seed: int) -> dict[str, Any]:
    both = [a.refused is None and b.refused is None for a, b in zip(one.rows, baseline.rows, strict=True)]
    if not any(both):
        return {}
    found, other = (estimates(r, budget, seed=seed, among=both) for r in (one, baseline))
    pairs = {name: found[name].minus(other[name]) for name in found if name in other}
    return {name: {"difference": e.value, "ci": list(e.interval())} for name, e in pairs.items()}


def _check_settings(name: str, rows: Sequence[Row]) -> None:
    """See that the newest row goes with the others: they may come from an earlier session."""
    done = [r.settings for r in rows if r.refused is None]
    if done and done[-1] != done[0]:
        raise InputError(
            f"scorer {name!r}: rows made with {dict(done[0])} and with {dict(done[-1])} don't go together; "
            "start anew with another --json"
        )


def _row(
    example: Example, name: str, method: Method, budgets: Sequence[Budget], journal: Journal, on_bad: OnBad
) -> Row:
    """The journal's row, or else a new one."""
    key = (name, example.id, fingerprint(example))
    if key in journal.rows:
        return Row.from_dict(journal.rows[key])
    try:
        found = method.compress(example, [Target(budget) for budget in budgets])
        row = Row(found.scores, _outcomes(example, found, budgets), found.settings)
    except RagCompressError as error:
        if on_bad == "stop":
            raise RagCompressError(f"scorer {name!r}, question {example.id!r}: {error}") from error
        row = Row(None, {}, {}, refused=str(error))
    journal.add(key, {"dataset": example.dataset, **row.to_dict()})
    return row


def _outcomes(example: Example, found: Compressed, budgets: Sequence[Budget]) -> dict[Budget, Outcome]:
    pairs = zip(budgets, found.contexts, strict=True)
    return {budget: _outcome(example, context) for budget, context in pairs if context is not None}


def _outcome(example: Example, context: Context) -> Outcome:
    """Look for the evidence and the answers."""
    answers = [n for n in map(normalise, example.answers) if n]
    kept = holds_answer(normalise(context.text), answers) if answers else None
    share = surviving = None
    if example.gold:
        inside = words(context.text)
        found = [survival(words(example.segmentation.sentences[i].text), inside) for i in example.gold]
        surviving = float(np.mean(found))
        whole = [i for i, s in zip(example.gold, found, strict=True) if s == 1]
        share = recall(example.gold, whole if context.kept is None else context.kept)
    return Outcome(share, surviving, kept, context.ratio, context.seconds, context.fits)
