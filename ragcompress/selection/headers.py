"""What stands before the sentences of a document: its title and source, with a number to cite it by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from ..data import Document, Segmentation, Sentence

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def one_line(text: str) -> str:
    """The text on one line, so that a hostile title can't start lines of its own."""
    return " ".join(_CONTROL.sub(" ", text).split())


def short_sources(documents: Sequence[Document]) -> dict[str, str]:
    """Sources as they are shown: absolute paths from their common folder on, anything else as it is.

    Whoever reads the context has no need of the folders of the machine that it was made on.
    """
    sources = {document.origin: _path(document.origin) for document in documents}
    posix = {s: PurePosixPath(path) for s, path in sources.items() if path.startswith("/")}
    windows = {s: PureWindowsPath(path) for s, path in sources.items() if _WINDOWS.match(path)}
    shown = _below_root(posix, "/")
    for anchor in {path.anchor.lower() for path in windows.values()}:
        shown |= _below_root({s: p for s, p in windows.items() if p.anchor.lower() == anchor}, "\\")
    return {source: shown.get(source) or source for source in sources}


def _path(source: str) -> str:
    """The path of a ``file:`` address; any other source as it is."""
    if not source.startswith("file:/"):
        return source
    path = unquote(
        "/" + source.removeprefix("file:").removeprefix("//").removeprefix("localhost").lstrip("/")
    )
    return path[1:] if _WINDOWS.match(path[1:]) else path


def _below_root(paths: Mapping[str, PurePath], separator: str) -> dict[str, str]:
    """Each path from the folder on that all have in common."""
    levels = zip(*(path.parent.parts[1:] for path in paths.values()), strict=False)
    common = 1 + len(list(takewhile(lambda names: len(set(names)) == 1, levels)))
    return {source: separator.join(path.parts[common:]) for source, path in paths.items()}


class Headers:
    """Titles and numbers of the documents of one output; numbers count sources as they first appear."""

    def __init__(self, segmentation: Segmentation) -> None:
        self._documents = segmentation.documents
        self._sources: dict[str, str] = {}
        self._numbers: dict[tuple[str, str] | int, int] = {}

    def key(self, document: int) -> tuple[str, str] | int:
        """The same for documents that are parts of one source; one without a source stands for itself."""
        header = self._documents[document]
        source = header.origin
        return (source, header.title or "") if source else document

    def position(self, document: int) -> int | None:
        """Where in its source a document begins, by what is known of it: an offset, a page; None: unknown."""
        header = self._documents[document]
        if header.start_index is not None:
            return header.start_index
        return header.places.numbers[0] if header.places else None

    def by_source(self, sequence: Sequence[int], sentences: Sequence[Sentence]) -> tuple[int, ...]:
        """Sentences of one source together, sources as they first appear; inside, as they stand in it.

        Args:
            sequence: numbers of sentences, those of a document together and in order.
        """
        members: dict[tuple[str, str] | int, dict[int, list[int]]] = {}
        for index in sequence:
            document = sentences[index].document
            members.setdefault(self.key(document), {}).setdefault(document, []).append(index)
        ordered: list[int] = []
        for parts in members.values():
            places = {d: self.position(d) for d in parts}
            known = None not in places.values()
            for d in sorted(parts, key=lambda d: places[d] or 0) if known else parts:
                ordered += parts[d]
        return tuple(ordered)

    def follows(self, document: int, before: int) -> bool:
        """Whether a document is of the same source as another, and stands further on in it."""
        if self.key(document) != self.key(before):
            return False
        place, place_before = self.position(document), self.position(before)
        if place is None or place_before is None:
            return document > before
        return (place, document) > (place_before, before)

    def number(self, document: int) -> int:
        """The number of a document's source, from 1, in the order in which sources are asked for."""
        return self._numbers.setdefault(self.key(document), len(self._numbers) + 1)

    def title(self, document: int) -> str:
        """The title on one line; empty if there is none."""
        return one_line(self._documents[document].title or "")

    def source(self, document: int) -> str:
        """The source as it is shown, on one line; empty if there is none."""
        self._sources = self._sources or short_sources(self._documents)
        return one_line(self._sources[self._documents[document].origin])

    def markdown(self, document: int) -> str:
        """``### [n] title``; the source stands beside it where the document was read from a file."""
        title, source = self.title(document), self.source(document)
        label = (
            f"{title} ({source})"
            if title and source and self._documents[document].places
            else title or source
        )
        return f"### [{self.number(document)}] {label}".rstrip()
