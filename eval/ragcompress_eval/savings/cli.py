"""``ragcompress-eval savings``: its options, tables and plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ragcompress import Compressor, InputError, load_proxy, scorers
from ragcompress.cli.console import note, out, phase_bar
from ragcompress.cli.options import ProxyName, ScorerName
from ragcompress.proxy.loading import DEFAULT_PROXY

from ..bench.options import Ratio, find_model
from ..bench.plots import group, lines
from ..bench.runner import study_command
from ..bench.summary import describe, lay_out, text_table
from ..speed.options import Runs, Timing
from . import measure
from .prices import EXAMPLES, QUESTIONS, bills, load_prices
from .readers import PRECISIONS, SHAPES, RandomReader, ServedReader

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


def _is_url(value: str) -> bool:
    return value.startswith(("http://", "https://"))


def _check_readers(values: list[str]) -> list[str]:
    for value in values:
        if _is_url(value):
            continue
        name, _, precision = value.partition(":")
        if name not in SHAPES or precision not in ("", *PRECISIONS):
            known = f"{', '.join(SHAPES)}, each also with :{' or :'.join(PRECISIONS)}, or a server's URL"
            raise typer.BadParameter(f"{value!r} is none of: {known}")
    return list(dict.fromkeys(values))


Readers = Annotated[
    list[str],
    typer.Option(
        "--reader",
        callback=_check_readers,
        metavar="SHAPE[:PRECISION]|URL",
        help=f"{', '.join(SHAPES)}, in {' or '.join(PRECISIONS)} (the first, if none is named); or a server "
        "that speaks OpenAI's chat completions.",
    ),
]
PricesFile = Annotated[
    Path | None,
    typer.Option("--prices", metavar="FILE", help="Your own prices (JSON); without: three examples."),
]
Sizes = Annotated[list[int], typer.Option(min=1, metavar="N", help="Tokens retrieved, in all.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is measured; a group of options."""

    reader: Readers = field(default_factory=lambda: ["0.5B", "1.5B"])
    model: Annotated[str, typer.Option(metavar="NAME", help="What such a server calls its model.")] = "reader"
    tokens: Sizes = field(default_factory=lambda: [300, 1000, 3000])
    passage_tokens: Annotated[int, typer.Option(min=1, metavar="N", help="Tokens of a passage.")] = 110
    ratio: Ratio = 0.2
    runs: Runs = 3
    scorer: ScorerName = scorers.DEFAULT
    proxy: ProxyName = DEFAULT_PROXY
    prices: PricesFile = None


@study_command
def savings_command(options: Measured, timing: Timing) -> None:
    """Does it pay? Time to the first token with and without, for readers on this machine; an API's bill."""
    table = load_prices(options.prices) if options.prices else EXAMPLES
    source, read = timing.read()
    find_model(options.proxy)
    model = load_proxy(options.proxy, reuse_bytes=0)
    compressor = Compressor(scorers.make(options.scorer, proxy=lambda: model), counter=model.tokenizer)
    contexts = measure.contexts(
        compressor,
        model.tokenizer,
        source,
        dict.fromkeys(options.tokens),
        passage_tokens=options.passage_tokens,
        ratio=options.ratio,
    )
    compression = measure.compression(compressor, contexts, runs=options.runs)
    rows = _read(options, compressor, contexts)
    needed, billed = measure.break_even_speed(compression), bills(table, compression)
    settings = asdict(options) | {"prices": table.date, "seed": timing.seed, **model.info.settings()}
    parts = {"compression": compression, "break_even": needed, "prices": billed}
    timing.write(rows, times_faster, about=ABOUT, settings=settings, files=read, **parts)
    if rows:
        out().print(readers_table(rows))
    out().print(break_even_table(needed))
    out().print(prices_table(billed, table.date))


def _read(
    options: Measured, compressor: Compressor, contexts: Sequence[measure.Context]
) -> list[dict[str, Any]]:
    """Time each reader on each size; one that does not fit into memory is left out, and said."""
    rows: list[dict[str, Any]] = []
    with phase_bar() as advance:
        for name in options.reader:
            try:
                reader = _reader(name, options.model)
            except InputError as error:
                note(f"left out: reader {name}: {error}")
                continue
            for number, context in enumerate(contexts):
                advance(name, number, len(contexts))
                rows.append(
                    {"reader": name, **measure.time_reader(reader, compressor, context, runs=options.runs)}
                )
            del reader  # before the next is made
    return rows


def _reader(name: str, model: str) -> measure.Reader:
    if _is_url(name):
        return ServedReader(name, model)
    shape, _, precision = name.partition(":")
    return RandomReader(SHAPES[shape], precision or PRECISIONS[0])


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
