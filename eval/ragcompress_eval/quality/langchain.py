"""The same LangChain application with and without compression: what reaches the reader, and what it costs.

All documents of the questions go into one FAISS index; each question retrieves from all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from ragcompress import MissingExtra
from ragcompress.cli.options import Precision, ProxyName
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.training.examples import Example

from ..bench.metrics import answer_kept, gold_sentences
from ..bench.options import Ratio
from ..bench.runner import Run, study_command
from ..bench.study import Condition, Row, Study, mean, once_per_question, plain, quotient

Retriever = Callable[[str], str]
PLAIN, COMPRESSED, AGAIN = "FAISS", "FAISS + ragcompress", "the same, again"
METRICS = (
    plain("tokens", "tokens", form=".0f"),
    mean("evidence_recall", "evidence recall"),
    quotient("of_found", ("evidence_recall", "found"), "kept ÷ found"),
    mean("answer_kept", "answer in text"),
    plain("seconds", "s (median)", take="median", better="lower"),
)


def study(retrievers: Mapping[str, Retriever], count: Callable[[str], int]) -> Study:
    """What every retriever hands to the reader, in turns; differences are from the first.

    Args:
        retrievers: by name; each gives the text for the reader.
        count: tokens of it.
    """
    first = next(iter(retrievers))
    conditions = [
        Condition(name, {"retriever": name}, {} if name == first else {"": first}) for name in retrievers
    ]

    def ask(name: str, example: Example) -> tuple[str, float]:
        start = time.perf_counter()
        return retrievers[name](example.question), time.perf_counter() - start

    reference = once_per_question(partial(ask, first))

    def measure(example: Example, condition: Condition) -> Row:
        whole = reference(example)
        text, seconds = whole if condition.name == first else ask(condition.name, example)
        return Row({
            "tokens": count(text),
            "evidence_recall": _evidence(example, text),
            "found": _evidence(example, whole[0]),
            "answer_kept": bool(answer_kept(text, example.answers)),
            "seconds": seconds,
        })  # fmt: skip

    return Study("langchain", "What reaches the reader?", tuple(conditions), measure, METRICS)


def _evidence(example: Example, text: str) -> float | None:
    gold = gold_sentences(example)
    return sum(s.text in text for s in gold) / len(gold) if gold else None


def application(
    examples: Sequence[Example], *, top_k: int, **settings: Any
) -> tuple[dict[str, Retriever], Callable[[str], int], int]:
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
    ours = RagCompressRetriever(base_retriever=base, base_compressor=compressor)

    def joined(retriever: Any) -> Retriever:
        return lambda question: "\n\n".join(d.page_content for d in retriever.invoke(question))

    compressed = joined(ours)
    # Loads the models and builds the index, which no question's time counts.
    compressed(examples[0].question)
    return {PLAIN: joined(base), COMPRESSED: compressed, AGAIN: compressed}, compressor.count, len(documents)


@study_command
def langchain_command(
    run: Run,
    top_k: Annotated[int, typer.Option(min=1, metavar="K", help="Documents that are retrieved.")] = 20,
    ratio: Ratio = 0.2,
    proxy: ProxyName = DEFAULT_PROXY,
    precision: Precision = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of the proxy (without: one per core).")
    ] = None,
) -> None:
    """The same LangChain application with and without ragcompress, on a FAISS index."""
    questions = run.read()
    settings = {"ratio": ratio, "proxy": proxy, "precision": precision, "threads": threads}
    retrievers, count, n_documents = application(questions.examples, top_k=top_k, **settings)
    rests_on = {**settings, "top_k": top_k, "n_documents": n_documents}
    run.carry_out(study(retrievers, count), questions, rests_on)
