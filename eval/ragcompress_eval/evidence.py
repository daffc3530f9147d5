"""Does the evidence survive compression? Scorers against data sets that say which sentences are evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from ragcompress import Budget, BudgetTooSmall, Compressor, RagCompressError, Scorer, Scores, Tokenizer
from ragcompress.proxy.base import Progress
from ragcompress.tokenizing import Counter

from .bootstrap import Estimate, mean, pooled_auc, resample
from .data import Example
from .metrics import BoolArray, holds_answer, normalise, recall

METRICS = ("evidence_recall", "evidence_all", "answer_kept", "auc")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, compressed by one scorer to one ratio.

    Attributes:
        evidence_recall: share of its gold sentences kept; None where it has none.
        answer_kept: whether an answer occurs in the compressed text; None where no answer has a letter or
            digit. Says nothing for answers such as *yes*.
        ratio_kept: kept ÷ original, in tokens of the rendered text.
        seconds: wall time of scoring, selecting and rendering.
        fits: False where not one sentence fitted: nothing was kept.
    """

    evidence_recall: float | None
    answer_kept: bool | None
    ratio_kept: float
    seconds: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One scorer on one data set: scores and, for each ratio, outcomes, in the order of the examples."""

    dataset: str
    scorer: str
    examples: tuple[Example, ...]
    scores: tuple[Scores, ...]
    outcomes: Mapping[float, tuple[Outcome, ...]]


def run(
    examples: Sequence[Example],
    scorers: Mapping[str, Scorer],
    ratios: Sequence[float],
    *,
    counter: Tokenizer | Counter,
    progress: Progress = lambda done, total: None,
) -> list[Run]:
    """Score every question once with every scorer, and compress it to every ratio.

    Args:
        examples: of one or more data sets.
        scorers: by name; the first one is what ``summarise`` compares the others with.
        ratios: shares of the tokens to keep.
        counter: what counts tokens for the budget (``Compressor``), the same for all scorers.
        progress: called with (questions done, questions in all), counting each once per scorer.

    Returns:
        One run per data set and scorer, data sets in the order of their first question.

    Raises:
        RagCompressError: says on which question which scorer failed.
    """
    datasets: dict[str, list[Example]] = {}
    for example in examples:
        datasets.setdefault(example.dataset, []).append(example)
    done, total = count(1), len(examples) * len(scorers)
    return [
        _run_one(
            members,
            name,
            Compressor(scorer, counter=counter),
            ratios,
            lambda: progress(next(done), total),
        )
        for members in datasets.values()
        for name, scorer in scorers.items()
    ]


def summarise(runs: Sequence[Run], *, seed: int) -> list[dict[str, Any]]:
    """Turn runs into results: one per data set, scorer and ratio, ready for JSON.

    Evidence and AUC are taken over the questions with at least one gold sentence (``n_evidence``), recall
    and all-evidence as means over questions, AUC over all their sentences together; ``answer_kept`` over
    those with an answer (``n_answers``). A metric without questions is None. ``ci`` holds percentile
    intervals, ``versus`` the paired differences from the data set's first scorer and their intervals.

    Args:
        runs: of ``run``.
        seed: of the bootstrap.
    """
    results: list[dict[str, Any]] = []
    first: dict[tuple[str, float], tuple[str, dict[str, Estimate]]] = {}
    for one in runs:
        for ratio, outcomes in one.outcomes.items():
            found = estimates(one, ratio, seed=seed)
            baseline = first.setdefault((one.dataset, ratio), (one.scorer, found))
            result: dict[str, Any] = {"dataset": one.dataset, "scorer": one.scorer, "ratio": ratio}
            result["n"] = len(outcomes)
            result |= {name: found[name].value if name in found else None for name in METRICS}
            result["ratio_kept"] = float(np.mean([o.ratio_kept for o in outcomes]))
            result["seconds"] = float(np.mean([o.seconds for o in outcomes]))
            result["n_evidence"] = sum(o.evidence_recall is not None for o in outcomes)
            result["n_answers"] = sum(o.answer_kept is not None for o in outcomes)
            result["n_nothing_fits"] = sum(not o.fits for o in outcomes)
            result["ci"] = {name: list(e.interval()) for name, e in found.items()}
            if baseline[0] != one.scorer:
                result["versus"] = {"scorer": baseline[0], **_differences(found, baseline[1])}
            results.append(result)
    return results


def estimates(one: Run, ratio: float, *, seed: int) -> dict[str, Estimate]:
    """Estimate each of ``METRICS`` that has at least one question."""
    outcomes, found = one.outcomes[ratio], {}
    recalls = np.array([o.evidence_recall for o in outcomes if o.evidence_recall is not None])
    if len(recalls):
        counts = resample(len(recalls), seed=seed)
        found["evidence_recall"] = mean(recalls, counts)
        found["evidence_all"] = mean((recalls == 1).astype(np.float64), counts)
    answers = np.array([o.answer_kept for o in outcomes if o.answer_kept is not None], dtype=np.float64)
    if len(answers):
        found["answer_kept"] = mean(answers, resample(len(answers), seed=seed))
    labelled = [(s.values, _mask(e)) for s, e in zip(one.scores, one.examples, strict=True) if e.gold]
    # Where every sentence is evidence there is nothing to rank.
    if any((~gold).any() for _, gold in labelled):
        counts = resample(len(labelled), seed=seed)
        found["auc"] = pooled_auc([v for v, _ in labelled], [g for _, g in labelled], counts)
    return found


def _mask(example: Example) -> BoolArray:
    """(S,) which sentences are evidence."""
    mask = np.zeros(len(example.segmentation.sentences), dtype=np.bool_)
    mask[list(example.gold)] = True
    return mask


def _differences(found: Mapping[str, Estimate], baseline: Mapping[str, Estimate]) -> dict[str, Any]:
    pairs = {name: found[name].minus(baseline[name]) for name in found if name in baseline}
    return {name: {"difference": e.value, "ci": list(e.interval())} for name, e in pairs.items()}


def _run_one(
    examples: Sequence[Example],
    name: str,
    compressor: Compressor,
    ratios: Sequence[float],
    advance: Callable[[], None],
) -> Run:
    """Run one scorer on one data set; ``advance`` is called after each question."""
    scores: list[Scores] = []
    outcomes: dict[float, list[Outcome]] = {ratio: [] for ratio in ratios}
    for example in examples:
        try:
            start = time.perf_counter()
            scored = compressor.scorer.score(example.question, example.segmentation)
            seconds = time.perf_counter() - start
            for ratio in ratios:
                outcomes[ratio].append(_compress(example, scored, ratio, compressor, seconds))
        except RagCompressError as error:
            raise RagCompressError(f"scorer {name!r}, question {example.id!r}: {error}") from error
        scores.append(scored)
        advance()
    fixed = {ratio: tuple(found) for ratio, found in outcomes.items()}
    return Run(examples[0].dataset, name, tuple(examples), tuple(scores), fixed)


def _compress(
    example: Example, scores: Scores, ratio: float, compressor: Compressor, seconds: float
) -> Outcome:
    """Compress one question; ``seconds`` is what scoring took."""
    start = time.perf_counter()
    text, ratio_kept, fits = "", 0.0, False
    kept: tuple[int, ...] = ()
    try:
        context = compressor(
            example.question, example.segmentation, budget=Budget(ratio=ratio), scores=scores
        )
        text, kept, ratio_kept, fits = context.text, context.selection.kept, context.ratio, True
    except BudgetTooSmall:
        pass  # Nothing kept is this question's result, not the end of the run.
    seconds += time.perf_counter() - start
    answers = [n for n in map(normalise, example.answers) if n]
    return Outcome(
        recall(example.gold, kept) if example.gold else None,
        holds_answer(normalise(text), answers) if answers else None,
        ratio_kept,
        seconds,
        fits,
    )
