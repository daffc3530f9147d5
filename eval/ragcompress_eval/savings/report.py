"""Whether it pays, as tables for people and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ..bench.plots import group, lines
from ..bench.summary import describe, lay_out, text_table
from .prices import QUESTIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ABOUT = describe(
    "savings",
    "Does it pay?",
    ("reader", "tokens"),
    {
        "tokens_after": ("kept", ",d"),
        "seconds_full": ("all", ".2f"),
        "seconds_left": ("what is left", ".2f"),
        "seconds_compress": ("compression", ".2f"),
        "times_faster": ("times faster", ".2f"),
    },
    higher=["times_faster"],
)

Rows = Sequence[Mapping[str, Any]]


def readers_table(rows: Rows) -> Table:
    """Time to the first token of each reader and size."""
    caption = "seconds, median: to the first token of all and of what is left, and compression before that"
    return lay_out(ABOUT, rows, caption=caption)


def break_even_table(rows: Rows) -> Table:
    """From which reader on it pays."""
    cells = [(f"{r['tokens']:,}", f"{r['tokens_per_second']:,.0f}") for r in rows]
    headings = ("tokens", "pays for readers below, tokens/s")
    return text_table(headings, cells, caption="a reader's speed in reading its prompt", n_labels=0)


def prices_table(rows: Rows, date: str) -> Table:
    """Cost and time to the first token of models behind an API."""
    headings = ("model", "tokens", "dollars, all", "compressed", "of it cores", "ms, all", "compressed")
    dollars = ("dollars_full", "dollars_compressed", "dollars_cores")
    waits = ("milliseconds_full", "milliseconds_compressed")
    cells = [
        (r["name"], f"{r['tokens']:,}", *(f"{r[k]:.3f}" for k in dollars), *(f"{r[k]:,.0f}" for k in waits))
        for r in rows
    ]
    caption = f"dollars for {QUESTIONS:,} questions, input only; prices: {date}"
    return text_table(headings, cells, caption=caption)


def times_faster(rows: Rows) -> Figure:
    """Draw times faster against tokens retrieved, a line per reader; below 1 it does not pay.

    Raises:
        MissingExtra: if matplotlib isn't installed.
    """
    x, panels = ("tokens", "tokens retrieved"), {"times_faster": "times faster to the first token"}
    figure = lines(group(rows, lambda r: str(r["reader"])), x, panels, log=True)
    (axes,) = figure.axes
    axes.axhline(1, color="black", linewidth=1, linestyle="--")
    sizes = sorted({r["tokens"] for r in rows})
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axes.set_yscale("linear")
    axes.minorticks_off()
    return figure
