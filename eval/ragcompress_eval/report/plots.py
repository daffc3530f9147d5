"""Results as pictures: matplotlib figures, by name of the study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..bench.figures import figure_class
from ..bench.results import Result
from ..speed.report import costs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Picture = tuple[str, str, "Figure"]
"""Stem of its file's name, what it shows, and the figure."""

# Okabe and Ito's colors, which color-blind people tell apart; where they are used up, dashes do.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_DASHES = ("-", "--", ":", "-.")
_MARKERS = "osD^vPX*"
_TYPICAL_RATIO = 0.2


def evidence(results: Sequence[Result]) -> Iterator[Picture]:
    """Recall against the ratio kept; and, at the ratio nearest to .2, against time. A line per scorer."""
    usable = [r for r in results if r["ratio"] is not None and r["evidence_recall"] is not None]
    if not usable:
        return
    groups = _by(usable, lambda r: str(r["scorer"]))
    panels = {"evidence_recall": "evidence recall", "evidence_all": "questions with all their evidence"}
    figure = _lines(groups, ("ratio_kept", "tokens kept ÷ original"), panels)
    for axes in figure.axes:
        axes.set_xlim(left=0)
    figure.suptitle(_title(usable))
    yield "recall", "recall by ratio", figure
    nearest = min((r["ratio"] for r in usable), key=lambda ratio: abs(ratio - _TYPICAL_RATIO))
    timed = {name: [r for r in own if r["ratio"] == nearest] for name, own in groups.items()}
    figure = _lines(timed, ("seconds", "seconds a question"), {"evidence_recall": "evidence recall"})
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
        axes.barh(rows, values, xerr=_bars(used, metric), color=_COLORS[5], ecolor="#444444", capsize=2)
        axes.set(xlabel=label, xlim=(0, 1), yticks=rows, yticklabels=[_condition(r) for r in used])
        axes.grid(axis="x", alpha=0.3)
    figure.axes[0].invert_yaxis()
    figure.suptitle(_title(used))
    yield "answers", "answers", figure


def positions(results: Sequence[Result]) -> Iterator[Picture]:
    """Answer in output and F1 against where the evidence stood; before and after orders."""
    for metric, label in (("answer_in_output", "answer in output"), ("f1", "F1")):
        figure = _lines(
            _by(results, _condition),
            ("position", "position of the gold documents (0 first, 1 last)"),
            {metric: label, "place": "where the evidence stands in the context"},
        )
        figure.suptitle(_title(results))
        yield f"positions-{metric}", f"{label} by position", figure


def speed(results: Sequence[Result]) -> Iterator[Picture]:
    """Seconds against tokens in all."""
    yield "speed", "seconds by tokens", costs(results)


PICTURES: Mapping[str, Callable[[Sequence[Result]], Iterator[Picture]]] = {
    "evidence": evidence,
    "answers": answers,
    "positions": positions,
    "speed": speed,
}


def _condition(result: Result) -> str:
    """What the reader got, for people."""
    if result["context"] == "full":
        return "full"
    ratio = f"{result['ratio']:g}"
    if result["context"] == "truncated":
        return f"truncated, {ratio}"
    return f"{result['scorer']}, {result['order']}, {ratio}"


def _by(results: Sequence[Result], name: Callable[[Result], str]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(name(result), []).append(result)
    return groups


def _lines(groups: Mapping[str, Sequence[Result]], x: tuple[str, str], panels: Mapping[str, str]) -> Figure:
    """A panel per metric, in each a line with its intervals per group; a legend for all, beside them."""
    figure = figure_class()(figsize=(1 + 4.5 * len(panels), 4.6), layout="constrained")
    shown = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (metric, label) in zip(shown, panels.items(), strict=True):
        for index, (name, own) in enumerate(groups.items()):
            points = [r for r in own if r[metric] is not None and r[x[0]] is not None]
            points.sort(key=lambda r: r[x[0]])
            if points:
                values = [r[metric] for r in points]
                places = [r[x[0]] for r in points]
                axes.errorbar(places, values, yerr=_bars(points, metric), **_style(index), label=name)
        axes.set(xlabel=x[1], ylabel=label, ylim=(-0.02, 1.02))
        axes.grid(alpha=0.3)
    entries = figure.axes[0].get_legend_handles_labels()
    if entries[0]:
        figure.legend(*entries, loc="outside right upper", frameon=False, fontsize="small")
    return figure


def _bars(results: Sequence[Result], metric: str) -> tuple[list[float], list[float]] | None:
    """Lengths of the intervals below and above the values; None where there are none."""
    if not all(metric in r["ci"] for r in results):
        return None
    below = [max(0.0, r[metric] - r["ci"][metric][0]) for r in results]
    return below, [max(0.0, r["ci"][metric][1] - r[metric]) for r in results]


def _style(index: int) -> dict[str, Any]:
    n = len(_COLORS)
    color, dash = _COLORS[index % n], _DASHES[index // n % len(_DASHES)]
    marker = {"marker": _MARKERS[index % len(_MARKERS)], "markersize": 5}
    return {"color": color, "linestyle": dash, **marker, "capsize": 2, "elinewidth": 0.8, "linewidth": 1.4}


def _title(results: Sequence[Result]) -> str:
    sizes = sorted({r["n"] for r in results})
    n = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"{results[0]['dataset']}, n = {n}" if results else ""
