"""Tasks that are made here, of any length: key-value retrieval, and stories hidden in book text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from uuid import UUID

from ragcompress import DataError, InputError
from ragcompress.training.examples import Example, read_lines

from . import Task
from .converting import Record, cut, record


def key_values(task: Task, *, n: int, n_pairs: int, seed: int) -> Iterator[Record]:
    """Key-value retrieval (Liu et al., arXiv 2307.03172): one record of random UUIDs is asked for.

    The keys asked for stand at evenly spread places, the first and the last included.

    Args:
        n: questions.
        n_pairs: key-value pairs of each, one a sentence.

    Raises:
        InputError: if one of them is below 1.
    """
    if n < 1 or n_pairs < 1:
        raise InputError(f"there must be at least one question and one pair, got {n} and {n_pairs}")
    random = Random(seed)
    for number in range(n):
        pairs = [(_uuid(random), _uuid(random)) for _ in range(n_pairs)]
        place = round(number * (n_pairs - 1) / max(1, n - 1))
        yield record(
            f'What is the value of the key "{pairs[place][0]}"?',
            [pairs[place][1]],
            [("", [f'"{k}": "{v}"' for k, v in pairs])],
            [(0, place)],
            id=f"{task.name}-{n_pairs}-{seed}-{number}",
            dataset=f"{task.name}/{n_pairs}",
            lang=task.lang,
            meta={**task.about, "seed": seed},
        )


def hidden_stories(
    task: Task, stories: Sequence[Example], books: Sequence[str], *, n_words: int, seed: int
) -> Iterator[Record]:
    """Stories hidden in book text (after BABILong, Kuratov et al., arXiv 2406.10149).

    The story's sentences keep their order; where they stand among a stretch of whole book sentences is
    drawn. Documents are the stretch, cut into about ten, without titles.

    Args:
        stories: with marked evidence; those without are left out.
        books: sentences in reading order.
        n_words: of story and book text together, about.

    Raises:
        InputError: if the books are too short, or no story has evidence.
    """
    usable = [e for e in stories if e.gold]
    if not usable:
        raise InputError("no story has marked evidence")
    random = Random(seed)
    lengths = [len(s.split()) for s in books]
    for story in usable:
        facts = [s.text for s in story.segmentation.sentences]
        room = n_words - sum(len(f.split()) for f in facts)
        if sum(lengths) < room:
            raise InputError(f"the books have {sum(lengths)} words, {room} are needed: give more books")
        mixed = _mix(facts, _stretch(books, lengths, room, random), random)
        size = max(1, -(-len(mixed) // 10))
        documents = [mixed[i : i + size] for i in range(0, len(mixed), size)]
        yield record(
            story.question,
            story.answers,
            [("", [text for _, text in d]) for d in documents],
            [(d, s) for d, part in enumerate(documents) for s, (f, _) in enumerate(part) if f in story.gold],
            id=f"{task.name}-{n_words}-{seed}-{story.id}",
            dataset=f"{task.name}/{story.dataset.rpartition('/')[2]}/{n_words}",
            lang=task.lang,
            meta={**task.about, "seed": seed, "story": story.id},
        )


def book_sentences(path: Path) -> list[str]:
    """Sentences of a text file, or of JSON Lines with ``paragraphs``.

    Raises:
        DataError: if it can't be read, or holds no text.
    """
    try:
        if ".jsonl" in path.suffixes:
            records = [json.loads(line) for _, line in read_lines(path)]
            text = "\n\n".join(p for r in records for p in r["paragraphs"])
        else:
            text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} can't be read: {error}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} holds no books: {error}") from error
    sentences = cut(text)
    if not sentences:
        raise DataError(f"{path} holds no text")
    return sentences


def _mix(facts: Sequence[str], filler: Sequence[str], random: Random) -> list[tuple[int | None, str]]:
    """Facts among other sentences, each with its number; others have none."""
    # Before which sentence of the book each fact stands; sorted, so that the story keeps its order.
    gaps = sorted(random.randrange(len(filler) + 1) for _ in facts)
    mixed: list[tuple[int | None, str]] = []
    for index in range(len(filler) + 1):
        mixed += [(f, facts[f]) for f, gap in enumerate(gaps) if gap == index]
        mixed += [(None, s) for s in filler[index : index + 1]]
    return mixed


def _stretch(books: Sequence[str], lengths: Sequence[int], n_words: int, random: Random) -> list[str]:
    """Sentences from a place that is drawn, going round at the end, until there are words enough."""
    start, total, n = random.randrange(len(books)), 0, 0
    while total < n_words and n < len(books):
        total += lengths[(start + n) % len(books)]
        n += 1
    return [books[(start + k) % len(books)] for k in range(n)]


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))
