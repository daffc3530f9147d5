"""The documents of data files as one folder, and where in it their evidence stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ragcompress.training.examples import DataFile, Example


class Span(NamedTuple):
    """A stretch of a document: the characters from ``start`` up to ``end``, and what they say."""

    document: str
    start: int
    end: int
    text: str


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


def select(files: Sequence[DataFile], n: int | None) -> list[Example]:
    """The first ``n`` questions of each file that have evidence."""
    return [example for file in files for example in [e for e in file.examples if e.gold][:n]]


def document_id(title: str | None, text: str) -> str:
    """The same for the same document, wherever it occurs; 16 hex digits."""
    return hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()[:16]


def gold_spans(example: Example) -> tuple[Span, ...]:
    """Where in the folder each sentence stands that is evidence."""
    ids = [document_id(d.title, d.text) for d in example.segmentation.documents]
    sentences = [example.segmentation.sentences[i] for i in example.gold]
    return tuple(Span(ids[s.document], s.start_char, s.end_char, s.text) for s in sentences)
