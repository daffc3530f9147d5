"""``ragcompress explain``: in the terminal, why each sentence was kept or dropped."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .cli_console import count_bar, one_line, out
from .context import CompressedContext
from .data import Document
from .pipeline import Compressor
from .report.markup import place, scale, summary
from .report.payload import STATES
from .scorers._attribution import Attribution
from .scorers.passage_probe import Scorer

# Backgrounds by score, kept and dropped told apart by more than colour: dropped sentences are dim.
_SHADES = ("default", "color(17)", "color(18)", "color(19)", "color(20)", "color(26)", "color(32)")
_N_HEADS = 8
_BLOCKS = "▁▂▃▄▅▆▇█"


def attribution(compressor: Compressor, context: CompressedContext, rank: int) -> Attribution:
    """What carried the decision about the sentence of a rank, counted from 1.

    Raises:
        typer.BadParameter: if there is no such rank, or the scorer has no heads to tell of.
    """
    ranking = context.scores.ranking()
    if not isinstance(compressor.scorer, Scorer):
        raise typer.BadParameter(f"--heads is for the scorer {Scorer.name}, not for {context.scores.scorer}")
    if rank > len(ranking):
        raise typer.BadParameter(f"--heads {rank}: there are {len(ranking)} sentences")
    with count_bar("reading passages") as progress:
        return compressor.scorer.attribute(
            context.question, context.segmentation, ranking[rank - 1], progress=progress
        )


def record(context: CompressedContext, heads: Attribution | None) -> str:
    """The JSON of ``compress`` with a ranking of all sentences, each with its state, and the heads."""
    ranking = [
        {
            "rank": rank,
            "sentence": i,
            "score": float(context.scores.values[i]),
            "kept": i not in context.selection.dropped,
            "reason": context.selection.dropped.get(i),
            "text": context.segmentation.sentences[i].text,
        }
        for rank, i in enumerate(context.scores.ranking(), 1)
    ]
    found: dict[str, Any] = context.to_dict() | {"ranking": ranking}
    if heads is not None:
        found["heads"] = heads.to_dict()
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def show(context: CompressedContext, top: int, heads: Attribution | None) -> None:
    """Write the explanation to stdout."""
    console = out()
    console.print(Text.assemble(("Question  ", "bold"), one_line(context.question)), "", sep="\n")
    _documents(console, context)
    _ranking(console, context, top)
    if heads is not None:
        _heads(console, context, heads)
    console.print("", Text(summary(context)), sep="\n")


def _documents(console: Console, context: CompressedContext) -> None:
    """The documents, shaded by score, kept ones clear; without colours, a sign before each sentence."""
    coloured = console.color_system is not None and not console.no_color
    levels, _ = scale(context.scores)
    for position, document in enumerate(context.segmentation.documents):
        own = [i for i, s in enumerate(context.segmentation.sentences) if s.document == position]
        n_kept = sum(i not in context.selection.dropped for i in own)
        title = one_line(document.title or document.source or f"Document {position + 1}")
        console.print(Text.assemble((title, "bold underline"), (f"  {n_kept} of {len(own)} kept", "dim")))
        console.print(
            _shaded(context, document, own, levels) if coloured else _signed(context, own), "", sep="\n"
        )


def _shaded(context: CompressedContext, document: Document, own: list[int], levels: list[int]) -> Text:
    text = Text(document.text)
    for i in own:
        s = context.segmentation.sentences[i]
        dropped = i in context.selection.dropped
        colour = _SHADES[levels[i]]
        background = "" if colour == "default" else f" on {colour}"
        front = ("color(250)" if background else "dim") if dropped else "bold underline"
        front += " color(255)" if background and not dropped else ""
        text.stylize(front + background, s.start_char, s.end_char)
    text.rstrip()
    # Equally long, so that the styles stay where they are, but nothing in it steers the terminal.
    text.plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text.plain)
    return text


def _signed(context: CompressedContext, own: list[int]) -> Text:
    lines = []
    for i in own:
        sign = "-" if i in context.selection.dropped else "+"
        lines.append(
            f"{sign} {context.scores.values[i]:.3f}  {one_line(context.segmentation.sentences[i].text)}"
        )
    return Text("\n".join(lines))


def _ranking(console: Console, context: CompressedContext, top: int) -> None:
    """The best sentences, with what became of them and why."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    for name, ratio in (("sentence", 6), ("", 3), ("source", 3)):
        table.add_column(name, ratio=ratio if console.is_terminal else None, overflow="fold")
    for rank, i in enumerate(context.scores.ranking()[:top], 1):
        reason = context.selection.dropped.get(i)
        table.add_row(
            str(rank),
            f"{context.scores.values[i]:.3f}",
            Text(one_line(context.segmentation.sentences[i].text)),
            Text(STATES[reason or "kept"][1], style="" if reason else "bold green"),
            Text(one_line(place(context, i)), style="dim"),
            style="dim" if reason else "",
        )
    console.print(table)


def _heads(console: Console, context: CompressedContext, found: Attribution) -> None:
    """Which layers and heads carried the first stage, and what the second stage made of it."""
    rank = context.scores.ranking().index(found.sentence) + 1
    text = one_line(context.segmentation.sentences[found.sentence].text)
    total = found.logit - found.mean_logit
    console.print(
        Text.assemble(("What carried the decision ", "bold"), f"about rank {rank}: {text}"),
        "",
        f"First stage (linear, exact): logit {found.logit:+.2f}, {total:+.2f} above the mean sentence:",
        "",
        sep="\n",
    )
    for name, value in found.kinds.items():
        console.print(f"  {value:+7.2f}  {_KINDS[name]}")
    layers = found.heads.sum((0, 2))
    console.print("", f"By layer, 0 to {len(layers) - 1}, for and against:", sep="\n")
    for sign, label in ((1, "for    "), (-1, "against")):
        console.print(f"  {label}  {_spark(np.maximum(sign * layers, 0), float(np.abs(layers).max()))}")
    console.print("", f"The {_N_HEADS} strongest of {found.heads.size} heads:", sep="\n")
    for row, layer, head, value in found.strongest(_N_HEADS):
        console.print(f"  {value:+7.2f}  layer {layer}, head {head}, row {row}")
    console.print(
        "",
        f"Second stage (a small network, not additive): final logit {found.final_logit:+.2f}, "
        f"probability {found.probability:.3f}.",
        "How far the logit falls when one feature is set to its mean over all sentences:",
        "",
        sep="\n",
    )
    for name, (value, change) in sorted(found.context.items(), key=lambda item: -abs(item[1][1]))[:6]:
        console.print(f"  {change:+7.2f}  {name} = {value:.2f}")


_KINDS = {
    "log_share": "from this sentence's share of the attention on its passage, per token",
    "log_mass": "from the attention on the whole passage",
    "centred_log_mass": "from the attention on the passage, compared with the other passages",
}


def _spark(values: Any, top: float) -> str:
    return "".join(" " if v <= 0 else _BLOCKS[min(7, int(8 * v / top))] for v in values)
