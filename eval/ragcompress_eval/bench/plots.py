"""Plots by matplotlib, where it is installed, and as files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragcompress import MissingExtra
from ragcompress.files import write_whole

from .results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colors, which color-blind people tell apart; where they are used up, dashes do.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_DASHES = ("-", "--", ":", "-.")
_MARKERS = "osD^vPX*"


def figure_class() -> type[Figure]:
    """Import matplotlib; ask before anything is measured, so that nothing is measured in vain.

    Raises:
        MissingExtra: if it isn't installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("the plot", "eval") from error
    return Figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        DataError: if the file can't be written.
    """
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    write_whole(path, image.getvalue())


def group(results: Sequence[Result], name: Callable[[Result], str]) -> dict[str, list[Result]]:
    """Results by the name of their line, in the order of their first ones."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(name(result), []).append(result)
    return groups


def lines(
    groups: Mapping[str, Sequence[Result]],
    x: tuple[str, str],
    panels: Mapping[str, str],
    *,
    log: bool = False,
) -> Figure:
    """A panel per metric, in each a line with its intervals per group; a legend for all, beside them.

    Args:
        x, panels: keys of the results, each with its label.
        log: whether both scales are logarithmic; else y is a share.

    Raises:
        MissingExtra: if matplotlib isn't installed.
    """
    figure = figure_class()(figsize=(1 + 4.5 * len(panels), 4.6), layout="constrained")
    shown = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (metric, label) in zip(shown, panels.items(), strict=True):
        for index, (name, members) in enumerate(groups.items()):
            points = [r for r in members if r[metric] is not None and r[x[0]] is not None]
            points.sort(key=lambda r: r[x[0]])
            if points:
                places, values = ([r[key] for r in points] for key in (x[0], metric))
                axes.errorbar(places, values, yerr=bars(points, metric), **_style(index), label=name)
        axes.set(xlabel=x[1], ylabel=label)
        axes.set(**({"xscale": "log", "yscale": "log"} if log else {"ylim": (-0.02, 1.02)}))
        axes.grid(which="both", alpha=0.3)
    if (entries := figure.axes[0].get_legend_handles_labels())[0]:
        figure.legend(*entries, loc="outside right upper", frameon=False, fontsize="small")
    return figure


def bars(results: Sequence[Result], metric: str) -> tuple[list[float], list[float]] | None:
    """Lengths of the intervals below and above the values; None where there are none."""
    if not all(metric in r.get("ci", ()) for r in results):
        return None
    below = [max(0.0, r[metric] - r["ci"][metric][0]) for r in results]
    return below, [max(0.0, r["ci"][metric][1] - r[metric]) for r in results]


def _style(index: int) -> dict[str, Any]:
    n = len(COLORS)
    color, dash = COLORS[index % n], _DASHES[index // n % len(_DASHES)]
    marker = {"marker": _MARKERS[index % len(_MARKERS)], "markersize": 5}
    return {"color": color, "linestyle": dash, **marker, "capsize": 2, "elinewidth": 0.8, "linewidth": 1.4}
