"""Is the support for an answer its evidence? Methods of ``ragcompress.support`` against the scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import numpy as np
import typer
from rich import box
from rich.table import Table

from ragcompress import (
    Budget,
    BudgetTooSmall,
    Compressor,
    Proxy,
    RagCompressError,
    __version__,
    load_proxy,
    scorers,
    support,
)
from ragcompress.cli.console import count_bar, out
from ragcompress.cli.options import DEFAULT_RATIO, Backend, ProxyName
from ragcompress.data import Progress
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.support import Method
from ragcompress.training.examples import Example
from ragcompress.training.extraction import Recalling
from ragcompress.training.metrics import auc

from .bench import options
from .bench.bootstrap import LEVEL, N_RESAMPLES, Estimate, mean, resample
from .bench.journal import Journal, beside, fingerprint
from .bench.metrics import BoolArray, FloatArray
from .bench.provenance import provenance, session
from .report import page as report

SCORES = "scores"
METHODS = (SCORES, *get_args(Method))
"""What the answer is compared with: scores that know the question alone; then those that know the answer."""
METRICS = ("auc", "precision_at_2")


@dataclass(frozen=True, slots=True)
class Row:
    """One question, of whose kept sentences some are evidence and some are not.

    Attributes:
        gold: (N,) which kept sentences are evidence.
        values: (N,) by method.
        seconds: wall time by method; of ``scores`` that of the whole compression.
    """

    gold: BoolArray
    values: Mapping[str, FloatArray]
    seconds: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; ``from_dict`` gives the same row back."""
        values = {name: v.tolist() for name, v in self.values.items()}
        return {"gold": self.gold.tolist(), "values": values, "seconds": dict(self.seconds)}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Row:
        """The row that ``to_dict`` was made of."""
        values = {name: np.array(v, dtype=np.float64) for name, v in row["values"].items()}
        return cls(np.array(row["gold"], dtype=np.bool_), values, row["seconds"])

    def metrics(self, method: str) -> dict[str, float]:
        """AUC within the question; share of gold sentences among the two best, of as many as there can be."""
        values = self.values[method]
        best = np.argsort(-values, kind="stable")[:2]
        possible = min(len(best), int(self.gold.sum()))
        return {"auc": auc(values, self.gold), "precision_at_2": float(self.gold[best].sum()) / possible}


def run(
    examples: Sequence[Example],
    compressor: Compressor,
    proxy: Proxy,
    ratio: float,
    *,
    journal: Journal,
    prepare: Callable[[Example], None] = lambda example: None,
    progress: Progress = lambda done, total: None,
) -> dict[str, list[Row]]:
    """Rows by data set, of the questions that have both kinds of kept sentences and an answer.

    The first answer of the data stands for that of a reader who is right.

    Args:
        prepare: called with each question before it is compressed.
    """
    found: dict[str, list[Row]] = {e.dataset: [] for e in examples}
    for done, example in enumerate(examples, 1):
        key = (example.id, fingerprint(example))
        if key not in journal.rows:
            prepare(example)
            row = _row(example, compressor, proxy, ratio)
            journal.add(key, {"row": None if row is None else row.to_dict()})
        kept = journal.rows[key]["row"]
        if kept is not None:
            found[example.dataset].append(Row.from_dict(kept))
        progress(done, len(examples))
    return found


def _row(example: Example, compressor: Compressor, proxy: Proxy, ratio: float) -> Row | None:
    start = time.perf_counter()
    try:
        context = compressor(example.question, example.segmentation, budget=Budget(ratio=ratio))
    except BudgetTooSmall:
        return None
    seconds = {SCORES: time.perf_counter() - start}
    kept = [p.sentence for p in context.pieces]
    gold = np.isin(kept, example.gold)
    if gold.all() or not gold.any() or not example.answers or not example.answers[0].strip():
        return None
    values = {SCORES: context.scores.values[kept]}
    for method in get_args(Method):
        start = time.perf_counter()
        values[method] = support(context, example.answers[0], proxy=proxy, method=method).values
        seconds[method] = time.perf_counter() - start
    return Row(gold, values, seconds)


