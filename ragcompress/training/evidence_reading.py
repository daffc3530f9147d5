"""What the evidence model is fitted to: cheap signals of whole questions, attention in chosen passages.

Every passage is read: regressions that saw the promising ones alone mistake what the others are like. Which
of them words, vectors and the retriever's rank find promising, without a look at the labels, is noted
(``Reading.chosen``): the head learns from questions read so far, and from questions read whole.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.lib.format import read_array
from numpy.typing import NDArray

from ragcompress import DataError
from ragcompress.data import Attention, FloatArray
from ragcompress.files import write_whole
from ragcompress.models.embedding import TokenEmbedder
from ragcompress.prompts.passages import Passage, Prompt, Template, cut_passages, join, make_tail
from ragcompress.proxy.base import Proxy
from ragcompress.scorers.evidence.late_interaction import Vectors, compare
from ragcompress.scorers.evidence.words import shared_words, stems
from ragcompress.scorers.passage_probe.second_look import Chosen, fact_texts

from .examples import Example

Arrays = dict[str, NDArray[Any]]
FORMAT = 3
_FEWEST = 3  # passages are chosen, at least
_FUSION = 10  # of the reciprocal ranks that passages are chosen by
_VECTORS = tuple(f.name for f in fields(Vectors))
_PROBED = frozenset({"mass", "rows"})
_NAMES = {"attention": _PROBED, "again": _PROBED, "vectors": frozenset(_VECTORS)}


@dataclass(frozen=True, slots=True)
class Task:
    """One question to read.

    Attributes:
        kind: which data set.
        shape: how it was changed.
        ranks: of its documents, from 0, by a real retriever.
        read: share of the tokens that counts as read where the head learns from a question read in part.
    """

    example: Example
    kind: str
    shape: str
    ranks: tuple[int, ...] | None = None
    read: float = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a task.

    Attributes:
        passages: all passages of the question.
        chosen: positions of those that look promising without a look at the labels, ascending.
        attentions: in all of them.
        vectors: of the question and all sentences.
    """

    task: Task
    passages: tuple[Passage, ...]
    chosen: tuple[int, ...]
    attentions: tuple[Attention, ...]
    vectors: Vectors


class Reader:
    """Reads tasks, and keeps what it read.

    Args:
        proxy, embedder: the models.
        n_layers: layers to read, from the first.
        passage_tokens: longest passage.
        store: folder of two or three files per task; what is there is not read again.
    """

    def __init__(
        self, proxy: Proxy, embedder: TokenEmbedder, *, n_layers: int, passage_tokens: int, store: Path | None
    ) -> None:
        self.proxy, self.embedder, self.store = proxy, embedder, store
        self.n_layers, self.passage_tokens = n_layers, passage_tokens

    def __call__(self, task: Task) -> Reading:
        """Read one task.

        Raises:
            DataError: if the store can't be written, or is damaged.
        """
        s = task.example.segmentation
        passages = cut_passages(self.proxy.tokenizer, Template(), s, self.passage_tokens)
        vectors = self.vectors(task)
        arrays = self._kept(
            "attention", self._attention_key(task), lambda: self._read(task.example.question, passages)
        )
        chosen = tuple(blind_choice(task, passages, vectors))
        return Reading(task, passages, chosen, self._attentions(passages, arrays), vectors)

    def again(self, reading: Reading, chosen: Chosen) -> tuple[Attention, ...]:
        """Attention in the chosen passages with the facts before the question; () where that is too long.

        Raises:
            DataError: as for ``__call__``.
        """
        example = reading.task.example
        facts = fact_texts(example.segmentation, chosen)
        tail = make_tail(self.proxy.tokenizer, Template(), example.question, facts)
        passages = [reading.passages[p] for p in chosen.passages]
        prompts = [join(p, tail) for p in passages]
        if max(map(len, prompts)) > self.proxy.info.max_tokens:
            return ()
        key = _hash([self._attention_key(reading.task), facts, list(chosen.passages)])
        return self._attentions(passages, self._kept("again", key, lambda: self._probe(prompts)))

    def vectors(self, task: Task) -> Vectors:
        """How a task's question and sentences compare."""
        s = task.example.segmentation

        def read() -> Arrays:
            found = compare(task.example.question, s, self.embedder)
            if found is None:
                raise DataError(f"question {task.example.id} or its documents have no words")
            exact = {name: np.asarray(getattr(found, name)) for name in _VECTORS}
            return {n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in exact.items()}

        arrays = self._kept("vectors", _hash([self.embedder.name, *_text_of(task)]), read)
        exact = {n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in arrays.items()}
        return Vectors(**exact)  # type: ignore[arg-type]

    def _kept(self, what: str, key: str, read: Callable[[], Arrays]) -> Arrays:
        """The arrays of a name in the store; read, and written there, if they are missing."""
        if self.store is None:
            return read()
        path = self.store / what / f"{key}.npz"
        if not path.exists():
            arrays = read()
            _save(path, arrays)
            return arrays
        arrays = _stored(path)
        if arrays.keys() != _NAMES[what]:
            raise DataError(f"{path} is damaged (it holds other arrays); delete it and run again")
        return arrays

    def _read(self, question: str, passages: Sequence[Passage]) -> Arrays:
        tail = make_tail(self.proxy.tokenizer, Template(), question)
        return self._probe([join(p, tail) for p in passages])

    def _probe(self, prompts: Sequence[Prompt]) -> Arrays:
        attentions = self.proxy.probe(prompts, n_layers=self.n_layers)
        return {
            "mass": np.concatenate([a.mass for a in attentions], axis=-1),
            "rows": np.array(attentions[0].rows),
        }

    def _attentions(self, passages: Sequence[Passage], arrays: Arrays) -> tuple[Attention, ...]:
        rows = tuple(str(r) for r in arrays["rows"])
        found, start = [], 0
        for passage in passages:
            stop = start + len(passage.spans)
            n_tokens = np.array([b - a for a, b in passage.spans], dtype=np.int64)
            mass = arrays["mass"][..., start:stop].astype(np.float32)
            found.append(Attention(mass, n_tokens, rows, self.proxy.info.fingerprint))
            start = stop
        return tuple(found)

    def _attention_key(self, task: Task) -> str:
        info = self.proxy.info
        settings = [
            FORMAT, info.fingerprint, info.precision, Template().fingerprint(), self.n_layers,
            self.passage_tokens,
        ]  # fmt: skip
        return _hash([*settings, *_text_of(task)])


