"""Questions with labeled evidence, read from files in the schema of the data folder's README."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Literal

from ragcompress import DataError, InputError, Segmentation, given

from .metrics import holds_answer, normalize

OnBad = Literal["stop", "skip"]
Record = dict[str, object]
Place = tuple[int, int]
"""Document and sentence, counted as the data does, empty sentences included."""


@dataclass(frozen=True, slots=True)
class Example:
    """One question.

    Attributes:
        answers: those acceptable; any of them will do.
        segmentation: the data's own sentences, empty ones left out.
        gold: indices, ascending, of the sentences of ``segmentation`` that are evidence; empty where the
            data doesn't say, or the evidence is not in these documents.
        complete: whether ``gold`` is all the evidence there is; False where the data says that some of it is
            not in these documents (``meta.dropped_supporting``).
        steps: indices, ascending, of sentences that answer a step of the question, where the data names its
            steps (``decomposition``). Training counts them as evidence too; measuring doesn't.
        lang: language of question and documents, as the data names it.
    """

    id: str
    dataset: str
    question: str
    answers: tuple[str, ...]
    segmentation: Segmentation
    gold: tuple[int, ...]
    complete: bool = True
    steps: tuple[int, ...] = ()
    lang: str = "en"


@dataclass(frozen=True, slots=True)
class DataFile:
    """What was read from one file.

    Attributes:
        name: without its folder.
        sha256: of the file as it is on disk.
        n_read: records looked at.
        examples: those that are sound.
        bad: place and reason of those that are not.
    """

    name: str
    sha256: str
    n_read: int
    examples: tuple[Example, ...]
    bad: tuple[str, ...]


def read_files(
    paths: Sequence[Path], *, limit: int | None = None, on_bad: OnBad = "stop"
) -> tuple[DataFile, ...]:
    """Read files of records, JSON objects one a line; gzip'd where the name ends in ``.gz``.

    Args:
        paths: in the order in which the questions are to come.
        limit: look only at the first records of each file.
        on_bad: what a malformed record does: ``stop`` raises, ``skip`` notes it and continues.

    Raises:
        DataError: for a file that can't be read, or a malformed record: says file, line and reason.
    """
    seen: dict[str, str] = {}
    return tuple(_read_file(path, limit, on_bad, seen) for path in paths)


def parse_example(record: object) -> Example:
    """Check a record and turn it into an ``Example``.

    Raises:
        InputError: says what is wrong with it.
    """
    if not isinstance(record, dict):
        raise InputError(f"a record must be an object, got {type(record).__name__}")
    identity, dataset, lang, question = (_text(record, k) for k in ("id", "dataset", "lang", "question"))
    answers = tuple(_strings(_required(record, "answers"), "answers"))
    titles, documents = _documents(_required(record, "documents"))
    segmentation = given(documents, titles=titles, joiner="" if lang == "zh" else " ")
    if not segmentation.sentences:
        raise InputError("the documents hold no text")
    places = [(d, s) for d, document in enumerate(documents) for s, t in enumerate(document) if t.strip()]

    def indices(wanted: set[Place]) -> tuple[int, ...]:
        return tuple(index for index, place in enumerate(places) if place in wanted)

    gold, steps = _gold(record, documents, answers), _steps(record, documents)
    meta = record.get("meta")
    complete = not (isinstance(meta, dict) and meta.get("dropped_supporting"))
    return Example(
        id=identity,
        dataset=dataset,
        question=question.strip(),
        answers=answers,
        segmentation=segmentation,
        gold=indices(gold),
        complete=complete,
        steps=indices(steps),
        lang=lang,
    )


def _read_file(path: Path, limit: int | None, on_bad: OnBad, seen: dict[str, str]) -> DataFile:
    examples: list[Example] = []
    bad: list[str] = []
    n_read = 0
    for number, line in islice(read_lines(path), limit):
        n_read += 1
        place = f"{path}, line {number}"
        try:
            example = parse_example(_decoded(line))
            if example.id in seen:
                raise InputError(f"the id {example.id!r} was there already: {seen[example.id]}")
        except InputError as error:
            if on_bad == "stop":
                raise DataError(f"{place}: {error}") from error
            bad.append(f"{place}: {error}")
            continue
        seen[example.id] = place
        examples.append(example)
    with path.open("rb") as file:
        return DataFile(
            path.name, file_digest(file, "sha256").hexdigest(), n_read, tuple(examples), tuple(bad)
        )


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers, counted from 1."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{path} can't be read: {reason}") from error


def _decoded(line: bytes) -> object:
    try:
        record: object = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"not a JSON object in UTF-8: {error}") from error
    return record


def _required(record: Record, key: str) -> object:
    if key not in record:
        raise InputError(f"the key {key!r} is missing")
    return record[key]


def _text(record: Record, key: str) -> str:
    value = _required(record, key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{key!r} must be a text that is not empty, got {value!r:.60}")
    return value


def _strings(value: object, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise InputError(f"{what!r} must be a list of texts, got {value!r:.60}")
    return value


def _documents(value: object) -> tuple[list[str | None], list[list[str]]]:
    """Titles (None for empty ones) and sentences."""
    if not isinstance(value, list) or not all(isinstance(d, dict) for d in value):
        raise InputError(f"'documents' must be a list of objects, got {value!r:.60}")
    titles: list[str | None] = []
    for number, document in enumerate(value):
        title = document.get("title")
        if title is not None and not isinstance(title, str):
            raise InputError(f"the title of document {number} must be a text or null, got {title!r:.60}")
        titles.append(title or None)
    return titles, [_strings(d.get("sentences"), f"sentences of document {n}") for n, d in enumerate(value)]


def _gold(record: Record, documents: list[list[str]], answers: Iterable[str]) -> set[Place]:
    """Places of the evidence: as marked, or else the gold documents' sentences that contain an answer."""
    supporting = _required(record, "supporting")
    if supporting is not None:
        return _marked(supporting, documents)
    gold_docs = record.get("gold_docs") or []
    if not isinstance(gold_docs, list) or not all(_is_index(d, documents) for d in gold_docs):
        raise InputError(
            f"'gold_docs' must be numbers of the {len(documents)} documents, got {gold_docs!r:.60}"
        )
    return _holding(answers, gold_docs, documents)