def summarise(found: Mapping[str, Sequence[Row]], *, seed: int) -> list[dict[str, Any]]:
    """One result per data set and method, ready for JSON; ``versus`` are paired differences from the scores.

    Metrics are means over questions: support of different questions can't be compared.
    """
    results = []
    for dataset, rows in found.items():
        if not rows:
            continue
        counts, first = resample(len(rows), seed=seed), dict[str, Estimate]()
        for method in METHODS:
            own = [r.metrics(method) for r in rows]
            estimates = {m: mean(np.array([o[m] for o in own]), counts) for m in METRICS}
            first = first or estimates
            results.append(
                {
                    "dataset": dataset,
                    "method": method,
                    "n": len(rows),
                    **{m: e.value for m, e in estimates.items()},
                    "seconds": float(np.median([r.seconds[method] for r in rows])),
                    "ci": {m: list(e.interval()) for m, e in estimates.items()},
                    "versus": {m: list(e.minus(first[m]).interval()) for m, e in estimates.items()},
                    "sentences": float(np.mean([len(r.gold) for r in rows])),
                    "gold": float(np.mean([r.gold.sum() for r in rows])),
                }
            )
    return results


def table(results: Sequence[Mapping[str, Any]], *, seed: int) -> Table:
    """Lay out results of ``summarise``; a star marks a difference from the scores."""
    caption = (
        f"[low, high]: {LEVEL:.0%} interval, bootstrap over questions ({N_RESAMPLES} resamples, seed {seed})"
        "\n*: the interval of the paired difference from the scores leaves out 0"
        "\nms: median wall time of one question"
    )
    result = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for heading in ("dataset", "method"):
        result.add_column(heading)
    for heading in ("n", "kept", "gold", "AUC", "precision at 2", "ms"):
        result.add_column(heading, justify="right")
    for r in results:
        cells = []
        for metric in METRICS:
            (low, high), (below, above) = r["ci"][metric], r["versus"][metric]
            star = " " if below <= 0 <= above else "*"
            cells.append(f"{r[metric]:.3f}{star} [{low:.2f}, {high:.2f}]")
        sizes = (str(r["n"]), f"{r['sentences']:.1f}", f"{r['gold']:.1f}")
        result.add_row(r["dataset"], r["method"], *sizes, *cells, f"{1000 * r['seconds']:.0f}")
    return result


def attribution_command(
    files: options.Files,
    scorer: Annotated[
        str, typer.Option("--scorer", metavar="NAME", help="What selects the sentences, and is compared.")
    ] = scorers.DEFAULT,
    ratio: Annotated[
        float, typer.Option("--ratio", metavar="R", min=0.01, max=1.0, help="Share of the tokens to keep.")
    ] = DEFAULT_RATIO,
    limit: options.Limit = None,
    json_file: options.JsonFile = None,
    resume: options.Resume = False,
    store: options.Store = None,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    seed: options.Seed = 0,
) -> None:
    """Does an answer rest on the evidence? Both methods of `ragcompress support`, where it is known."""
    options.check_json(json_file, files, resume=resume)
    (scorer,) = options.check_scorers([scorer])
    read, examples = options.read_examples(files, limit=limit, on_bad=options.OnBad.stop)
    model = load_proxy(proxy, backend=backend)
    recalling = Recalling(model)
    (made,) = options.build_scorers([scorer], lambda: recalling, seed).values()
    if store is not None and not isinstance(made, Scorer):
        raise typer.BadParameter(f"--store is for the scorer {Scorer.name}")

    def prepare(example: Example) -> None:
        if store is not None and isinstance(made, Scorer):
            size = {"n_layers": made.probe.n_layers, "passage_tokens": made.probe.passage_tokens}
            recalling.learn(example, **size, store=store)

    settings = {"scorer": scorer, "ratio": ratio, **model.info.settings()}
    rests_on = {"command": "attribution", "version": __version__, **settings}
    rows = beside(json_file) if json_file else None
    with (
        Journal(rows, settings=rests_on, session=session(), resume=resume) as journal,
        count_bar("asking for support") as progress,
    ):
        compressor = Compressor(made, counter=model.tokenizer)
        found = run(examples, compressor, model, ratio, journal=journal, prepare=prepare, progress=progress)
        results = summarise(found, seed=seed)
        if not results:
            raise RagCompressError("no question has both evidence and other sentences among those kept")
        if json_file:
            about = provenance(read, limit=limit, seed=seed, settings=settings, sessions=journal.sessions)
            report.write_json(json_file, {"results": results, "provenance": about})
            journal.finish()
    out().print(table(results, seed=seed))
