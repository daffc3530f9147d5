"""Questions asked of one index over all documents: what is found, and what is left of it in a budget."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from ragcompress import Budget, Compressor, Scores, Segmentation, Tokenizer, scorers
from ragcompress.cli.console import byte_bar, note, out
from ragcompress.index import Embedder, Hit, Index, MiniLM, build_index
from ragcompress.index import vectors as faiss_vectors
from ragcompress.selection.rendering import render
from ragcompress.training.examples import DataFile, Example

from ..bench import options
from ..bench.methods import head
from ..bench.metrics import gold_sentences
from ..bench.runner import Questions, Run, study_command
from ..bench.study import Condition, Label, Row, Study, mean, once_per_question, plain, quotient

RANKED, SHUFFLED = "ranked", "shuffled"
METRICS = (
    mean("retrieval_recall", "found"),
    mean("retrieval_all"),
    mean("truncated_recall", "cut off"),
    mean("truncated_all"),
    mean("recall", "kept"),
    mean("all"),
    mean("gain", "kept - cut off"),
    quotient("of_found", ("recall", "retrieval_recall"), "kept ÷ found"),
    plain("tokens", "tokens", form=".0f"),
    plain("seconds", "s/question", better="lower"),
)
"""Shares of the evidence sentences, over questions: ``retrieval_…`` in the passages found, ``truncated_…`` in
as many tokens from the start of the list, the others in the compressed context. ``gain`` is the paired
difference from cutting the list off. ``seconds`` of a scorer that reads by the budget are of passages that an
earlier budget has read, but for the first."""


class Span(NamedTuple):
    """A stretch of a document: the characters from ``start`` up to ``end``, and what they say."""

    document: str
    start: int
    end: int
    text: str


Spans = Sequence[Span]


@dataclass(frozen=True, slots=True)
class _Found:
    """What an index has for a question, best first, and the seconds that the search took.

    Attributes:
        scored: scores that were made of it, by scorer, list and budget, and the seconds that they took. All
            budgets look at the same, unless the scorer reads by the budget.
    """

    hits: tuple[Hit, ...]
    seconds: float
    scored: dict[tuple[str, str, int | None], tuple[Scores, float]] = field(default_factory=dict)


class _Asking:
    """Asks an index and compresses what it finds; the search is done once a question."""

    def __init__(
        self,
        index: Index,
        compressors: Mapping[str, Compressor],
        counter: Tokenizer,
        *,
        top_k: int,
        seed: int,
    ) -> None:
        self._index, self._compressors, self._counter, self._seed = index, compressors, counter, seed

        @once_per_question
        def search(example: Example) -> _Found:
            start = time.perf_counter()
            hits = tuple(index.search(example.question, top_k))
            return _Found(hits, time.perf_counter() - start)

        self._search = search

    def measure(self, example: Example, condition: Condition) -> Row:
        """What is found, what compression keeps of it, and what cutting off keeps."""
        passages, gold = self._search(example), gold_spans(example)
        hits = passages.hits if condition.labels["list"] == RANKED else self._shuffle(passages.hits)
        name, n_tokens = str(condition.labels["scorer"]), int(condition.labels["budget"] or 0)
        by_budget = isinstance(self._compressors[name].scorer, scorers.Bounded)
        what = (name, str(condition.labels["list"]), n_tokens if by_budget else None)
        scores, scoring = passages.scored.get(what, (None, 0.0))
        start = time.perf_counter()
        parts = self._index.segmentation(hits)
        budget = Budget(max_tokens=n_tokens)
        context = self._compressors[name](example.question, parts, budget=budget, scores=scores)
        seconds = passages.seconds + scoring + time.perf_counter() - start
        if context.passthrough is None:
            passages.scored.setdefault(what, (context.scores, context.seconds["score"]))
        kept = share(gold, _spans(parts, hits, context.selection.kept))
        cut = self._cut_off(passages.hits, n_tokens, gold)
        everything = share(gold, _spans(parts, hits, range(len(parts.sentences))))
        return Row({
            "retrieval_recall": everything, "retrieval_all": everything == 1,
            "recall": kept, "all": kept == 1,
            "truncated_recall": cut, "truncated_all": cut == 1,
            "gain": kept - cut, "tokens": context.tokens_after, "seconds": seconds,
        })  # fmt: skip

    def _cut_off(self, hits: Sequence[Hit], n_tokens: int, gold: Spans) -> float:
        """The plain way: passages best first, cut off at the same number of tokens."""
        parts = self._index.segmentation(hits)
        everything = render(parts, range(len(parts.sentences)))
        n = len(head(everything.text, n_tokens, self._counter))
        return share(gold, _spans(parts, hits, [p.sentence for p in everything.pieces if p.end <= n]))

    def _shuffle(self, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        return tuple(hits[i] for i in np.random.default_rng(self._seed).permutation(len(hits)))


def write_folder(files: Sequence[DataFile], folder: Path) -> int:
    """Write each different document of the files once, one JSON Lines file per data file.

    Returns:
        How many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: set[str] = set()
    for file in files:
        lines = []
        for example in file.examples:
            for document in example.segmentation.documents:
                name = document_id(document.title, document.text)
                if name not in written and document.text.strip():
                    written.add(name)
                    lines.append(json.dumps({"id": name, "title": document.title, "text": document.text}))
        (folder / f"{file.name.split('.jsonl')[0]}.jsonl").write_text(
            "\n".join(lines) + "\n", encoding="utf-8"
        )
    return len(written)


def select(files: Sequence[DataFile], n: int | None) -> list[Example]:
    """The first ``n`` questions of each file that have evidence."""
    return [example for file in files for example in [e for e in file.examples if e.gold][:n]]


