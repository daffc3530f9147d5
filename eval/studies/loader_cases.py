"""Small files of all formats, each with what a person sees on it, and what nobody does.

All are made for this. A fact is a stretch of text; ``…`` in it stands for anything on the same line, so that
``Vik … 15`` says that both stand in one row. Facts are compared without marks of emphasis and with white
space as one blank. Files that are text stand in ``loader_cases.toml``, the others are made in
``loader_office.py``.
"""

from __future__ import annotations

import gzip
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    """A file.

    Attributes:
        shown: facts that a reader of the file has.
        hidden: what the file holds without showing it.
    """

    name: str
    suffix: str
    data: bytes
    shown: tuple[str, ...]
    hidden: tuple[str, ...] = ()


def cases() -> Iterator[Case]:
    """All files."""
    from .loader_office import decks, letters, paragraph, pdf, sheets

    stored = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    made = [
        *((c, ".html", f"<!doctype html><meta charset=utf-8>{c['body']}".encode()) for c in stored["page"]),
        *((c, c["suffix"], c["text"].encode(c.get("encoding", "utf-8"))) for c in stored["text"]),
        *((c, ".docx", paragraph(c["xml"])) for c in stored["paragraph"]),
    ]
    for case, suffix, data in made:
        yield Case(case["name"], suffix, data, tuple(case["shown"]), tuple(case.get("hidden", ())))
    packed = gzip.compress(b"# Fees\n\nThe fee is 12 crowns.\n")
    yield Case("packed", ".md.gz", packed, ("Fees", "The fee is 12 crowns."))
    lines = ("The bridge is of larch.", "Built in 1902.")
    yield Case("pdf", ".pdf", pdf(lines), lines)
    first, second = ("Annual report of Vik", "Fees rose to 15 crowns."), ("Page two: boats", "Ida carries 9.")
    yield Case("report", ".pdf", pdf(first, second), (*first, second[1]))
    for suffix, files in ((".docx", letters), (".xlsx", sheets), (".pptx", decks)):
        for name, file, *facts in files():
            yield Case(name, suffix, file, *facts)
