"""``ragcompress explain``: in the terminal, why each sentence was kept or dropped."""

from __future__ import annotations

import json
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..budget import Budget
from ..compressor import Compressor
from ..context import CompressedContext
from ..data import Document
from ..plan import Plan
from ..report.markup import scale, summary
from ..report.payload import STATES
from ..scorers import Attributable
from ..scorers.passage_probe.attribution import Attribution
from .console import count_bar, emit, note, one_line, out
from .feature_words import describe
from .options import Output, ReportFormat, check_apart, check_question, load_compressor, plan_options
from .streams import stdin_for

# Backgrounds by score, kept and dropped distinguished by more than color: dropped sentences are dim.
_SHADES = ("default", "color(17)", "color(18)", "color(19)", "color(20)", "color(26)", "color(32)")
_N_HEADS = 8
_BLOCKS = "▁▂▃▄▅▆▇█"


@plan_options()
def explain(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the reader will be asked.")],
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="As for compress.")],
    *,
    plan: Plan,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Sentences in the ranking.")] = 10,
    heads: Annotated[
        int | None,
        typer.Option(
            "--heads",
            metavar="RANK",
            min=1,
            help="Which layers and heads carried the decision about the sentence of this rank.",
        ),
    ] = None,
    format: Annotated[
        ReportFormat, typer.Option("--format", help="For the terminal, or JSON with a reason for every drop.")
    ] = ReportFormat.text,
    output: Output = None,
) -> None:
    """Show why each sentence is kept or dropped.

    Prints the documents, shaded by score, and the best sentences with rank, score and what became of them;
    with --heads, also what in the small model's attention decided. compress --html shows the same as a page.
    """
    from ..documents.reading import read_documents

    check_question(question)
    if output is not None and format is not ReportFormat.json:
        raise typer.BadParameter("--output is for --format json")
    check_apart(paths, {"--output": output})
    documents = read_documents(paths, stdin=stdin_for(paths), note=note, max_seconds=plan.timeout)
    compressor = load_compressor(plan)
    with count_bar("reading passages") as progress:
        context = compressor(question, documents, progress=progress)
        if context.passthrough and plan.on_error == "raise":  # too short for the budget, yet to be explained
            context = compressor(question, documents, budget=Budget(ratio=1), progress=progress)
    decision = None if heads is None else attribution(compressor, context, heads)
    if format is ReportFormat.json:
        emit(record(context, decision), output)
    else:
        show(context, top, decision)


def attribution(compressor: Compressor, context: CompressedContext, rank: int) -> Attribution:
    """What carried the decision about the sentence of a rank, counted from 1.

    Raises:
        typer.BadParameter: if there is no such rank, or the scorer has no heads to tell of.
    """
    ranking = context.scores.ranking()
    if not isinstance(compressor.scorer, Attributable):
        raise typer.BadParameter(f"--heads: the scorer {context.scores.scorer} reads no attention")
    if rank > len(ranking):
        raise typer.BadParameter(f"--heads {rank}: there are {len(ranking)} sentences")
    with count_bar("reading passages") as progress:
        decision: Attribution = compressor.scorer.attribute(
            context.question, context.segmentation, ranking[rank - 1], progress=progress
        )
    return decision


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
    content: dict[str, Any] = context.to_dict() | {"ranking": ranking}
    if heads is not None:
        content["heads"] = heads.to_dict()
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def show(context: CompressedContext, top: int, heads: Attribution | None) -> None:
    """Write the explanation to stdout."""
    console = out()
    console.print(Text.assemble(("Question  ", "bold"), one_line(context.question)))
    console.print(_legend(console), "", sep="\n")
    _documents(console, context)
    _print_ranking(console, context, top)
    if heads is not None:
        _heads(console, context, heads)
    console.print("", Text(summary(context)), sep="\n")


def _has_colors(console: Console) -> bool:
    return console.color_system is not None and not console.no_color


def _legend(console: Console) -> Text:
    if not _has_colors(console):
        return Text("Sentences  + kept, - dropped, each with its score")
    shades = [(" " * 3, "" if s == "default" else f"on {s}") for s in _SHADES]
    return Text.assemble(
        ("Sentences ", "bold"), ("kept", "bold underline"), ", ", ("dropped", "dim"), ", score ", *shades
    )


def _documents(console: Console, context: CompressedContext) -> None:
    """The documents, shaded by score, kept ones clear; without colors, a sign before each sentence."""
    levels, _ = scale(context.scores)
    for position, document in enumerate(context.segmentation.documents):
        members = [i for i, s in enumerate(context.segmentation.sentences) if s.document == position]
        n_kept = sum(i not in context.selection.dropped for i in members)
        title = one_line(document.title or document.source or f"Document {position + 1}")
        console.print(Text.assemble((title, "bold underline"), (f"  {n_kept} of {len(members)} kept", "dim")))
        shown = (
            _with_shades(context, document, members, levels)
            if _has_colors(console)
            else _with_signs(context, members)
        )
        console.print(shown, "", sep="\n")


