"""Which questions the evidence model learns from, how many of each kind, and in which shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragcompress import InputError
from ragcompress.text.tokenizing import PlainTokenizer

from .evidence_reading import Task
from .examples import DataFile, Example, read_files
from .shapes import SHAPES, bounded, seed_of, shaped

SUFFIX = ".train.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is learned from.

    Attributes:
        questions: of each data set that is not in ``more``.
        more: numbers of questions of some data sets, by name; 0 leaves one out.
        shaped_every: of every so many questions one is read a second time in another shape.
        shaped_more_every: the same for the data sets in ``more``.
        shaped_first: that is done with the first so many of those that are not in ``more``.
        tokens: a question's other documents are left out until it has at most about so many tokens.
        read: from which share of them to which counts as read where the head learns from a question read in
            part; drawn for each question.
    """

    questions: int = 52
    more: tuple[tuple[str, int], ...] = (
        ("hotpotqa", 225), ("2wikimultihopqa", 225), ("nq", 147), ("musique", 129),
        ("hotpotqa_fullwiki", 95), ("xquad_en", 40), ("babi", 16), ("pubmedqa", 0), ("mtrag", 0),
    )  # fmt: skip
    shaped_every: int = 2
    shaped_more_every: int = 3
    shaped_first: int = 36
    tokens: int = 2600
    read: tuple[float, float] = (0.15, 0.75)

    def number_of(self, kind: str) -> int:
        """Questions of a data set."""
        return dict(self.more).get(kind, self.questions)


def kind_of(file: DataFile) -> str:
    """The data set's name: the file's up to its split."""
    return file.name.split(".")[0]


def training_files(folder: Path) -> list[Path]:
    """The files with training questions of a data folder.

    Raises:
        InputError: if there are none.
    """
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if not found:
        raise InputError(f"there is no *{SUFFIX} in {folder}")
    return found


def tasks_of(files: Sequence[DataFile], recipe: Recipe, tokenizer: PlainTokenizer) -> list[Task]:
    """The questions to read, a few of every kind first, so that an interrupted run has some of each."""
    lists = []
    for file in files:
        kind, tasks = kind_of(file), []
        is_more = kind in dict(recipe.more)
        every = recipe.shaped_more_every if is_more else recipe.shaped_every
        shapes = list(SHAPES)
        for k, example in enumerate(picked(file, recipe.number_of(kind))):
            tasks.append(_task(example, kind, "natural", recipe, tokenizer))
            shape = shapes[(k // 2 + seed_of(kind)) % len(shapes)]
            again = k % every == 0 and (is_more or k < recipe.shaped_first)
            if again and (changed := shaped(example, shape)).gold:
                tasks.append(_task(changed, kind, shape, recipe, tokenizer))
        lists.append(tasks)
    keyed = [((i + 0.5) / len(own), k, task) for k, own in enumerate(lists) for i, task in enumerate(own)]
    return [task for *_, task in sorted(keyed, key=lambda item: item[:2])]


def picked(file: DataFile, n: int) -> list[Example]:
    """Questions with complete evidence, in an order that depends on their ids alone."""
    examples = [e for e in file.examples if e.gold and e.complete]
    return sorted(examples, key=lambda e: seed_of("pick", e.id))[:n]


def _task(example: Example, kind: str, shape: str, recipe: Recipe, tokenizer: PlainTokenizer) -> Task:
    read = np.random.default_rng(seed_of("read", example.id, shape)).uniform(*recipe.read)
    return Task(bounded(example, recipe.tokens, tokenizer.count_all), kind, shape, read=float(read))


def read_folder(folder: Path) -> tuple[DataFile, ...]:
    """The training files of a data folder."""
    return read_files(training_files(folder))
