"""What compressing costs, as a table for people and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ..bench.plots import group, lines
from ..bench.summary import describe, lay_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ABOUT = describe(
    "speed",
    "What does it cost?",
    ("passages", "tokens", "contestant"),
    {
        "n_tokens": ("in all", ",d"),
        "seconds": ("seconds", ".3f"),
        "versus_reference": ("× first", ".3f"),
        "tokens_per_second": ("tokens/s", ",.0f"),
        "seconds_cold": ("cold", ".2f"),
        "peak_mebibytes": ("peak MiB", ",.0f"),
    },
    lower=["seconds"],
)


def table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out results of ``speed.summarize``. To be printed on a console that reads no markup."""
    caption = (
        f"seconds: median of the runs, wall time [low, high]; × first: {results[0]['contestant']} is 1\n"
        "cold: loading and the first run, seconds; peak: memory resident, of a process of its own"
    )
    return lay_out(ABOUT, results, caption=caption)


def reasons(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each contestant and reason why it was skipped: contestant, sizes, reason."""
    sizes_of: dict[tuple[str, str], list[str]] = {}
    for r in results:
        if r["skipped"] is not None:
            size = f"{r['passages']} × {r['tokens']}"
            sizes_of.setdefault((r["contestant"], r["skipped"]), []).append(size)
    return [f"skipped: {name} ({', '.join(sizes)}): {reason}" for (name, reason), sizes in sizes_of.items()]


def growth(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each contestant and pair of neighboring sizes: the powers that time and memory grow with.

    Sizes are neighbors where only the number of passages differs, or only their tokens.
    """
    measured = [r for r in results if r["seconds"]]
    lines = []
    for grows, same in (("passages", "tokens"), ("tokens", "passages")):
        ranked = sorted(measured, key=lambda r: r[grows])
        for name, value in dict.fromkeys((r["contestant"], r[same]) for r in measured):
            alike = [r for r in ranked if (r["contestant"], r[same]) == (name, value)]
            for small, large in pairwise(alike):
                time, memory = (_power(small, large, grows, what) for what in ("seconds", "peak_bytes"))
                lines.append(
                    f"{name}, {small[grows]:,} to {large[grows]:,} {grows} ({value:,} {same}): "
                    f"time grows with the power {time:.2f}, memory with {memory:.2f}"
                )
    return lines


def _power(small: Mapping[str, Any], large: Mapping[str, Any], grows: str, what: str) -> float:
    return log(large[what] / small[what]) / log(large[grows] / small[grows])


def costs(results: Sequence[Mapping[str, Any]]) -> Figure:
    """Seconds and memory against tokens in all, on logarithmic scales, a line per contestant.

    Raises:
        MissingExtra: if matplotlib isn't installed.
    """
    panels = {"seconds": "seconds, median", "peak_mebibytes": "peak memory, MiB"}
    by_name = group(results, lambda r: str(r["contestant"]))
    return lines(by_name, ("n_tokens", "tokens in all"), panels, log=True)