def _text_of(task: Task) -> list[object]:
    s = task.example.segmentation
    return [
        task.example.question,
        [[d.title, d.text] for d in s.documents],
        [[t.document, t.start_char, t.end_char] for t in s.sentences],
    ]


def _hash(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def blind_choice(task: Task, passages: Sequence[Passage], vectors: Vectors) -> list[int]:
    """Positions, ascending, of the passages that look promising, whatever the labels say."""
    s = task.example.segmentation
    asked = stems(task.example.question)
    matches = vectors.matches @ vectors.weights
    sentences = shared_words(asked, [stems(t.text) for t in s.sentences])
    texts = [
        f"{s.documents[p.document].title or ''} " + " ".join(s.sentences[i].text for i in p.sentences)
        for p in passages
    ]
    values = [
        np.array([max(matches[i] for i in p.sentences) for p in passages]),
        shared_words(asked, [stems(t) for t in texts]),
        np.array([max(sentences[i] for i in p.sentences) for p in passages]),
    ]
    total = np.sum([1 / (_FUSION + _places(-v)) for v in values], axis=0)
    if task.ranks is not None:
        total = total + 2 / (_FUSION + np.array([task.ranks[p.document] for p in passages]))
    order = np.argsort(-total, kind="stable")
    sizes = np.array([len(passages[p].prefix) for p in order])
    n = int(np.searchsorted(np.cumsum(sizes), task.read * sizes.sum(), side="right"))
    return sorted(int(p) for p in order[: max(_FEWEST, n)])


def _places(values: FloatArray) -> FloatArray:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)


def _stored(path: Path) -> Arrays:
    """The arrays of a file; each is read to its end, where the archive's sums tell damage."""
    try:
        with ZipFile(path) as archive:
            return {
                name.removesuffix(".npy"): read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
            }
    except Exception as error:  # zipfile, zlib and the headers of arrays raise many unrelated kinds
        raise DataError(f"{path} is damaged ({error}); delete it and run again") from error


def _save(path: Path, arrays: Arrays) -> None:
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror or error}") from error
    write_whole(path, content.getvalue(), private=True)  # attention tells of the texts


def read_all(
    tasks: Sequence[Task], reader: Callable[[Task], Reading], advance: Callable[[int, int], None]
) -> list[Reading]:
    """Read the tasks; ``advance`` is called with (done, in all)."""
    readings = []
    for done, task in enumerate(tasks, 1):
        readings.append(reader(task))
        advance(done, len(tasks))
    return readings
