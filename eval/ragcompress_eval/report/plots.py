"""Results as pictures: matplotlib figures, written as PNG."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragcompress.files import write_whole

from ..speed.report import figure_class

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Result = Mapping[str, Any]

# Okabe and Ito's colours, which colour-blind people tell apart; where they are used up, dashes do.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_DASHES = ("-", "--", ":", "-.")
_MARKERS = "osD^vPX*"


def recall_by_ratio(results: Sequence[Result]) -> Figure:
    """Evidence recall and all-evidence against the ratio kept, of one data set; a line per scorer."""
    figure = figure_class()(figsize=(10, 4.6), layout="constrained")
    panels = (("evidence_recall", "evidence recall"), ("evidence_all", "questions with all their evidence"))
    names = _names(results, "scorer")
    for axes, (metric, label) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        for index, name in enumerate(names):
            own = [r for r in results if r["scorer"] == name]
            _line(axes, own, "ratio_kept", metric, name, index)
        axes.set(xlabel="tokens kept ÷ original", ylabel=label, ylim=(-0.02, 1.02))
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    _legend(figure)
    figure.suptitle(_title(results))
    return figure


def recall_by_time(results: Sequence[Result]) -> Figure:
    """Evidence recall against milliseconds a question, of one data set at one ratio; a point per scorer."""
    figure = figure_class()(figsize=(7, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for index, name in enumerate(_names(results, "scorer")):
        own = [r for r in results if r["scorer"] == name]
        points = [(1000 * r["seconds"], r) for r in own]
        x, y = [p for p, _ in points], [r["evidence_recall"] for _, r in points]
        axes.errorbar(
            x, y, yerr=_bars(own, "evidence_recall"), **_look(index) | {"linestyle": ""}, label=name
        )
    axes.set(xscale="log", xlabel="milliseconds a question", ylabel="evidence recall", ylim=(-0.02, 1.02))
    axes.grid(which="both", alpha=0.3)
    _legend(figure)
    figure.suptitle(f"{_title(results)}, {results[0]['ratio']:g} of the tokens")
    return figure


def by_position(results: Sequence[Result], metric: str, label: str) -> Figure:
    """A metric of the reader against where the evidence stood, of one data set; before and after orders."""
    figure = figure_class()(figsize=(10, 4.6), layout="constrained")
    panels = ((metric, label), ("place", "where the evidence stands in the context"))
    names = list(dict.fromkeys(condition(r) for r in results))
    for axes, (key, text) in zip(figure.subplots(1, 2), panels, strict=True):
        for index, name in enumerate(names):
            own = [r for r in results if condition(r) == name]
            _line(axes, own, "position", key, name, index)
        axes.set(xlabel="position of the gold documents (0 first, 1 last)", ylabel=text, ylim=(-0.02, 1.02))
        axes.grid(alpha=0.3)
    _legend(figure)
    figure.suptitle(_title(results))
    return figure


def answers(results: Sequence[Result]) -> Figure:
    """F1, exact match and answer in output of every condition, of one data set."""
    metrics = (("f1", "F1"), ("em", "exact match"), ("answer_in_output", "answer in output"))
    used = [r for r in results if r["n"]]
    figure = figure_class()(figsize=(10, 1.2 + 0.35 * len(used)), layout="constrained")
    rows = list(range(len(used)))
    for axes, (metric, label) in zip(figure.subplots(1, 3, sharey=True), metrics, strict=True):
        values = [r[metric] for r in used]
        axes.barh(rows, values, xerr=_bars(used, metric), color=_COLOURS[5], ecolor="#444444", capsize=2)
        axes.set(xlabel=label, xlim=(0, 1), yticks=rows, yticklabels=[condition(r) for r in used])
        axes.grid(axis="x", alpha=0.3)
    figure.axes[0].invert_yaxis()
    figure.suptitle(_title(used))
    return figure


def condition(result: Result) -> str:
    """What the reader got, for people."""
    if result["context"] == "full":
        return "full"
    ratio = f"{result['ratio']:g}"
    if result["context"] == "truncated":
        return f"truncated, {ratio}"
    return f"{result['scorer']}, {result['order']}, {ratio}"


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        DataError: if the file can't be written.
    """
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    write_whole(path, image.getvalue())


def _line(axes: Axes, results: Sequence[Result], x: str, y: str, name: str, index: int) -> None:
    """A line with its intervals; results without a value are left out."""
    points = sorted((r for r in results if r[y] is not None and r[x] is not None), key=lambda r: r[x])
    if not points:
        return
    values = [r[y] for r in points]
    axes.errorbar([r[x] for r in points], values, yerr=_bars(points, y), **_look(index), label=name)


def _bars(results: Sequence[Result], metric: str) -> tuple[list[float], list[float]] | None:
    """Lengths of the intervals below and above the values; None where there are none."""
    if not all(metric in r["ci"] for r in results):
        return None
    below = [max(0.0, r[metric] - r["ci"][metric][0]) for r in results]
    return below, [max(0.0, r["ci"][metric][1] - r[metric]) for r in results]


def _look(index: int) -> dict[str, Any]:
    n = len(_COLOURS)
    return {
        "color": _COLOURS[index % n],
        "linestyle": _DASHES[index // n % len(_DASHES)],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markersize": 5,
        "capsize": 2,
        "elinewidth": 0.8,
        "linewidth": 1.4,
    }


def _legend(figure: Figure) -> None:
    """One legend for all panels, beside them."""
    found = figure.axes[0].get_legend_handles_labels()
    if found[0]:
        figure.legend(*found, loc="outside right upper", frameon=False, fontsize="small")


def _names(results: Iterable[Result], key: str) -> list[str]:
    return list(dict.fromkeys(r[key] for r in results))


def _title(results: Sequence[Result]) -> str:
    sizes = sorted({r["n"] for r in results})
    n = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"{results[0]['dataset']}, n = {n}" if results else ""
