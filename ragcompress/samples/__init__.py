"""A small invented archive, a question over two of its documents, and the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..data import Document

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Sample:
    """A question, its documents, and how to see that the answer survived.

    Attributes:
        answer: what a reader should say.
        evidence: phrases of the documents without which it can't; the answer is in one of them.
    """

    question: str
    answer: str
    evidence: tuple[str, ...]
    documents: tuple[Document, ...]


def demo() -> Sample:
    """Read the sample."""
    known = json.loads((_FOLDER / "demo.json").read_text(encoding="utf-8"))
    documents = tuple(
        _read(path) for path in sorted((_FOLDER / "demo").iterdir()) if path.suffix in (".md", ".txt")
    )
    return Sample(known["question"], known["answer"], tuple(known["evidence"]), documents)


def _read(path: Path) -> Document:
    """A document whose title is the first line of its file, as retrieved documents mostly have one."""
    title, text = path.read_text(encoding="utf-8").split("\n", 1)
    return Document(text.strip(), title.lstrip("# "), id=path.name, metadata={"source": path.name})
