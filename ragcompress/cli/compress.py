"""``ragcompress compress``: one question, its documents, the context."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..budget import Budget
from ..data import Document, Segmentation
from ..plan import Plan
from .console import count_bar, emit, note
from .options import (
    DEFAULT_MAX_FILE_SIZE,
    DEFAULT_TOP_K,
    Compare,
    Html,
    IndexPath,
    MaxFileSize,
    Output,
    OutputFormat,
    ResultFormat,
    TopK,
    check_apart,
    check_question,
    load_compressor,
    plan_options,
)
from .retrieval import Retrieved, retrieve
from .streams import stdin_for

if TYPE_CHECKING:
    from ..compressor import Compressor
    from ..context import CompressedContext


@dataclass(frozen=True, slots=True)
class Written:
    """What is written of a result, and where.

    Raises:
        typer.BadParameter: for a comparison without the report that would show it, or two results for one
            file.
    """

    format: ResultFormat
    output: Path | None
    html: Path | None
    compare: str | None

    def __post_init__(self) -> None:
        if self.compare is not None and self.html is None:
            raise typer.BadParameter("--compare is for the report: give --html too")
        check_apart((), {"--output": self.output, "--html": self.html})


@plan_options()
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
    *,
    plan: Plan,
    format: OutputFormat = ResultFormat.text,
    output: Output = None,
    max_file_size: MaxFileSize = None,
    html: Html = None,
    compare: Compare = None,
    index: IndexPath = None,
    top_k: TopK = None,
) -> None:
    """Compress documents for one question.

    Sentences are kept word for word, best first until the budget is full. A folder is searched to the
    bottom; hidden files are left out, and so are files that can't be read, with a note. JSON documents
    have the field text, and optionally title, id, metadata, language and score. HTML, PDF and Office files
    need the extra `docs`. With --index instead of PATH, the passages of an index that the question finds are
    compressed.
    """
    check_question(question)
    written = Written(format, output, html, compare)
    if (index is None) == (not paths):
        raise typer.BadParameter("give PATH or --index: one of them, not both")
    if index is None and top_k is not None:
        raise typer.BadParameter("--top-k is about an index: give --index")
    if index is not None and max_file_size is not None:
        raise typer.BadParameter("--max-file-size is about files: an index was made with its own")
    if index is not None:
        compress_hits(question, retrieve(index, question, top_k or DEFAULT_TOP_K), plan, written)
        return
    from ..documents.reading import read_documents

    given = paths or []
    check_apart(given, {"--output": output, "--html": html})
    size = (max_file_size or DEFAULT_MAX_FILE_SIZE) << 20
    documents = read_documents(
        given, stdin=stdin_for(given), note=note, max_file_size=size, max_seconds=plan.timeout
    )
    context = _compress(question, documents, load_compressor(_with_format(plan, format)))
    _write(context, context.to_dict(), plan, written)


def compress_hits(question: str, hits: Retrieved, plan: Plan, written: Written) -> None:
    """Compress the passages that an index gave, and write the result with offsets into the files."""
    compressor = load_compressor(_with_format(plan, written.format), store=hits.store)
    context = _compress(question, hits.segmentation, compressor)
    _write(context, hits.to_sources(context.to_dict()), plan, written)


def _with_format(plan: Plan, format: ResultFormat) -> Plan:
    return plan.with_options({"format": "text" if format is ResultFormat.json else format.value})


def _compress(
    question: str, documents: Sequence[Document] | Segmentation, compressor: Compressor
) -> CompressedContext:
    with count_bar("reading passages") as progress:
        return compressor(question, documents, progress=progress)


def _write(context: CompressedContext, result: dict[str, Any], plan: Plan, written: Written) -> None:
    if written.html is not None:
        compared = None if written.compare is None else _compress_again(context, plan, written.compare)
        emit(context.to_html(compare=compared), written.html)
    if written.format is ResultFormat.json:
        emit(json.dumps(result, ensure_ascii=False, indent=1) + "\n", written.output)
    else:
        emit(context.text + "\n", written.output)
    if context.promise is not None:
        note(context.promise.describe(context.tokens_after))
    if context.best_effort is not None:
        note(context.best_effort)
    note(f"kept {context.tokens_after} of {context.tokens_before} tokens ({context.ratio:.0%})")


def _compress_again(context: CompressedContext, plan: Plan, scorer: str) -> CompressedContext:
    """The same sentences at the same budget with another scorer; a recall is no aim for all of them."""
    budget = plan.budget
    if budget is None or budget.recall is not None:
        budget = Budget(max_tokens=context.tokens_after)
    other: dict[str, Any] = {
        "scorer": scorer, "probe": None, "scorer_settings": {}, "budget": budget, "calibration": None,
        "abstain_below": None,
    }  # fmt: skip
    return _compress(context.question, context.segmentation, load_compressor(plan.with_options(other)))
