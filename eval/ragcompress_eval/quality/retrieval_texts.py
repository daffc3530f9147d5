"""The documents of data files as one folder, and where in it their evidence stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragcompress.training.examples import DataFile, Example


@dataclass(frozen=True, slots=True)
class Question:
    """A question to ask of the folder.

    Attributes:
        gold: (id of a document, start, end) of each sentence that is evidence.
    """

    id: str
    dataset: str
    text: str
    gold: tuple[tuple[str, int, int], ...]


def write_folder(files: Sequence[DataFile], folder: Path) -> int:
    """Write each different document of the files once, one JSON Lines file per data file.

    Returns:
        How many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for file in files:
        lines = []
        for example in file.examples:
            for document in example.segmentation.documents:
                name = document_id(document.title, document.text)
                if name not in seen and document.text.strip():
                    seen.add(name)
                    lines.append(json.dumps({"id": name, "title": document.title, "text": document.text}))
        (folder / f"{file.name.split('.jsonl')[0]}.jsonl").write_text(
            "\n".join(lines) + "\n", encoding="utf-8"
        )
    return len(seen)


def questions(files: Sequence[DataFile], n: int | None) -> list[Question]:
    """The first ``n`` questions of each file that have evidence."""
    found = []
    for file in files:
        own = [_question(e) for e in file.examples if e.gold]
        found += own[:n]
    return found


def document_id(title: str | None, text: str) -> str:
    """The same for the same document, wherever it occurs; 16 hex digits."""
    return hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()[:16]


def _question(example: Example) -> Question:
    documents = example.segmentation.documents
    ids = [document_id(d.title, d.text) for d in documents]
    sentences = [example.segmentation.sentences[i] for i in example.gold]
    gold = tuple((ids[s.document], s.start_char, s.end_char) for s in sentences)
    return Question(example.id, example.dataset, example.question, gold)
