"""Questions asked of an index over the training documents: what a retriever finds, in its order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragcompress.index import Hit, Index, build_index
from ragcompress.models.embedding import Embedder

from .evidence_reading import Task
from .evidence_recipe import kind_of, picked
from .examples import DataFile, Example


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What is asked of the index.

    Attributes:
        questions: of each of the data sets.
        documents: those of so many questions of each are in the index, by data set.
        top_k: passages that are found.
        read: share of the tokens that counts as read where the head learns from a question read in part.
    """

    questions: int = 45
    documents: tuple[tuple[str, int], ...] = (
        ("nq", 150), ("hotpotqa", 130), ("2wikimultihopqa", 130), ("musique", 100),
    )  # fmt: skip
    top_k: int = 50
    read: float = 0.35


def retrieved_tasks(
    files: Sequence[DataFile],
    recipe: Retrieved,
    embedder: Embedder,
    work: Path,
    note: Callable[[str], None] = lambda line: None,
) -> list[Task]:
    """Build the index, ask it, and find the evidence in what it gave; questions for which it is not there
    are left out.

    Args:
        work: folder for documents and index; an index that is there is brought up to date.
    """
    named = {kind_of(f): f for f in files}
    known = [(named[kind], n) for kind, n in recipe.documents if kind in named]
    write_documents([(f, picked(f, n)) for f, n in known], work / "documents")
    build_index(work / "documents", work / "index", embedder=embedder, note=note)
    index = Index(work / "index", embedder=embedder)
    lists = [
        [
            task
            for example in picked(file, recipe.questions)
            if (task := _task(index, example, kind_of(file), recipe))
        ]
        for file, _ in known
    ]
    keyed = [((i + 0.5) / len(own), k, task) for k, own in enumerate(lists) for i, task in enumerate(own)]
    return [task for *_, task in sorted(keyed, key=lambda item: item[:2])]


def write_documents(sources: Sequence[tuple[DataFile, Sequence[Example]]], folder: Path) -> None:
    """Each different document once, one JSON Lines file per data file."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for file, examples in sources:
        lines = []
        for example in examples:
            for document in example.segmentation.documents:
                name = document_id(document.title, document.text)
                if name not in seen and document.text.strip():
                    seen.add(name)
                    lines.append(json.dumps({"id": name, "title": document.title, "text": document.text}))
        (folder / f"{kind_of(file)}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def document_id(title: str | None, text: str) -> str:
    """The same for the same document, wherever it occurs; 16 hex digits."""
    return hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()[:16]


def _task(index: Index, example: Example, kind: str, recipe: Retrieved) -> Task | None:
    hits = index.search(example.question, recipe.top_k)
    found = index.segmentation(hits)
    gold, steps = (_found(example, hits, index, which) for which in (example.gold, example.steps))
    if not gold:
        return None
    changed = Example(
        f"retrieved/{example.id}",
        example.dataset,
        example.question,
        example.answers,
        found,
        gold,
        True,
        steps,
    )
    ranks = tuple(range(len(found.documents)))
    return Task(changed, kind, "retrieved", ranks, recipe.read)


def _found(example: Example, hits: Sequence[Hit], index: Index, which: Sequence[int]) -> tuple[int, ...]:
    """Sentences of what was found that hold at least half of one of some sentences, or lie in it."""
    s = example.segmentation
    ids = [document_id(d.title, d.text) for d in s.documents]
    wanted = [(ids[t.document], t.start_char, t.end_char) for t in (s.sentences[i] for i in which)]
    result = []
    for i, sentence in enumerate(index.segmentation(hits).sentences):
        passage = hits[sentence.document].passage
        start, end = passage.in_document(sentence.start_char, sentence.end_char)
        for name, a, b in wanted:
            if passage.document.id == name and 2 * (min(end, b) - max(start, a)) >= min(end - start, b - a):
                result.append(i)
                break
    return tuple(result)
