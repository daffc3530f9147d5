"""``ragcompress support``: which of the kept sentences an answer rests on."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import scorers
from ..proxy.loading import DEFAULT_PROXY, load_proxy
from .console import byte_bar, count_bar, emit, note, one_line
from .options import (
    CONVERTING,
    Backend,
    BudgetTokens,
    Output,
    ProbePath,
    ProxyName,
    Ratio,
    Recall,
    ScorerName,
    Setup,
    Told,
    check_question,
    make_budget,
)

if TYPE_CHECKING:
    from ..context import CompressedContext
    from ..support import Support


class MethodName(StrEnum):
    """Methods of ``ragcompress.support``."""

    arc_jsd = "arc-jsd"
    attention = "attention"


def support(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the reader was asked.")],
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="As for compress.")],
    answer: Annotated[str, typer.Option("--answer", metavar="TEXT", help="What the reader said.")],
    method: Annotated[
        MethodName,
        typer.Option(help="Read the sentences one less at a time, or the attention once (faster)."),
    ] = MethodName.arc_jsd,
    budget: BudgetTokens = None,
    ratio: Ratio = None,
    recall: Recall = None,
    scorer: ScorerName = scorers.DEFAULT,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    probe: ProbePath = None,
    format: Annotated[Told, typer.Option("--format", help="A line for each sentence, or JSON.")] = Told.text,
    output: Output = None,
) -> None:
    """Show which of the kept sentences an answer rests on.

    The documents are compressed as by `compress`; then the small model reads the answer behind what was
    kept. The strongest support comes first. The values say which sentence supports the answer most, not
    whether the answer is true.
    """
    from ..documents.reading import read_documents
    from ..support import support as measure

    check_question(question)
    if not answer.strip():
        raise typer.BadParameter("the answer is empty")
    limits = make_budget(budget, ratio, recall)
    documents = read_documents(paths, stdin=sys.stdin.buffer, note=note)
    compressor = Setup(scorer, proxy, backend, probe).load()
    with count_bar("reading passages") as progress:
        context = compressor(question, documents, budget=limits, progress=progress)
    model = compressor.proxy
    if model is None:
        with byte_bar(f"downloading {proxy}", CONVERTING) as progress:
            model = load_proxy(proxy, backend=backend, progress=progress)
    with count_bar("reading the answer") as progress:
        found = measure(context, answer, proxy=model, method=method.value, progress=progress)
    emit(_record(context, found) if format is Told.json else _text(context, found), output)


def _record(context: CompressedContext, found: Support) -> str:
    """The JSON of ``compress`` with the support."""
    record: dict[str, Any] = context.to_dict() | {"support": found.to_dict()}
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def _text(context: CompressedContext, found: Support) -> str:
    """A line for each kept sentence: its support, its place and its text."""
    values = dict(zip(found.sentences, found.values, strict=True))
    lines = [
        f"{values[i]:.4f}  {one_line(context.segmentation.sentences[i].text)}  {one_line(context.cite(i))}"
        for i in found.ranking()
    ]
    return "".join(f"{line}\n" for line in lines)
