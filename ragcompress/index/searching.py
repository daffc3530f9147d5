"""Searching an index: words and meaning, fused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data import Progress, Segmentation
from ..errors import DataError, InputError
from ..models.bert import Vectors
from ..models.embedders import built_with
from ..models.embedding import Embedder
from . import vectors
from .building import KEYS, PASSAGES, VECTORS, check_format, readable
from .database import ANEW, Database
from .passages import Passage, assemble
from .vectors import Ids

_FUSION = 60  # the constant of Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion …", SIGIR 2009
_DEPTH = 100  # of each ranking, at least


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    Attributes:
        score: sum over the two rankings of 1 / (60 + rank), ranks from 1.
        bm25_rank, vector_rank: its ranks; None where it is not in the ranking.
    """

    passage: Passage
    score: float
    bm25_rank: int | None
    vector_rank: int | None


class Index:
    """An index to search, as it is now: a build that ends later does not change it. Safe to share by threads.

    Args:
        path: the folder that ``build_index`` made.
        embedder: the one it was built with; None: it is loaded, if it is one of ours.
        progress: called with (bytes done, bytes in all) if the embedder must be fetched.

    Raises:
        DataError: if there is no index, or it can't be read.
        InputError: if it was built with another embedder.
    """

    def __init__(
        self, path: str | Path, *, embedder: Embedder | None = None, progress: Progress | None = None
    ) -> None:
        self.path = Path(path)
        for is_last in (False, True):
            try:
                self._open()
                break
            except FileNotFoundError as error:
                # Two builds may have ended between reading the name of the version and opening it.
                if is_last:
                    raise DataError(f"{error} is missing; {ANEW}") from error
        self.about: Mapping[str, Any] = self._database.meta()
        check_format(self.path, self.about)
        model = self.about.get("embedder")
        if not isinstance(model, str):
            raise DataError(f"the index {path} does not say what embedder it was built with; {ANEW}")
        if embedder is None:
            if (kind := built_with(model)) is None:
                raise InputError(
                    f"the index {path} was built with the embedder {model!r}, which is none of ours: give it "
                    "as embedder=…"
                )
            embedder = kind(progress=progress)
        self._embedder = embedder
        if model != self._embedder.name:
            raise InputError(
                f"the index {path} was built with the embedder {model!r}, not {self._embedder.name!r}"
            )

    def __len__(self) -> int:
        """Number of passages."""
        return self._database.n_passages()

    @property
    def keys(self) -> Path:
        """Folder for keys and values of the passages, the same for all versions; it may not be there."""
        return self.path / KEYS

    def search(self, question: str, top_k: int = 50) -> list[Hit]:
        """Find the passages that BM25 and the embeddings, together, rank first.

        Args:
            top_k: how many, at least 1.

        Returns:
            At most ``top_k``, best first; ties by place in the index.
        """
        if top_k < 1:
            raise InputError(f"top_k must be at least 1, got {top_k}")
        if not question.strip():
            raise InputError("the question is empty")
        depth = max(top_k, _DEPTH)
        words = _ranks(self._database.find_words(question, depth))
        vector = vectors.embed(self._embedder, [question])[0]
        meaning = _ranks(vectors.nearest(self._vectors, vector, depth))
        fused = {
            key: sum(1 / (_FUSION + ranks[key]) for ranks in (words, meaning) if key in ranks)
            for key in words.keys() | meaning.keys()
        }
        best = sorted(fused, key=lambda key: (-fused[key], key))[:top_k]
        passages = self._database.get(best)
        return [Hit(passages[key], fused[key], words.get(key), meaning.get(key)) for key in best]

    def segmentation(self, hits: Sequence[Hit]) -> Segmentation:
        """What to compress: each passage a document with its hit's score, best first, cut as when indexed."""
        return assemble([hit.passage for hit in hits], [hit.score for hit in hits])

    def passages(self) -> Iterator[Passage]:
        """Iterate over every passage."""
        return self._database.all_passages()

    def vectors(self) -> Iterator[tuple[Ids, Vectors]]:
        """Iterate over the vectors of all passages, some thousands at a time, with their numbers."""
        return self._database.vectors()

    def _open(self) -> None:
        version = readable(self.path)
        self._database = Database(self.path / version / PASSAGES)
        about = self._database.meta()
        place = self.path / version / VECTORS
        self._vectors = vectors.read(place, about.get("vectors"), about.get("vectors_size"))


def to_sources(result: Mapping[str, Any], hits: Sequence[Hit]) -> dict[str, Any]:
    """A result over passages with offsets into their documents.

    Args:
        result: ``CompressedContext.to_dict()`` for ``Index.segmentation(hits)``.

    Returns:
        The same, ``start_char`` and ``end_char`` counted from the start of the source's text; ``document``
        is still the place among the hits.
    """

    def move(item: Mapping[str, Any]) -> dict[str, Any]:
        start, end = hits[item["document"]].passage.in_document(item["start_char"], item["end_char"])
        return {**item, "start_char": start, "end_char": end}

    changed = {key: [move(item) for item in result[key]] for key in ("pieces", "dropped")}
    return {**result, **changed}


def _ranks(keys: Sequence[int]) -> dict[int, int]:
    return {key: rank for rank, key in enumerate(keys, 1)}
