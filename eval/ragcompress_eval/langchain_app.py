"""The same LangChain application with and without compression: what reaches the reader, and what it costs.

All documents of the questions go into one FAISS index; each question retrieves from all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.table import Table

from ragcompress import MissingExtra, RagCompressError
from ragcompress.cli.console import count_bar, out
from ragcompress.cli.options import ProxyName
from ragcompress.data import Progress
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.training.examples import Example, read_files
from ragcompress.training.metrics import holds_answer, normalise

from .bench.bootstrap import mean, resample
from .bench.options import check_output
from .bench.provenance import provenance
from .report import page as report

Answer = Callable[[str], str]
AGAIN = "the same, again"


@dataclass(frozen=True, slots=True)
class Reached:
    """What one way of retrieving hands to the reader for one question.

    Attributes:
        evidence: share of the gold sentences that stand in the text, in [0, 1]; None where there are none.
        answer: whether an answer stands in it.
        seconds: wall time of the retriever.
    """

    n_tokens: int
    evidence: float | None
    answer: bool
    seconds: float


def run(
    examples: Sequence[Example],
    retrievers: dict[str, Answer],
    count: Callable[[str], int],
    progress: Progress = lambda done, total: None,
) -> dict[str, list[Reached]]:
    """Ask every question of every retriever, in turns.

    Args:
        examples: questions.
        retrievers: by name; each gives the text for the reader.
        count: tokens of it.
        progress: called with (questions done, questions in all).
    """
    found: dict[str, list[Reached]] = {name: [] for name in retrievers}
    for done, example in enumerate(examples, start=1):
        for name, retrieve in retrievers.items():
            start = time.perf_counter()
            text = retrieve(example.question)
            seconds = time.perf_counter() - start
            found[name].append(_reached(example, text, count(text), seconds))
        progress(done, len(examples))
    return found


def _reached(example: Example, text: str, n_tokens: int, seconds: float) -> Reached:
    gold = [example.segmentation.sentences[i].text for i in example.gold]
    evidence = sum(g in text for g in gold) / len(gold) if gold else None
    answers = [n for n in map(normalise, example.answers) if n]
    return Reached(n_tokens, evidence, holds_answer(normalise(text), answers), seconds)


def summarise(found: dict[str, list[Reached]], *, seed: int) -> list[dict[str, Any]]:
    """Means per retriever, with bootstrap intervals; seconds as medians.

    The first question's time does not count: models and index are loaded with it.
    """
    results = []
    for name, reached in found.items():
        result: dict[str, Any] = {"retriever": name, "n": len(reached)}
        result["tokens"] = float(np.mean([r.n_tokens for r in reached]))
        result["seconds"] = float(np.median([r.seconds for r in reached[1:] or reached]))
        for metric, values in (
            ("evidence_recall", [r.evidence for r in reached if r.evidence is not None]),
            ("answer_kept", [float(r.answer) for r in reached]),
        ):
            if values:
                estimate = mean(np.array(values), resample(len(values), seed=seed))
                result[metric], result[f"{metric}_ci"] = estimate.value, list(estimate.interval())
        results.append(result)
    return results


def application(
    examples: Sequence[Example], *, top_k: int, **settings: Any
) -> tuple[dict[str, Answer], Callable[[str], int], int]:
    """Build the application without and with compression.

    Args:
        examples: questions; their documents go into the index.
        top_k: documents that are retrieved.
        settings: of ``RagCompressor``.

    Returns:
        The retrievers by name, the last asked about documents that it has just read; the counter of tokens;
        the number of documents in the index.

    Raises:
        MissingExtra: if LangChain, FAISS or the embedding model is not installed.
    """
    try:
        from langchain_core.documents import Document

        from ragcompress_adapters.langchain import RagCompressor, RagCompressRetriever

        from .langchain_parts import FaissRetriever, MiniLM
    except ImportError as error:
        raise MissingExtra("ragcompress-eval langchain", "dev") from error
    texts = {(d.text, d.title or ""): None for e in examples for d in e.segmentation.documents if d.text}
    documents = [Document(text, metadata={"title": title}) for text, title in texts]
    base = FaissRetriever(documents=documents, embeddings=MiniLM(), k=top_k)
    compressor = RagCompressor(**settings)
    compressor.warm_up()
    ours = RagCompressRetriever(base_retriever=base, base_compressor=compressor)

    def joined(retriever: Any) -> Answer:
        return lambda question: "\n\n".join(d.page_content for d in retriever.invoke(question))

    compressed = joined(ours)
    retrievers = {"FAISS": joined(base), "FAISS + ragcompress": compressed, AGAIN: compressed}
    return retrievers, compressor.count, len(documents)


def table(results: Sequence[dict[str, Any]], n_documents: int) -> Table:
    """One row per retriever, and what each adds to the first."""
    plain = results[0]
    caption = [
        f"{n_documents} documents in the index; ms: median of the whole retriever call",
        f"{AGAIN}: asked anew at once, with the documents' keys and values in memory",
    ]
    for r in results[1:]:
        added, fewer = r["seconds"] - plain["seconds"], plain["tokens"] / r["tokens"]
        caption.append(
            f"{r['retriever']}: tokens to the reader ÷ {fewer:.1f}{_kept(r, plain)}; overhead "
            f"{1e3 * added:.0f} ms, {added / plain['seconds']:.1f} × the time of {plain['retriever']}"
        )
    result = Table(box=box.SIMPLE_HEAD, caption="\n".join(caption), caption_justify="left")
    result.add_column("retriever")
    for heading in ("n", "tokens", "evidence recall", "answer in text", "ms"):
        result.add_column(heading, justify="right")
    for r in results:
        cells = [_cell(r, "evidence_recall"), _cell(r, "answer_kept")]
        result.add_row(r["retriever"], str(r["n"]), f"{r['tokens']:.0f}", *cells, f"{1e3 * r['seconds']:.0f}")
    return result


def _kept(result: dict[str, Any], plain: dict[str, Any]) -> str:
    """How much of what the plain retriever finds is still there."""
    names = {"evidence_recall": "evidence", "answer_kept": "answers"}
    shares = [
        f"{result[metric] / plain[metric]:.0%} of the {name}"
        for metric, name in names.items()
        if plain.get(metric)
    ]
    return f"; {' and '.join(shares)} kept" if shares else ""


def _cell(result: dict[str, Any], metric: str) -> str:
    if metric not in result:
        return "–"
    low, high = result[f"{metric}_ci"]
    return f"{result[metric]:.3f} [{low:.2f}, {high:.2f}]"


def langchain_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Records, .jsonl or .jsonl.gz.")],
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Read only the first N records.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, metavar="K", help="Documents that are retrieved.")] = 20,
    ratio: Annotated[
        float, typer.Option(min=0.001, max=1, metavar="R", help="Share of the tokens to keep.")
    ] = 0.2,
    proxy: ProxyName = DEFAULT_PROXY,
    precision: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the proxy: float32 or int8 (without: the default)."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of the proxy (without: one per core).")
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", callback=check_output, metavar="OUT", help="Write results and provenance here."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the bootstrap.")] = 0,
) -> None:
    """The same LangChain application with and without ragcompress, on a FAISS index."""
    read = read_files([file], limit=limit)
    examples = read[0].examples
    if not examples:
        raise RagCompressError("the file holds no question")
    settings = {"ratio": ratio, "proxy": proxy, "precision": precision, "threads": threads}
    retrievers, count, n_documents = application(examples, top_k=top_k, **settings)
    with count_bar("asking questions") as progress:
        found = run(examples, retrievers, count, progress)
    results = summarise(found, seed=seed)
    if json_file:
        settings |= {"top_k": top_k, "n_documents": n_documents}
        about = provenance(read, limit=limit, seed=seed, settings=settings)
        report.write_json(json_file, {"results": results, "provenance": about})
    out().print(table(results, n_documents))
