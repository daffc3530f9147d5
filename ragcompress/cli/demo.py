"""``ragcompress demo``: a question over a small archive, what was kept, and whether the answer is there."""

from __future__ import annotations

import time

from rich.console import Console
from rich.text import Text

from .. import samples
from ..context import CompressedContext
from ..data import Document, Sentence
from ..plan import Plan
from .console import count_bar, one_line, out
from .options import load_compressor

_KEPT, _DROPPED = "bold green", "dim"


def show(plan: Plan) -> bool:
    """Compress the sample and write what happened to stdout; return whether the answer survived."""
    sample = samples.demo()
    start = time.perf_counter()
    compressor = load_compressor(plan)
    seconds = {"load the model": time.perf_counter() - start}
    with count_bar("reading passages") as progress:
        context = compressor(sample.question, sample.documents, progress=progress)
    console = out()
    console.print(Text.assemble(("Question  ", "bold"), sample.question), "", sep="\n")
    _documents(console, context)
    console.print(Text.assemble(("What the reader gets", "bold")), "", Text(context.text), "", sep="\n")
    _numbers(console, context, seconds | dict(context.seconds))
    missing = [phrase for phrase in sample.evidence if phrase not in context.text]
    _verdict(console, sample, missing)
    return not missing


def _documents(console: Console, context: CompressedContext) -> None:
    """Every sentence of every document; kept ones stand out by color, or by a sign where there is none."""
    plain = console.color_system is None or console.no_color
    if plain:
        console.print("The documents (+ kept, - dropped)", "", sep="\n")
    else:
        legend = (("The documents (", "bold"), ("kept", _KEPT), (", "), ("dropped", _DROPPED), (")", "bold"))
        console.print(Text.assemble(*legend), "", sep="\n")
    kept = set(context.selection.kept)
    for position, document in enumerate(context.segmentation.documents):
        console.print(Text(document.id or "", style="bold underline"))
        units = [
            (s, i in kept) for i, s in enumerate(context.segmentation.sentences) if s.document == position
        ]
        console.print(_with_signs(units) if plain else _with_colors(document, units), "", sep="\n")


def _with_signs(units: list[tuple[Sentence, bool]]) -> Text:
    return Text("\n".join(f"{'+' if kept else '-'} {one_line(s.text)}" for s, kept in units))


def _with_colors(document: Document, units: list[tuple[Sentence, bool]]) -> Text:
    text = Text(document.text.rstrip(), style=_DROPPED)
    for sentence, kept in units:
        if kept:
            text.stylize(f"not dim {_KEPT}", sentence.start_char, sentence.end_char)
    return text


def _numbers(console: Console, context: CompressedContext, seconds: dict[str, float]) -> None:
    kept, all_of_them = len(context.selection.kept), len(context.segmentation.sentences)
    console.print(
        f"Tokens    {context.tokens_before} before, {context.tokens_after} after ({context.ratio:.0%}), "
        f"{context.limit} allowed; {kept} of {all_of_them} sentences"
    )
    console.print("Seconds   " + ", ".join(f"{stage} {value:.2f}" for stage, value in seconds.items()))
    console.print(f"Scorer    {context.scores.scorer}")


def _verdict(console: Console, sample: samples.Sample, missing: list[str]) -> None:
    if missing:
        dropped = ", ".join(f'"{phrase}"' for phrase in missing)
        console.print(Text.assemble(("Answer    ", "bold"), ("lost", "bold red"), f", dropped: {dropped}"))
        return
    proof = ", ".join(f'"{phrase}"' for phrase in sample.evidence)
    console.print(Text.assemble(("Answer    ", "bold"), (sample.answer, _KEPT), f" survived: {proof}"))
