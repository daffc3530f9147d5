"""What compressing costs, as a table for people and as a plot."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from ragcompress import MissingExtra
from ragcompress.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEBIBYTE = 1 << 20
_HEADINGS = ("passages", "tokens each", "in all")


def table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out results of ``speed.summarise``. To be printed on a console that reads no markup."""
    reference = results[0]["contestant"]
    caption = (
        f"seconds: median of the runs, wall time; × {reference}: that of {reference} at the same size is 1\n"
        "cold: loading and the first run, seconds; peak: memory resident, of a process of its own"
    )
    result = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for heading in _HEADINGS:
        result.add_column(heading, justify="right")
    result.add_column("contestant", no_wrap=True)
    figures = ("seconds", "[low, high]", f"× {reference}", "tokens/s", "cold", "peak MiB")
    for heading in figures:
        result.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for r in results:
        size = (r["passages"], r["tokens"], r["n_tokens"])
        if previous not in (None, size):
            result.add_section()
        previous = size
        result.add_row(*map(str, size), r["contestant"], *_cells(r))
    return result


def reasons(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each contestant and reason why it was skipped: contestant, sizes, reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for r in results:
        if r["skipped"] is not None:
            size = f"{r['passages']} × {r['tokens']}"
            found.setdefault((r["contestant"], r["skipped"]), []).append(size)
    return [f"skipped: {name} ({', '.join(sizes)}): {reason}" for (name, reason), sizes in found.items()]


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


def plot(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw seconds against tokens in all, both on logarithmic scales, a line per contestant, as PNG.

    Raises:
        MissingExtra: if matplotlib isn't installed.
        DataError: if the file can't be written.
    """
    figure = figure_class()(figsize=(8, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for name in dict.fromkeys(r["contestant"] for r in results):
        points = sorted(
            (r["n_tokens"], r["seconds"]) for r in results if r["contestant"] == name and r["seconds"]
        )
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="tokens in all", ylabel="seconds, median")
    axes.grid(which="both", alpha=0.3)
    if axes.lines:
        axes.legend()
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    write_whole(path, image.getvalue())


def _cells(result: Mapping[str, Any]) -> tuple[str, ...]:
    if result["skipped"] is not None:
        return ("skipped",)
    ratio = result["versus_reference"]
    return (
        f"{result['seconds']:.3f}",
        f"[{min(result['seconds_runs']):.3f}, {max(result['seconds_runs']):.3f}]",
        "–" if ratio is None else f"{ratio:.3f}",
        f"{result['tokens_per_second']:,.0f}",
        f"{result['seconds_load'] + result['seconds_first']:.2f}",
        f"{result['peak_bytes'] / _MEBIBYTE:,.0f}",
    )
