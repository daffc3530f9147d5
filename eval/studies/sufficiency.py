"""Is the answer likely in here at all? Signals against questions whose gold documents were removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ragcompress import Attention, Proxy, Scores, Segmentation, load_proxy
from ragcompress.cli.options import Backend, ProxyName
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.training.examples import Example
from ragcompress.training.extraction import Recalling
from ragcompress_eval.bench import options
from ragcompress_eval.bench.runner import Run, study_command
from ragcompress_eval.bench.study import Condition, Row, Study, plain, pooled_auc

REMOVED = ("all", "one")
SIGNALS = ("highest", "expected", "any", "second", "mass", "row focus", "passage focus")
METRICS = (
    pooled_auc(),
    plain("whole", "whole (median)", take="median"),
    plain("without", "without (median)", take="median"),
)
"""``auc``: how often a question with all its documents has a higher signal than one (the same or another)
without; ``whole`` and ``without`` are medians of the signal."""
Signals = dict[str, float]


def signals(scores: Scores, attentions: Sequence[Attention]) -> Signals:
    """What a scorer has to say, each the larger the likelier the answer is in the documents.

    ``highest``, ``second``: of the probabilities p of all sentences. ``expected``: their sum, the number of
    needed sentences that the scorer expects. ``any``: 1 - Π (1 - p), if sentences were independent. From the
    question's row of each passage, mean over layers and heads: ``mass``, the largest share of it that falls
    on a passage; ``row focus`` and ``passage focus``, 1 - entropy ÷ log n of how it divides up among all
    sentences and among the passages, in [0, 1].
    """
    p = np.sort(scores.values)[::-1]
    rows = [a.mass[a.rows.index("question")].astype(np.float64).mean((0, 1)) for a in attentions]
    passages = np.array([r.sum() for r in rows])
    return {
        "highest": float(p[0]),
        "expected": float(p.sum()),
        "any": float(1 - np.prod(1 - p)),
        "second": float(p[1]) if len(p) > 1 else 0.0,
        "mass": float(passages.max()),
        "row focus": _focus(np.concatenate(rows)),
        "passage focus": _focus(passages),
    }


def _focus(weights: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """1 - entropy ÷ log n of weights that are made to sum to 1; 1 where there is one."""
    if len(weights) < 2:
        return 1.0
    shares = weights[weights > 0] / weights.sum()
    return float(1 + (shares * np.log(shares)).sum() / np.log(len(weights)))


def without_gold(example: Example, removed: str) -> Segmentation | None:
    """The documents without those that hold evidence (``all``), or without the last of them (``one``).

    None where there is no evidence, nothing else would be left, or ``one`` is all there are.
    """
    parts = example.segmentation
    gold = sorted({parts.sentences[i].document for i in example.gold})
    gone = gold if removed == "all" else gold[-1:] if len(gold) > 1 else []
    stay = [d for d in range(len(parts.documents)) if d not in gone]
    place = {d: n for n, d in enumerate(stay)}
    sentences = tuple(replace(s, document=place[s.document]) for s in parts.sentences if s.document in place)
    return Segmentation(tuple(parts.documents[d] for d in stay), sentences) if gone and sentences else None


def measure_signals(example: Example, scorer: Scorer, proxy: Recalling) -> dict[str, Signals]:
    """Signals with everything, and by what was removed: the other passages are read alike without it."""

    def read(parts: Segmentation) -> Signals:
        scores = scorer.score(example.question, parts)
        return signals(scores, proxy.last)

    others = {r: parts for r in REMOVED if (parts := without_gold(example, r)) is not None}
    if not others:
        return {}
    return {"nothing": read(example.segmentation), **{r: read(parts) for r, parts in others.items()}}


def study(scorer: Scorer, proxy: Proxy, *, store: Path | None = None) -> Study:
    """What was removed × signals; questions without evidence that can be removed have no rows.

    Args:
        scorer: of this proxy.
        store: see ``extraction.extract``.
    """
    recalling, probe = Recalling(proxy), scorer.probe
    scorer = Scorer(proxy=recalling, probe=probe)
    conditions = tuple(
        Condition(f"{removed}, {signal}", {"removed": removed, "signal": signal})
        for removed, signal in product(REMOVED, SIGNALS)
    )

    def measure_example(example: Example) -> dict[str, Signals]:
        recalling.learn(example, n_layers=probe.n_layers, passage_tokens=probe.passage_tokens, store=store)
        return measure_signals(example, scorer, recalling)

    found = _once(measure_example)

    def measure(example: Example, condition: Condition) -> Row | None:
        removed, signal = (str(condition.labels[key]) for key in ("removed", "signal"))
        values = found(example)
        if removed not in values:
            return None
        pair = [values["nothing"][signal], values[removed][signal]]
        return Row({"whole": pair[0], "without": pair[1]}, scores=pair, gold=(True, False))

    return Study("sufficiency", "Is it seen that the evidence is missing?", conditions, measure, METRICS)


def _once(
    function: Callable[[Example], dict[str, Signals]],
) -> Callable[[Example], dict[str, Signals]]:
    """Remember the last question's: its conditions follow each other."""
    last: dict[int, tuple[Example, dict[str, Signals]]] = {}

    def call(example: Example) -> dict[str, Signals]:
        if id(example) not in last:
            last.clear()
            last[id(example)] = example, function(example)
        return last[id(example)][1]

    return call


@study_command
def sufficiency_command(
    run: Run, store: options.Store = None, proxy: ProxyName = DEFAULT_PROXY, backend: Backend = None
) -> None:
    """Does a signal tell that the gold documents are not there? AUC of what the default scorer knows."""
    questions = run.read()
    model = load_proxy(proxy, backend=backend)
    scorer = Scorer(proxy=model)
    settings = {"scorer": scorer.name, **model.info.settings()}
    run.carry_out(study(scorer, model, store=store), questions, settings)
