"""Does a promised recall hold? Asked against reached, on kinds like the calibration's and on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ragcompress import Budget, CompressedContext, Compressor, InputError, Scorer, Scores
from ragcompress.budget import RecallOf
from ragcompress.calibration import Calibration, Case, Judge, load
from ragcompress.calibration.store import checksum
from ragcompress.calibration.values import SHIFT_LEVEL
from ragcompress.cli.calibrate import make_scorer
from ragcompress.cli.console import count_bar, out
from ragcompress.cli.options import Backend, ProxyName, plan_option
from ragcompress.models.embedding import Embedder, MiniLM
from ragcompress.plan import Plan
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.training.calibrating import case_of, is_answerable
from ragcompress.training.examples import Example
from ragcompress.training.metrics import auc
from ragcompress.training.shapes import bounded

from ..bench import options
from ..bench.metrics import recall as share_of
from ..bench.plots import figure_class, save
from ..bench.results import Result
from ..bench.runner import Run, study_command
from ..bench.study import Condition, Metric, Row, Study, count, mean, plain
from ..bench.summary import text_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHIPPED, LEFT_OUT, OWN, FIXED = "calibration", "kind left out", "own set", "fixed ratio"
BASES = (SHIPPED, LEFT_OUT, OWN)
_MARKS = {SHIPPED: ("#0072B2", "o"), LEFT_OUT: ("#D55E00", "D"), OWN: ("#009E73", "s")}
RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass(frozen=True, slots=True)
class Scored:
    """One question, scored once.

    Attributes:
        case: what a calibration keeps of it.
        cosine: the highest of its sentences with the question; None without an embedder.
    """

    example: Example
    scores: Scores
    case: Case
    cosine: float | None


def score_example(example: Example, scorer: Scorer, embedder: Embedder | None) -> Scored:
    """Score a question; the embedder is what answerability is compared with."""
    parts = example.segmentation
    scores = scorer.score(example.question, parts)
    cosine = None
    if embedder is not None:
        rows = embedder.embed([example.question, *(s.text for s in parts.sentences)])
        cosine = float((rows[1:] @ rows[0]).max())
    return Scored(example, scores, case_of(example, scores, is_answerable(example)), cosine)


def study(
    scored: Sequence[Scored],
    compressor: Compressor,
    calibration: Calibration,
    recalls: Sequence[float],
    of: RecallOf,
) -> Study:
    """Recalls asked × what the promise rests on, and fixed ratios beside them.

    ``calibration``: all of it; ``kind left out``: without the questions of this one's data set; ``own set``:
    the other questions of its data set among those that are measured, which are exchangeable with it.
    """
    by_id = {s.example.id: s for s in scored}
    without = {kind: calibration.without(kind) for kind in {s.example.dataset for s in scored}}
    by_set = {
        kind: tuple(s.case for s in scored if s.example.dataset == kind and s.case.evidence)
        for kind in without
    }
    aims = [
        *((_condition(b, r, None), Budget(recall=r, recall_of=of)) for b, r in product(BASES, recalls)),
        *((_condition(FIXED, None, r), Budget(ratio=r)) for r in RATIOS),
    ]
    budgets = {condition.name: budget for condition, budget in aims}

    def measure(example: Example, condition: Condition) -> Row | None:
        case, basis = by_id[example.id], condition.labels["basis"]
        if basis == OWN:
            others = tuple(c for c in by_set[example.dataset] if c is not case.case)
            rests_on = calibration.with_cases(others)
        else:
            rests_on = without[example.dataset] if basis == LEFT_OUT else calibration
        judged = compressor.with_judge(Judge(rests_on, is_own=True))
        budget = budgets[condition.name]
        context = judged(example.question, example.segmentation, budget=budget, scores=case.scores)
        return Row(_compare(case, context))

    return Study("promises", "Does a promised recall hold?", tuple(c for c, _ in aims), measure, METRICS)


def _compare(scored: Scored, context: CompressedContext) -> dict[str, Any]:
    """What was kept of a question and said of it, beside what is known of it."""
    share = share_of(scored.example.gold, context.selection.kept) if scored.case.evidence else None
    promise = context.promise
    return {
        "reached": share,
        "all": None if share is None else share == 1,
        "ratio_kept": context.ratio,
        "tokens": context.tokens_after,
        "holds": None if promise is None else promise.holds,
        "odd": None if context.shift is None else context.shift < SHIFT_LEVEL,
        "shift": context.shift,
        "answerable": scored.case.answerable,
        "sufficiency": context.sufficiency,
        "cosine": scored.cosine,
        "best": float(scored.scores.values.max()),
    }


def _condition(basis: str, recall: float | None, ratio: float | None) -> Condition:
    name = f"{basis}, {ratio:g}" if recall is None else f"{basis}, recall {recall:g}"
    return Condition(name, {"basis": basis, "asked": recall, "ratio": ratio})


def answer_auc(name: str, of: str) -> Metric:
    """How often a question whose documents hold an answer has the higher value than one without."""

    def compute(rows: Sequence[Row], seed: int) -> float | None:
        known = [r.values for r in rows if r.values.get("answerable") is not None]
        known = [v for v in known if v.get(of) is not None]
        there = np.array([v["answerable"] for v in known], dtype=np.bool_)
        if not len(there) or there.all() or not there.any():
            return None
        return auc(np.array([v[of] for v in known], dtype=np.float64), there)

    return Metric(name, compute, better="higher")


METRICS = (
    mean("reached", "reached"),
    mean("all", "all of it"),
    plain("ratio_kept", "kept"),
    plain("tokens", "tokens", form=".0f"),
    plain("holds", "promise stands"),
    plain("odd", "unlike"),
    answer_auc("auc_sufficiency", "sufficiency"),
    answer_auc("auc_cosine", "cosine"),
    answer_auc("auc_best", "best"),
    count("n_evidence", "reached"),
)


def at_equal_tokens(results: Sequence[Result]) -> list[Result]:
    """What a fixed ratio reaches at the mean tokens that each promise took, by the two nearest ratios."""
    compared: list[Result] = []
    for result in results:
        if result["basis"] == FIXED or result["reached"] is None:
            continue
        same = [r for r in results if r["basis"] == FIXED and r["dataset"] == result["dataset"]]
        points = sorted((r["tokens"], r["reached"]) for r in same)
        x, y = [0.0, *(x for x, _ in points)], [0.0, *(y for _, y in points)]
        shown = {key: result[key] for key in ("dataset", "basis", "asked", "reached", "tokens")}
        compared.append({**shown, "fixed_reached": float(np.interp(result["tokens"], x, y))})
    return compared


def equal_table(results: Sequence[Result]) -> Table:
    """Promises beside fixed ratios that take as many tokens."""
    columns = (("asked", ".2f"), ("reached", ".3f"), ("tokens", ".0f"), ("fixed_reached", ".3f"))
    rows = [
        (r["dataset"], r["basis"], *(f"{r[key]:{form}}" for key, form in columns))
        for r in at_equal_tokens(results)
    ]
    headings = ("data set", "basis", "asked", "reached", "tokens", "fixed ratio")
    return text_table(headings, rows, title="At the same mean tokens", n_labels=2)


def draw(results: Sequence[Result]) -> Figure:
    """Recall reached in every data set, a panel for each recall asked, by what the promise rests on."""
    promised = [r for r in results if r["asked"] is not None and r["reached"] is not None]
    recalls = sorted({r["asked"] for r in promised})
    sets = sorted({r["dataset"] for r in promised})
    size = (3.2 * max(1, len(recalls)) + 2, 0.22 * len(sets) + 1.5)
    figure = figure_class()(figsize=size, layout="constrained")
    panels = figure.subplots(1, max(1, len(recalls)), sharey=True, squeeze=False)[0]
    for axes, recall in zip(panels, recalls, strict=False):
        for basis, (color, marker) in _MARKS.items():
            members = [r for r in promised if (r["asked"], r["basis"]) == (recall, basis)]
            places = [sets.index(r["dataset"]) for r in members]
            axes.plot([r["reached"] for r in members], places, marker, color=color, markersize=5, label=basis)
        axes.axvline(recall, color="black", linewidth=1)
        axes.set(xlabel="reached", title=f"asked {recall:g}", xlim=(0.4, 1.02))
        axes.set_yticks(range(len(sets)), sets)
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return figure


@study_command
def promises_command(
    run: Run,
    calibration: Annotated[
        Path, typer.Option("--calibration", metavar="FILE", help="What `ragcompress calibrate` wrote.")
    ],
    recall: options.Recalls = [0.9, 0.95, 0.98],  # noqa: B006 - typer copies it
    of_all: Annotated[
        bool, typer.Option("--of-all", help="Ask for the chance that all evidence is kept.")
    ] = False,
    tokens: Annotated[
        int | None, typer.Option("--tokens", metavar="N", min=1, help="As for `ragcompress calibrate`.")
    ] = None,
    cosine: Annotated[
        bool, typer.Option("--cosine", help="Compare answerability with the highest cosine of a sentence.")
    ] = False,
    store: options.Store = None,
    plot_file: options.PlotFile = None,
    probe: Annotated[str | None, plan_option("probe")] = None,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
) -> None:
    """Does a promised recall hold? On the calibration's kinds, with each kind left out, and on its own."""
    loaded = load(calibration)
    plan = Plan(scorer=loaded.scorer, probe=probe, proxy=proxy, backend=backend)
    scorer, model = make_scorer(plan, store)
    if model is None:
        raise InputError(f"the scorer {loaded.scorer!r} has no proxy, whose tokenizer counts here")
    count_all = model.tokenizer.count_all
    questions = run.read(change=lambda e: e if tokens is None else bounded(e, tokens, count_all))
    usable = [e for e in questions.examples if e.complete]
    embedder = MiniLM() if cosine else None
    with count_bar("scoring questions") as progress:
        scored: list[Scored] = []
        for example in usable:
            scored.append(score_example(example, scorer, embedder))
            progress(len(scored), len(usable))
    compressor = Compressor(scorer, counter=model.tokenizer, calibration="none")
    made = study(scored, compressor, loaded, recall, "all" if of_all else "share")
    settings = {"calibration": checksum(loaded), "recalls": recall, "of_all": of_all, "tokens": tokens}
    questions = replace(questions, examples=tuple(usable))
    results = run.carry_out(made, questions, settings)
    if results:
        out().print(equal_table(results))
    if plot_file:
        save(draw(results), plot_file)
