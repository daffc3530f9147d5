"""``ragcompress compress``: one question, its documents, the context."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import scorers
from ..proxy.loading import DEFAULT_PROXY
from .console import count_bar, emit, note
from .options import (
    DEFAULT_TOP_K,
    Backend,
    BudgetTokens,
    Compare,
    Format,
    Headings,
    Html,
    IndexPath,
    KeepTogether,
    MarkGaps,
    MaxFileSize,
    Order,
    Output,
    OutputFormat,
    Precision,
    ProbePath,
    ProxyName,
    Ratio,
    Recall,
    ScorerName,
    Setup,
    TopK,
    check_question,
    make_budget,
)
from .retrieval import retrieve

if TYPE_CHECKING:
    from ..context import CompressedContext


def compress(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the reader will be asked.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Text, Markdown, HTML, PDF, Office, CSV or source files, folders, .json or .jsonl files of "
            "documents, or - for standard input.",
        ),
    ] = None,
    budget: BudgetTokens = None,
    ratio: Ratio = None,
    recall: Recall = None,
    order: Order = "source",
    keep_together: KeepTogether = False,
    scorer: ScorerName = scorers.DEFAULT,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    precision: Precision = None,
    probe: ProbePath = None,
    format: OutputFormat = Format.text,
    output: Output = None,
    mark_gaps: MarkGaps = False,
    headings: Headings = False,
    max_file_size: MaxFileSize = 100,
    html: Html = None,
    compare: Compare = None,
    index: IndexPath = None,
    top_k: TopK = None,
) -> None:
    """Compress documents for one question.

    Sentences are kept word for word, best first until the budget is full. A folder is searched to the
    bottom; hidden files are left out, and what can't be read is, with a note. JSON documents have the
    fields text, and if you like title, id and metadata. HTML, PDF and Office files need the extra `docs`.
    With --index instead of PATH, the passages of an index that the question finds are compressed.
    """
    from ..documents.reading import read_documents

    check_question(question)
    limits = make_budget(budget, ratio, recall)
    if compare is not None and html is None:
        raise typer.BadParameter("--compare is for the report: give --html too")
    if (index is None) == (not paths):
        raise typer.BadParameter("give PATH or --index: one of them, not both")
    if index is None and top_k is not None:
        raise typer.BadParameter("--top-k is about an index: give --index")
    setup = Setup(scorer, proxy, backend, probe, order, format, mark_gaps, headings, precision, keep_together)
    found = None if index is None else retrieve(index, question, top_k or DEFAULT_TOP_K)
    documents = (
        found.segmentation
        if found
        else read_documents(paths or [], stdin=sys.stdin.buffer, note=note, max_file_size=max_file_size << 20)
    )
    compressor = setup.load(store=found.store if found else None)
    with count_bar("reading passages") as progress:
        context = compressor(question, documents, budget=limits, progress=progress)
    if html is not None:
        emit(context.to_html(compare=None if compare is None else _beside(context, setup, compare)), html)
    result = context.to_dict()
    emit(_written(context, found.to_sources(result) if found else result, format), output)
    note(f"kept {context.tokens_after} of {context.tokens_before} tokens ({context.ratio:.0%})")


def _beside(context: CompressedContext, setup: Setup, scorer: str) -> CompressedContext:
    """The same sentences at the same budget with another scorer; a recall is no aim for all of them."""
    from ..data import Budget

    compressor = replace(setup, scorer=scorer, probe=None).load()
    known = Budget(**context.settings["budget"])
    budget = known if known.recall is None else Budget(max_tokens=context.tokens_after)
    with count_bar("reading passages") as progress:
        return compressor(context.question, context.segmentation, budget=budget, progress=progress)


def _written(context: CompressedContext, result: dict[str, Any], format: Format) -> str:
    if format is Format.json:
        return json.dumps(result, ensure_ascii=False, indent=1) + "\n"
    return context.text + "\n"
