"""``ragcompress support``: which of the kept sentences an answer rests on."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..plan import Plan
from ..proxy.loading import load_proxy
from .console import byte_bar, count_bar, emit, note, one_line
from .options import (
    CONVERTING,
    Output,
    ReportFormat,
    check_apart,
    check_question,
    load_compressor,
    plan_options,
)
from .streams import stdin_for

if TYPE_CHECKING:
    from ..context import CompressedContext
    from ..supporting import Support


class MethodName(StrEnum):
    """Methods of ``ragcompress.support``."""

    arc_jsd = "arc-jsd"
    attention = "attention"


@plan_options()
def support(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the reader was asked.")],
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="As for compress.")],
    answer: Annotated[str, typer.Option("--answer", metavar="TEXT", help="What the reader said.")],
    *,
    method: Annotated[
        MethodName,
        typer.Option(help="Leave out each sentence in turn, or read the attention once (faster)."),
    ] = MethodName.arc_jsd,
    plan: Plan,
    format: Annotated[
        ReportFormat, typer.Option("--format", help="A line for each sentence, or JSON.")
    ] = ReportFormat.text,
    output: Output = None,
) -> None:
    """Show which of the kept sentences an answer rests on.

    The documents are compressed as by `compress`; then the small model reads the answer behind what was
    kept. The strongest support comes first. The values say which sentence supports the answer most, not
    whether the answer is true.
    """
    from ..documents.reading import read_documents
    from ..supporting import support as measure

    check_question(question)
    if not answer.strip():
        raise typer.BadParameter("the answer is empty")
    check_apart(paths, {"--output": output})
    documents = read_documents(paths, stdin=stdin_for(paths), note=note, max_seconds=plan.timeout)
    compressor = load_compressor(plan)
    with count_bar("reading passages") as progress:
        context = compressor(question, documents, progress=progress)
    model = compressor.proxy
    if model is None:
        with byte_bar(f"downloading {plan.proxy}", CONVERTING) as progress:
            model = load_proxy(plan.proxy, backend=plan.backend, precision=plan.precision, progress=progress)
    with count_bar("reading the answer") as progress:
        result = measure(context, answer, proxy=model, method=method.value, progress=progress)
    emit(_record(context, result) if format is ReportFormat.json else _text(context, result), output)


def _record(context: CompressedContext, result: Support) -> str:
    """The JSON of ``compress`` with the support."""
    record: dict[str, Any] = context.to_dict() | {"support": result.to_dict()}
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def _text(context: CompressedContext, result: Support) -> str:
    """A line for each kept sentence: its support, its place and its text."""
    values = dict(zip(result.sentences, result.values, strict=True))
    lines = [
        f"{values[i]:.4f}  {one_line(context.segmentation.sentences[i].text)}  {one_line(context.cite(i))}"
        for i in result.ranking()
    ]
    return "".join(f"{line}\n" for line in lines)