def _steps(record: Record, documents: list[list[str]]) -> set[Place]:
    """Places of the sentences that answer a step, each in the document that the data names for it.

    Measuring does without steps, so those that name no document, or have another form, are passed over.
    """
    steps = record.get("decomposition")
    found: set[Place] = set()
    for step in steps if isinstance(steps, list) else ():
        answer, document = (step.get("answer"), step.get("doc")) if isinstance(step, dict) else (None, None)
        if isinstance(answer, str) and isinstance(document, int) and _is_index(document, documents):
            found |= _holding([answer], [document], documents)
    return found


def _holding(answers: Iterable[str], among: Iterable[int], documents: list[list[str]]) -> set[Place]:
    """Places of the sentences of some documents that hold one of the answers."""
    wanted = [n for n in map(normalize, answers) if n]
    candidates = ((d, s, text) for d in among for s, text in enumerate(documents[d]))
    return {(d, s) for d, s, text in candidates if holds_answer(normalize(text), wanted)}


def _marked(supporting: object, documents: list[list[str]]) -> set[Place]:
    if not isinstance(supporting, list):
        raise InputError(f"'supporting' must be a list of pairs or null, got {supporting!r:.60}")
    for pair in supporting:
        is_intact = isinstance(pair, list) and len(pair) == 2 and _is_index(pair[0], documents)
        if not is_intact or not _is_index(pair[1], documents[pair[0]]):
            raise InputError(f"'supporting' names a sentence that is not there: {pair!r:.60}")
    return {(d, s) for d, s in supporting}


def _is_index(value: object, sequence: Sequence[object]) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(sequence)
