"""Is the support for an answer its evidence? Methods of ``ragcompress.supporting`` against the scores."""

from __future__ import annotations

import time
from typing import Annotated, get_args

import numpy as np
import typer

from ragcompress import (
    Budget,
    BudgetTooSmall,
    CompressedContext,
    Compressor,
    Proxy,
    load_proxy,
    support,
)
from ragcompress.cli.options import DEFAULT_RATIO, Backend, ProxyName
from ragcompress.probes import DEFAULT_SCORER
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.supporting import Method
from ragcompress.training.examples import Example
from ragcompress.training.extraction import Recalling
from ragcompress.training.metrics import auc
from ragcompress_eval.bench import options
from ragcompress_eval.bench.metrics import BoolArray, FloatArray
from ragcompress_eval.bench.runner import Run, study_command
from ragcompress_eval.bench.study import Condition, Row, Study, mean, plain

SCORES = "scores"
METHODS = (SCORES, *get_args(Method))
"""What the answer is compared with: scores that know the question alone; then those that know the answer."""
METRICS = (
    plain("sentences", "kept", form=".1f"),
    plain("n_gold", "gold", form=".1f"),
    mean("auc", "AUC"),
    mean("precision_at_2", "precision at 2"),
    plain("seconds", "s (median)", take="median", better="lower"),
)
"""Means over questions: support of different questions can't be compared."""


def rank(values: FloatArray, gold: BoolArray) -> dict[str, float]:
    """AUC within the question; share of gold sentences among the two best, of as many as there can be."""
    best = np.argsort(-values, kind="stable")[:2]
    possible = min(len(best), int(gold.sum()))
    return {"auc": auc(values, gold), "precision_at_2": float(gold[best].sum()) / possible}


class _Compressing:
    """Compresses the question at hand once for all methods, from attention that is kept where wanted."""

    def __init__(self, compressor: Compressor, proxy: Proxy, ratio: float) -> None:
        self._compressor, self._proxy, self._ratio = compressor, proxy, ratio
        self._now: tuple[Example, CompressedContext | None, float] | None = None

    def measure(self, example: Example, condition: Condition) -> Row | None:
        """Only questions with both kinds of kept sentences and an answer; the data's first stands for it."""
        context, seconds = self._compress(example)
        if context is None:
            return None
        kept = [p.sentence for p in context.pieces]
        gold = np.isin(kept, example.gold)
        if gold.all() or not gold.any() or not example.answers or not example.answers[0].strip():
            return None
        values = context.scores.values[kept]
        if condition.name != SCORES:
            start = time.perf_counter()
            method: Method = condition.name  # type: ignore[assignment]
            values = support(context, example.answers[0], proxy=self._proxy, method=method).values
            seconds = time.perf_counter() - start
        return Row({
            **rank(values, gold), "seconds": seconds, "sentences": len(kept), "n_gold": int(gold.sum()),
        })  # fmt: skip

    def _compress(self, example: Example) -> tuple[CompressedContext | None, float]:
        if self._now is None or self._now[0] is not example:
            start = time.perf_counter()
            try:
                budget = Budget(ratio=self._ratio)
                context = self._compressor(example.question, example.segmentation, budget=budget)
            except BudgetTooSmall:
                context = None
            self._now = example, context, time.perf_counter() - start
        return self._now[1], self._now[2]


@study_command
def attribution_command(
    run: Run,
    scorer: Annotated[
        str, typer.Option("--scorer", metavar="NAME", help="What selects the sentences, and is compared.")
    ] = DEFAULT_SCORER,
    ratio: Annotated[
        float, typer.Option("--ratio", metavar="R", min=0.01, max=1.0, help="Share of the tokens to keep.")
    ] = DEFAULT_RATIO,
    store: options.Store = None,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
) -> None:
    """Does an answer rest on the evidence? Both methods of `ragcompress support`, where it is known."""
    (scorer,) = options.check_scorers([scorer])
    questions = run.read()
    model = load_proxy(proxy, backend=backend)
    recalling = Recalling(model)
    (made,) = options.build_scorers([scorer], lambda: recalling, run.seed).values()
    if store is not None and not isinstance(made, Scorer):
        raise typer.BadParameter(f"--store is for the scorer {Scorer.name}")
    compressing = _Compressing(Compressor(made, counter=model.tokenizer), model, ratio)

    def measure(example: Example, condition: Condition) -> Row | None:
        if condition.name == SCORES and store is not None and isinstance(made, Scorer):
            size = {"n_layers": made.probe.n_layers, "passage_tokens": made.probe.passage_tokens}
            recalling.learn(example, **size, store=store)
        return compressing.measure(example, condition)

    conditions = [Condition(m, {"method": m}, {} if m == SCORES else {"": SCORES}) for m in METHODS]
    study = Study("attribution", "Does an answer rest on the evidence?", tuple(conditions), measure, METRICS)
    run.carry_out(study, questions, {"scorer": scorer, "ratio": ratio, **model.info.settings()})
