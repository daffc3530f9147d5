"""Questions asked of one index over all documents: what is found, and what is left of it in a budget."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from ragcompress import Budget, Compressor, Segmentation, Tokenizer, models, scorers
from ragcompress.cli.console import byte_bar, count_bar, note, out
from ragcompress.cli.options import CONVERTING, Backend, ProxyName
from ragcompress.index import Embedder, Hit, Index, MiniLM, build_index
from ragcompress.index import vectors as faiss_vectors
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.selection.rendering import render

from ..bench import options
from ..bench.provenance import provenance
from ..report import page as report
from .methods import head
from .retrieval_texts import Question, questions, write_folder

Spans = Sequence[tuple[str, int, int]]
"""(id of a document, start, end), as evidence is given."""
_COLUMNS = (
    "retrieval_recall",
    "retrieval_all",
    "recall",
    "all",
    "truncated_recall",
    "truncated_all",
    "seconds",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One question.

    Attributes:
        retrieved, kept, truncated: share of its evidence sentences that lie wholly in the passages found, in
            the compressed context, and in the same number of tokens from the start of the passages.
        seconds: for search and compression together.
    """

    question: Question
    retrieved: float
    kept: float
    truncated: float
    seconds: float


def ask(
    index: Index, compressor: Compressor, counter: Tokenizer, question: Question, top_k: int, budget: int
) -> Row:
    """Ask one question."""
    start = time.perf_counter()
    hits = index.search(question.text, top_k)
    found = index.segmentation(hits)
    context = compressor(question.text, found, budget=Budget(max_tokens=budget))
    seconds = time.perf_counter() - start
    everything = render(found, range(len(found.sentences)))
    n = len(head(everything.text, budget, counter))
    first = [p.sentence for p in everything.pieces if p.end <= n]
    chosen = (range(len(found.sentences)), context.selection.kept, first)
    retrieved, kept, cut = (share(question.gold, _spans(found, hits, sentences)) for sentences in chosen)
    return Row(question, retrieved, kept, cut, seconds)


def share(gold: Spans, kept: Spans) -> float:
    """Share of the gold sentences of which every character lies in what was kept."""
    by_document: dict[str, list[tuple[int, int]]] = {}
    for name, start, end in sorted(kept):
        spans = by_document.setdefault(name, [])
        # Sentences are stripped: one blank between neighbours hides nothing.
        if spans and start <= spans[-1][1] + 1:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    held = [any(a <= start and end <= b for a, b in by_document.get(name, ())) for name, start, end in gold]
    return sum(held) / len(held)


def _spans(found: Segmentation, hits: Sequence[Hit], sentences: Iterable[int]) -> Spans:
    spans = []
    for i in sentences:
        s = found.sentences[i]
        passage = hits[s.document].passage
        spans.append((passage.document.id or "", *passage.in_document(s.start_char, s.end_char)))
    return spans


def graph_recall(index: Index, embedder: Embedder, texts: Sequence[str], n: int = 100) -> float:
    """Of the ``n`` vectors next to each text's, the share that the graph for large indexes (HNSW) finds."""
    asked = embedder.embed(texts)
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for flat_up_to in (0, len(index)):
            path = Path(folder, str(flat_up_to))
            faiss_vectors.write(path, index.vectors(), len(index), flat_up_to=flat_up_to)
            opened = faiss_vectors.read(path)
            found.append([set(faiss_vectors.nearest(opened, vector, n)) for vector in asked])
    return float(np.mean([len(some & all_) / len(all_) for some, all_ in zip(*found, strict=True)]))


def summarise(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Means per data set."""
    results: list[dict[str, object]] = []
    for dataset in dict.fromkeys(r.question.dataset for r in rows):
        own = [r for r in rows if r.question.dataset == dataset]

        def mean(value: Callable[[Row], float], own: Sequence[Row] = own) -> float:
            return float(np.mean([value(r) for r in own]))

        values = (
            mean(lambda r: r.retrieved), mean(lambda r: r.retrieved == 1), mean(lambda r: r.kept),
            mean(lambda r: r.kept == 1), mean(lambda r: r.truncated), mean(lambda r: r.truncated == 1),
            mean(lambda r: r.seconds),
        )  # fmt: skip
        results.append({"dataset": dataset, "n": len(own), **dict(zip(_COLUMNS, values, strict=True))})
    return results


def retrieval_command(
    files: options.Files,
    work: Annotated[
        Path, typer.Option("--work", metavar="DIR", help="Where the documents and their index are kept.")
    ],
    n_questions: Annotated[
        int | None, typer.Option("--questions", metavar="N", min=1, help="Ask the first N of each file.")
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", metavar="K", min=1, help="Passages to retrieve.")] = 50,
    budget: Annotated[int, typer.Option("--budget", metavar="N", min=1, help="Tokens to keep.")] = 1000,
    scorer: Annotated[str, typer.Option("--scorer", metavar="NAME", help="What ranks.")] = scorers.DEFAULT,
    graph: Annotated[
        bool,
        typer.Option("--graph", help="Also: how many nearest passages does the graph of large indexes find?"),
    ] = False,
    limit: options.Limit = None,
    json_file: options.JsonFile = None,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    on_bad: options.BadRecords = options.OnBad.stop,
) -> None:
    """Index all documents as one folder; is the evidence found, and does it survive the budget?

    Beside it stands the plain way: the same passages, best first, cut off at the same number of tokens.
    """
    read, _ = options.read_examples(files, limit=limit, on_bad=on_bad)
    n_documents = write_folder(read, work / "documents")
    embedder = MiniLM()
    with byte_bar("indexing", "writing the index") as bar:
        built = build_index(work / "documents", work / "index", embedder=embedder, note=note, progress=bar)
    with byte_bar(f"downloading {proxy}", CONVERTING) as fetching:
        folder = models.resolve(proxy, progress=fetching)
    index, counter = Index(work / "index", embedder=embedder), Tokenizer.from_folder(folder.path)
    compressor = Compressor.from_pretrained(proxy, scorer=scorer, backend=backend)
    asked = questions(read, n_questions)
    rows = []
    with count_bar("asking") as progress:
        for question in asked:
            rows.append(ask(index, compressor, counter, question, top_k, budget))
            progress(len(rows), len(asked))
    results = summarise(rows)
    size = {"documents": n_documents, "passages": built.n_passages}
    by_graph = graph_recall(index, embedder, [q.text for q in asked]) if graph else None
    if json_file:
        settings = {"scorer": scorer, "top_k": top_k, "budget": budget, "proxy": folder.name, **size}
        about = provenance(read, limit=limit, seed=0, settings=settings)
        report.write_json(json_file, {"results": results, "graph_recall": by_graph, "provenance": about})
    out().print(_table(results, size))
    if by_graph is not None:
        out().print(
            f"of the 100 passages nearest to a question, a graph over them (HNSW) finds {by_graph:.1%}"
        )


def _table(results: Sequence[dict[str, object]], size: dict[str, int]) -> Table:
    table = Table(title=f"one folder of {size['documents']} documents, {size['passages']} passages")
    for name in ("dataset", "n", *_COLUMNS):
        table.add_column(name.replace("_", " "), no_wrap=True)
    for result in results:
        numbers = [f"{result[name]:.3f}" for name in _COLUMNS]
        table.add_row(str(result["dataset"]), str(result["n"]), *numbers)
    return table
