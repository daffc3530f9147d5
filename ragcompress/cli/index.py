"""``ragcompress index``: its commands, and what an index gives for a question."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import DataError
from ..models.embedders import EmbedderName
from ..plan import Plan
from .compress import Written, compress_hits
from .console import byte_bar, count_bar, err, note
from .options import (
    DEFAULT_MAX_FILE_SIZE,
    DEFAULT_TOP_K,
    Compare,
    Html,
    MaxFileSize,
    Output,
    OutputFormat,
    ResultFormat,
    TopK,
    check_question,
    load_compressor,
    plan_options,
)
from .retrieval import load_embedder, open_index, retrieve

_GIBIBYTE = 1 << 30
index_app = typer.Typer(
    help="Search a folder that is larger than a question's budget.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@index_app.command("build")
@plan_options(only=("proxy", "backend", "precision", "probe"))
def build(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of documents, as for compress.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="IDX", help="Folder of the index.")],
    *,
    plan: Plan,
    embedder: Annotated[
        EmbedderName,
        typer.Option(
            "--embedder",
            metavar="NAME",
            help="Whose vectors find passages: minilm (English), or multilingual (91 MB, fetched once).",
        ),
    ] = "minilm",
    passage_tokens: Annotated[
        int, typer.Option("--passage-tokens", metavar="N", min=1, help="Longest passage.")
    ] = 128,
    max_file_size: MaxFileSize = None,
    store_keys: Annotated[
        float | None,
        typer.Option(
            "--store-keys",
            metavar="GIB",
            help="Also store the passages' keys and values, up to this many GiB on disk, so that later only "
            "the question is read.",
        ),
    ] = None,
) -> None:
    """Make an index of a folder, or bring it up to date.

    Only files that are new, changed or deleted cost time. A build that was interrupted resumes where it was;
    meanwhile the index can be searched as it was before. Needs the extra `index`.
    """
    if store_keys is not None and not 0 < store_keys < math.inf:
        raise typer.BadParameter(f"--store-keys must be more than 0 GiB and finite, got {store_keys}")
    if not os.path.isdir(folder):  # a Path of nothing would be the folder that we are in
        raise DataError(f"there is no folder {folder or repr(folder)}")  # before a model is fetched
    from ..index import build_index

    if not err().is_terminal:
        note(f"indexing {folder}")
    with byte_bar("indexing", "writing the index") as progress:
        report = build_index(
            folder, output, embedder=load_embedder(embedder), passage_tokens=passage_tokens,
            max_file_size=(max_file_size or DEFAULT_MAX_FILE_SIZE) << 20, note=note, progress=progress,
        )  # fmt: skip
    note(
        f"{report.n_new} files new, {report.n_changed} changed, {report.n_deleted} deleted, "
        f"{report.n_failed} left out; {output} has {report.n_passages} passages of {report.n_files} files "
        f"({report.version})"
    )
    if store_keys is not None:
        _store_keys(output, int(store_keys * _GIBIBYTE), plan)


@index_app.command("compress")
@plan_options()
def compress(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the reader will be asked.")],
    index: Annotated[Path, typer.Option("--index", metavar="IDX", help="Folder of the index.")],
    *,
    plan: Plan,
    top_k: TopK = None,
    format: OutputFormat = ResultFormat.text,
    output: Output = None,
    html: Html = None,
    compare: Compare = None,
) -> None:
    """Compress the passages that a question finds.

    The same as compress --index.
    """
    check_question(question)
    written = Written(format, output, html, compare)
    compress_hits(question, retrieve(index, question, top_k or DEFAULT_TOP_K), plan, written)


def _store_keys(path: Path, max_bytes: int, plan: Plan) -> None:
    from ..index.keys import fill, open_store

    index = open_index(path)
    store = open_store(index.keys, max_bytes)
    assert store is not None  # it was given a ceiling
    compressor = load_compressor(plan, store=store)
    with count_bar("storing keys and values") as progress:
        n = fill(index, compressor.scorer, store, progress=progress)
    full = "" if n == len(index) else "; the store is full, the others are read when they are found"
    note(f"keys and values of {n} of {len(index)} passages, {store.n_bytes / _GIBIBYTE:.2f} GiB{full}")