def _with_shades(
    context: CompressedContext, document: Document, members: list[int], levels: list[int]
) -> Text:
    text = Text(document.text)
    for i in members:
        s = context.segmentation.sentences[i]
        dropped = i in context.selection.dropped
        color = _SHADES[levels[i]]
        background = "" if color == "default" else f" on {color}"
        front = ("color(250)" if background else "dim") if dropped else "bold underline"
        front += " color(255)" if background and not dropped else ""
        text.stylize(front + background, s.start_char, s.end_char)
    text.rstrip()
    # Equally long, so that the styles stay where they are, but nothing in it steers the terminal.
    text.plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text.plain)
    return text


def _with_signs(context: CompressedContext, members: list[int]) -> Text:
    lines = []
    for i in members:
        sign = "-" if i in context.selection.dropped else "+"
        lines.append(
            f"{sign} {context.scores.values[i]:.3f}  {one_line(context.segmentation.sentences[i].text)}"
        )
    return Text("\n".join(lines))


def _print_ranking(console: Console, context: CompressedContext, top: int) -> None:
    """The best sentences and what became of them; the best that was dropped among them, whatever its rank."""
    ranking, dropped = context.scores.ranking(), context.selection.dropped
    shown = list(enumerate(ranking, 1))[:top]
    if not any(i in dropped for _, i in shown):
        shown += [(rank, i) for rank, i in enumerate(ranking, 1) if i in dropped][:1]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("rank", "score", "", "sentence, source", style="bold")
    for rank, i in shown:
        reason = dropped.get(i)
        sentence = Text(one_line(context.segmentation.sentences[i].text))
        source = Text(one_line(context.cite(i)), style="dim")
        fate = Text("dropped", style="yellow") if reason else Text("kept", style="bold green")
        table.add_row(str(rank), f"{context.scores.values[i]:.3f}", fate, sentence)
        if reason:
            table.add_row("", "", "", Text(STATES[reason][1]))
        table.add_row("", "", "", source)
    console.print(table)


def _heads(console: Console, context: CompressedContext, why: Attribution) -> None:
    """Which layers and heads carried the first stage, and what the second stage made of it."""
    rank = context.scores.ranking().index(why.sentence) + 1
    text = one_line(context.segmentation.sentences[why.sentence].text)
    console.print("", Text.assemble(("What decided ", "bold"), f"about rank {rank}: {text}"), "", sep="\n")
    if "facts" in why.rows:
        console.print(_SECOND_LOOK, "", sep="\n")
    total = why.logit - why.mean_logit
    console.print(
        f"First stage (linear, exact; for all questions): logit {why.logit:+.2f}, "
        f"{total:+.2f} above the mean sentence:",
        "",
    )
    for name, value in why.kinds.items():
        console.print(f"  {value:+7.2f}  {_KINDS[name]}")
    layers = why.heads.sum((0, 2))
    console.print("", f"By layer, 0 to {len(layers) - 1}, for and against:", sep="\n")
    for sign, label in ((1, "for    "), (-1, "against")):
        console.print(f"  {label}  {_spark(np.maximum(sign * layers, 0), float(np.abs(layers).max()))}")
    console.print("", f"The {_N_HEADS} strongest of {why.heads.size} (heads × rows):", sep="\n")
    for row, layer, head, value in why.strongest(_N_HEADS):
        console.print(f"  {value:+7.2f}  layer {layer}, head {head}, row {row}")
    console.print(
        "",
        f"Second stage (a small network, not additive): logit {why.final_logit:+.2f}, "
        f"probability {why.probability:.3f}.",
        "How far the logit falls when one of these is set to its mean over all sentences:",
        "",
        sep="\n",
    )
    for name, (value, change) in sorted(why.context.items(), key=lambda item: -abs(item[1][1]))[:6]:
        console.print(f"  {change:+7.2f}  {describe(name)}: {value:.2f}")


_SECOND_LOOK = (
    "Its passage was read twice. Shown is the second look, which saw the best sentences before the question; "
    "the row facts is their attention."
)
_KINDS = {
    "log_share": "from this sentence's share of the attention on its passage, per token",
    "log_mass": "from the attention on the whole passage",
    "centred_log_mass": "from the attention on the passage, compared with the other passages",
}


def _spark(values: Any, top: float) -> str:
    return "".join(" " if v <= 0 else _BLOCKS[min(7, int(8 * v / top))] for v in values)
