"""Results as pictures: matplotlib figures, by name of the study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..bench.plots import COLORS, bars, figure_class, group, lines
from ..bench.results import Result
from ..speed.report import costs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Picture = tuple[str, str, "Figure"]
"""Stem of its file's name, what it shows, and the figure."""

_TYPICAL_RATIO = 0.2


def evidence(results: Sequence[Result]) -> Iterator[Picture]:
    """Recall against the ratio kept; and, at the ratio nearest to .2, against time. A line per scorer."""
    usable = [r for r in results if r["ratio"] is not None and r["evidence_recall"] is not None]
    if not usable:
        return
    groups = group(usable, lambda r: str(r["scorer"]))
    panels = {"evidence_recall": "evidence recall", "evidence_all": "questions with all their evidence"}
    figure = lines(groups, ("ratio_kept", "tokens kept ÷ original"), panels)
    for axes in figure.axes:
        axes.set_xlim(left=0)
    figure.suptitle(_title(usable))
    yield "recall", "recall by ratio", figure
    nearest = min((r["ratio"] for r in usable), key=lambda ratio: abs(ratio - _TYPICAL_RATIO))
    timed = {name: [r for r in members if r["ratio"] == nearest] for name, members in groups.items()}
    figure = lines(timed, ("seconds", "seconds a question"), {"evidence_recall": "evidence recall"})
    figure.axes[0].set(xscale="log")
    figure.suptitle(f"{_title(usable)}, {nearest:g} of the tokens")
    yield "time", "recall by time", figure


def answers(results: Sequence[Result]) -> Iterator[Picture]:
    """F1, exact match and answer in output of every condition."""
    metrics = {"f1": "F1", "em": "exact match", "answer_in_output": "answer in output"}
    used = [r for r in results if r["n"]]
    if not used:
        return
    figure = figure_class()(figsize=(10, 1.2 + 0.35 * len(used)), layout="constrained")
    rows = list(range(len(used)))
    for axes, (metric, label) in zip(figure.subplots(1, 3, sharey=True), metrics.items(), strict=True):
        values = [r[metric] for r in used]
        axes.barh(rows, values, xerr=bars(used, metric), color=COLORS[5], ecolor="#444444", capsize=2)
        axes.set(xlabel=label, xlim=(0, 1), yticks=rows, yticklabels=[_condition(r) for r in used])
        axes.grid(axis="x", alpha=0.3)
    figure.axes[0].invert_yaxis()
    figure.suptitle(_title(used))
    yield "answers", "answers", figure


def positions(results: Sequence[Result]) -> Iterator[Picture]:
    """Answer in output and F1 against where the evidence stood; before and after orders."""
    for metric, label in (("answer_in_output", "answer in output"), ("f1", "F1")):
        figure = lines(
            group(results, _condition),
            ("position", "position of the gold documents (0 first, 1 last)"),
            {metric: label, "place": "where the evidence stands in the context"},
        )
        figure.suptitle(_title(results))
        yield f"positions-{metric}", f"{label} by position", figure


PICTURES: Mapping[str, Callable[[Sequence[Result]], Iterator[Picture]]] = {
    "evidence": evidence,
    "answers": answers,
    "positions": positions,
    "speed": lambda results: iter([("speed", "seconds by tokens", costs(results))]),
}


def _condition(result: Result) -> str:
    """What the reader got, for people."""
    if result["context"] == "full":
        return "full"
    ratio = f"{result['ratio']:g}"
    if result["context"] == "truncated":
        return f"truncated, {ratio}"
    return f"{result['scorer']}, {result['order']}, {ratio}"


def _title(results: Sequence[Result]) -> str:
    sizes = sorted({r["n"] for r in results})
    n = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"{results[0]['dataset']}, n = {n}" if results else ""