def document_id(title: str | None, text: str) -> str:
    """The same for the same document, wherever it occurs; 16 hex digits."""
    return hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()[:16]


def gold_spans(example: Example) -> tuple[Span, ...]:
    """Where in the folder each sentence stands that is evidence."""
    ids = [document_id(d.title, d.text) for d in example.segmentation.documents]
    return tuple(Span(ids[s.document], s.start_char, s.end_char, s.text) for s in gold_sentences(example))


def share(gold: Spans, kept: Spans) -> float:
    """Share of the gold sentences of which every character was kept, here or word for word elsewhere.

    A sentence that several documents have is kept once: it does not matter from which.
    """
    texts = "\0".join({span.text for span in kept})
    by_document: dict[str, list[tuple[int, int]]] = {}
    for name, start, end, _ in sorted(kept):
        spans = by_document.setdefault(name, [])
        # Sentences are stripped: one blank between neighbors hides nothing.
        if spans and start <= spans[-1][1] + 1:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))

    def holds(target: Span) -> bool:
        here = by_document.get(target.document, ())
        return target.text in texts or any(a <= target.start and target.end <= b for a, b in here)

    return sum(map(holds, gold)) / len(gold)


def _spans(passages: Segmentation, hits: Sequence[Hit], sentences: Iterable[int]) -> Spans:
    spans = []
    for i in sentences:
        s = passages.sentences[i]
        passage = hits[s.document].passage
        start, end = passage.in_document(s.start_char, s.end_char)
        spans.append(Span(passage.document.id or "", start, end, s.text))
    return spans


def graph_recall(index: Index, embedder: Embedder, texts: Sequence[str], n: int = 100) -> float:
    """Of the ``n`` vectors next to each text's, the share that the graph for large indexes (HNSW) finds."""
    vectors = embedder.embed(texts)
    with tempfile.TemporaryDirectory() as folder:
        shares = []
        for flat_up_to in (0, len(index)):
            path = Path(folder, str(flat_up_to))
            checksum = faiss_vectors.write(path, index.vectors(), len(index), flat_up_to=flat_up_to)
            opened = faiss_vectors.read(path, checksum)
            shares.append([set(faiss_vectors.nearest(opened, vector, n)) for vector in vectors])
    return float(np.mean([len(some & all_) / len(all_) for some, all_ in zip(*shares, strict=True)]))


def conditions(names: Sequence[str], budgets: Sequence[int], *, shuffle: bool) -> tuple[Condition, ...]:
    """Scorers × budgets, and of shuffled lists too where wanted.

    Differences are from the first scorer; those of a shuffled list from the ranked one.
    """
    made = []
    for name, budget, kind in product(names, budgets, (RANKED, SHUFFLED) if shuffle else (RANKED,)):
        labels: dict[str, Label] = {"scorer": name, "budget": budget, "list": kind}
        if kind == SHUFFLED:
            versus = {"": f"{name}, {budget} tokens, {RANKED}"}
        else:
            versus = {} if name == names[0] else {"": f"{names[0]}, {budget} tokens, {RANKED}"}
        made.append(Condition(f"{name}, {budget} tokens, {kind}", labels, versus))
    return tuple(made)


@study_command
def retrieval_command(
    run: Run,
    proxied: options.Proxied,
    work: Annotated[
        Path, typer.Option("--work", metavar="DIR", help="Where the documents and their index are kept.")
    ],
    n_questions: Annotated[
        int | None, typer.Option("--questions", metavar="N", min=1, help="Ask the first N of each file.")
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", metavar="K", min=1, help="Passages to retrieve.")] = 50,
    budget: Annotated[
        list[int], typer.Option("--budget", metavar="N", min=1, help="Tokens to keep; repeatable.")
    ] = [1000],  # noqa: B006 - typer copies it
    scorer: options.ScorerNames = [scorers.DEFAULT],  # noqa: B006
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Also: the passages in an order that says nothing.")
    ] = False,
    graph: Annotated[
        bool,
        typer.Option("--graph", help="Also: how many nearest passages does the graph of large indexes find?"),
    ] = False,
) -> None:
    """Index all documents as one folder; is the evidence found, and does it survive the budget?

    Beside it stands the plain way: the same passages, best first, cut off at the same number of tokens.
    """
    read = run.read()
    n_documents = write_folder(read.files, work / "documents")
    embedder = MiniLM()
    with byte_bar("indexing", "writing the index") as bar:
        built = build_index(work / "documents", work / "index", embedder=embedder, note=note, progress=bar)
    model, index = proxied.find(), Index(work / "index", embedder=embedder)
    compressors = {
        name: Compressor(made, counter=model.counter)
        for name, made in options.build_scorers(scorer, model.load, run.seed).items()
    }
    sample = Questions(read.files, tuple(select(read.files, n_questions)))
    asking = _Asking(index, compressors, model.counter, top_k=top_k, seed=run.seed)
    compared = conditions(list(compressors), list(dict.fromkeys(budget)), shuffle=shuffle)
    study = Study("retrieval", "Is the evidence found, and kept?", compared, asking.measure, METRICS)
    settings: dict[str, Any] = {"top_k": top_k, "documents": n_documents, "passages": built.n_passages}
    by_graph = graph_recall(index, embedder, [e.question for e in sample.examples]) if graph else None
    run.carry_out(study, sample, {**settings, **model.settings}, more={"graph_recall": by_graph})
    out().print(
        f"one folder of {n_documents} documents, {built.n_passages} passages; the best {top_k} are kept"
    )
    if by_graph is not None:
        out().print(
            f"of the 100 passages nearest to a question, a graph over them (HNSW) finds {by_graph:.1%}"
        )
