"""Is what is kept of a manual under its name, and whole? Questions made from the pages of a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

import numpy as np
import typer

from ragcompress import Budget, Compressor, Document, read_documents, scorers
from ragcompress.cli.console import note, out
from ragcompress.data import Segmentation
from ragcompress.errors import BudgetTooSmall, DataError
from ragcompress.plan import Plan
from ragcompress.text.terms import terms
from ragcompress_eval.bench.options import ResultFile
from ragcompress_eval.bench.results import write_json

from .manual_judging import Judgment, Kept, is_at_hand, judge
from .manual_pages import Located, Page, Question, Span, default_value, locate, questions, read_page

WAYS = ("text", "man", "loader")
Chunk = tuple[int, Span]
"""Number of the page, and the stretch of its text."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The pages of a folder as one way of reading gives them, cut into what is retrieved.

    Attributes:
        pages: by number.
        chunks: where each stands.
        parts: the chunks as documents; with their units where the way brings them.
        passages: for the way ``loader``, those of an index.
    """

    pages: Sequence[Located]
    chunks: Sequence[Chunk]
    documents: Sequence[Document]
    passages: Sequence[Any] = ()


def read_folder(folder: Path, way: str) -> tuple[list[Page], list[Path]]:
    """The markup of pages that have names with descriptions; for ``man`` of those with a text beside them."""
    files = sorted(f for f in folder.rglob("*.html"))
    if way == "man":
        files = [f for f in files if f.with_suffix(".txt").is_file()]
    read = [(read_page(file), file) for file in files]
    pages = [(page, file) for page, file in read if page.entries]
    if not pages:
        raise DataError(f"no page in {folder} has a definition list (way {way!r})")
    return [page for page, _ in pages], [file for _, file in pages]


def corpus(folder: Path, way: str) -> Corpus:
    """Read and cut the pages of a folder.

    ``text``: all text of the page, as LangChain's HTML loaders give it, through its default splitter (1,000
    characters, 200 overlap). ``man``: the text beside the page (``ls.1.txt`` beside ``ls.1.html``), through
    the same splitter. ``loader``: our Markdown, in passages as an index has them.
    """
    pages, files = read_folder(folder, way)
    if way == "loader":
        return _passages(pages, files)
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
    located, chunks, documents = [], [], []
    for number, (page, file) in enumerate(zip(pages, files, strict=True)):
        text = file.with_suffix(".txt").read_text(encoding="utf-8") if way == "man" else page.text
        located.append(locate(page, text))
        for made in splitter.create_documents([text], [{"source": str(file), "title": page.title}]):
            start = made.metadata["start_index"]
            chunks.append((number, (start, start + len(made.page_content))))
            documents.append(Document(made.page_content, page.title, None, made.metadata))
    return Corpus(located, chunks, documents)


def _passages(pages: Sequence[Page], files: Sequence[Path]) -> Corpus:
    from ragcompress.index.building import PASSAGE_TOKENS
    from ragcompress.index.passages import cut
    from ragcompress.models.embedding import MiniLM
    from ragcompress.text.segmentation import segment

    located, chunks, passages = [], [], []
    tokenizer = MiniLM().tokenizer
    for number, (page, file) in enumerate(zip(pages, files, strict=True)):
        documents = list(read_documents([file], note=lambda _: None))
        located.append(locate(page, documents[0].text))
        for passage in cut(segment(documents[:1]), tokenizer, PASSAGE_TOKENS):
            chunks.append((number, passage.in_document(*_first_and_last(passage))))
            passages.append(passage)
    return Corpus(located, chunks, [p.document for p in passages], passages)


def _first_and_last(passage: Any) -> Span:
    begin = 0 if passage.header is None else passage.sentences[1][0]
    return begin, passage.sentences[-1][1]


class Search:
    """BM25 over chunks, by the terms of the core."""

    def __init__(self, texts: Sequence[str]) -> None:
        from rank_bm25 import BM25Okapi

        self._bm25 = BM25Okapi([terms(text) for text in texts])

    def best(self, question: str, k: int) -> list[int]:
        """Numbers of the best chunks, best first."""
        ranked = np.argsort(-self._bm25.get_scores(terms(question)), kind="stable")
        return [int(i) for i in ranked[:k]]


def look(
    made: Corpus, sample: Sequence[Question], compressor: Compressor, ratio: float, k: int
) -> Iterator[tuple[Question, Judgment, str]]:
    """Ask; questions whose answer the search does not find, with its name in one chunk, are left out."""
    search = Search([f"{d.title}\n{d.text}" for d in made.documents])
    for question in sample:
        hits = search.best(question.text, k)
        page = made.pages[question.page]
        if not is_at_hand([made.chunks[i] for i in hits], page, question):
            continue
        documents: Any = [made.documents[i] for i in hits]
        if made.passages:
            from ragcompress.index.passages import assemble

            documents = assemble([made.passages[i] for i in hits])
        try:
            context = compressor(question.text, documents, budget=Budget(ratio=ratio))
        except BudgetTooSmall:
            continue
        parts: Segmentation = context.segmentation
        pieces: list[Kept] = []
        end = 0
        for piece in context.pieces:
            unit = parts.sentences[piece.sentence]
            chunk = hits[unit.document]
            number, whole = made.chunks[chunk]
            span = (unit.start_char + whole[0], unit.end_char + whole[0])
            if made.passages:
                span = made.passages[chunk].in_document(unit.start_char, unit.end_char)
            between, end = context.text[end : piece.start], piece.end
            pieces.append(Kept(number, span, chunk, whole, not between.strip() and bool(pieces)))
        yield question, judge(context.text, pieces, made.pages, question), context.text


def records(made: Corpus, sample: Sequence[Question], k: int) -> Iterator[dict[str, Any]]:
    """Questions for a default as ``ragcompress-eval answers`` reads them; a chunk found is one sentence."""
    search = Search([f"{d.title}\n{d.text}" for d in made.documents])
    for question in sample:
        value = default_value(question.wanted) if question.kind == "default" else ""
        page = made.pages[question.page]
        if not value:
            continue
        hits = search.best(question.text, k)
        if is_at_hand([made.chunks[i] for i in hits], page, question):
            parts = [made.documents[i] for i in hits]
            yield {
                "id": f"{page.page.title} {question.entry}",
                "dataset": "manuals",
                "lang": "en",
                "question": question.text,
                "answers": [value],
                "documents": [{"title": d.title, "sentences": [d.text]} for d in parts],
                "supporting": None,
            }


def figures(judgments: Sequence[tuple[Question, Judgment]]) -> dict[str, Any]:
    """Shares over all that was seen."""
    units = sum(s.units for _, s in judgments)
    described = sum(s.described for _, s in judgments)
    orphans: Counter[str] = sum((s.orphans for _, s in judgments), Counter())
    kinds = sorted({q.kind for q, _ in judgments})
    return {
        "n": len(judgments),
        "right": np.mean([s.right for _, s in judgments]),
        "right on its page": np.mean([s.here for _, s in judgments]),
        "kept": np.mean([s.kept for _, s in judgments]),
        "mislabeled": sum(s.mislabeled for _, s in judgments) / max(1, described),
        "orphans": orphans.total() / max(1, units),
        "unbalanced": sum(s.unbalanced for _, s in judgments),
        "units": units,
        **{f"orphans: {kind}": n / units for kind, n in sorted(orphans.items())},
        **{f"right: {kind}": np.mean([s.right for q, s in judgments if q.kind == kind]) for kind in kinds},
    }


def manuals_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pages of HTML.", exists=True)],
    scorer: Annotated[str, typer.Option("--scorer", metavar="NAME", help="What reads.")] = scorers.DEFAULT,
    way: Annotated[
        list[str] | None, typer.Option("--way", metavar="WAY", help="text, man, loader; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Questions of each way.")] = 200,
    ratio: Annotated[float, typer.Option(min=0.01, max=1, metavar="R", help="Share to keep.")] = 0.2,
    top_k: Annotated[int, typer.Option(min=1, metavar="K", help="Chunks that are retrieved.")] = 20,
    show: Annotated[
        Path | None, typer.Option("--show", metavar="FILE", help="Write contexts, faults.")
    ] = None,
    json_file: ResultFile = None,
    record_file: Annotated[
        Path | None,
        typer.Option("--records", metavar="FILE", help="Write questions for a reader, and look at none."),
    ] = None,
) -> None:
    """Is what is kept of a manual under its name, and whole?"""
    results: dict[str, dict[str, Any]] = {}
    shown = []
    compressor: Compressor | None = None
    for name in way or WAYS:
        made = corpus(folder, name)
        sample = list(questions([p.page for p in made.pages]))
        Random(1).shuffle(sample)
        if record_file is not None:
            unique = {r["id"]: r for r in records(made, sample, top_k)}
            made_lines = [json.dumps(r, ensure_ascii=False) for r in list(unique.values())[:limit]]
            record_file.write_text("\n".join(made_lines) + "\n", encoding="utf-8")
            return
        compressor = compressor or Compressor.from_plan(Plan(scorer=scorer))
        note(f"{name}: {len(made.pages)} pages, {len(made.chunks)} chunks, {len(sample)} questions")
        judgments = []
        for question, judgment, text in look(made, sample[:limit], compressor, ratio, top_k):
            judgments.append((question, judgment))
            about = {"question": question.text, "wanted": question.wanted, "right": judgment.right}
            shown.append({"way": name, **about, "faults": judgment.faults, "text": text})
        results[name] = {"questions": len(sample), **figures(judgments)}
    for name, row in results.items():
        out().print(name)
        for key, value in row.items():
            out().print(f"  {key:24} {value:.3f}" if isinstance(value, float) else f"  {key:24} {value}")
    if show is not None:
        lines = [json.dumps(item, ensure_ascii=False) for item in shown]
        show.write_text("\n".join(lines), encoding="utf-8")
    if json_file is not None:
        content = {"scorer": scorer, "ratio": ratio, "top_k": top_k, "results": results}
        write_json(json_file, content)
