"""Questions with other documents: what is changed, and that the sentences stay the sentences."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest

from ragcompress.training.augment import augmented, joined, untitled
from ragcompress.training.examples import Example, read_files
from ragcompress.training.fitting import Settings

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


@pytest.fixture(scope="module")
def examples() -> tuple[Example, ...]:
    (file,) = read_files([SAMPLE])
    return file.examples


@pytest.mark.parametrize("n", [1, 2, 3, 100])
def test_joined_documents_have_the_same_sentences_in_fewer_documents(
    examples: tuple[Example, ...], n: int
) -> None:
    for example in examples:
        before, after = example.segmentation, joined(example, n).segmentation
        assert [s.text for s in after.sentences] == [s.text for s in before.sentences]
        assert [s.document for s in after.sentences] == [s.document // n for s in before.sentences]
        assert len(after.documents) == ceil(len(before.documents) / n)
        assert all(d.title is None for d in after.documents)
        wanted = [
            "\n\n".join(d.text for d in before.documents[start : start + n])
            for start in range(0, len(before.documents), n)
        ]
        assert [d.text for d in after.documents] == wanted


def test_untitled_documents_lack_their_titles_and_nothing_else(
    examples: tuple[Example, ...],
) -> None:
    (example,) = [e for e in examples if any(d.title for d in e.segmentation.documents)][:1]
    found = untitled(example)
    assert [d.title for d in found.segmentation.documents] == [None] * len(found.segmentation.documents)
    assert [d.text for d in found.segmentation.documents] == [d.text for d in example.segmentation.documents]
    assert replace(found, segmentation=example.segmentation) == example


def test_some_questions_are_taken_again_each_kind_as_often_as_asked(
    examples: tuple[Example, ...],
) -> None:
    many = list(examples) * 6
    settings = Settings(untitled_every=3, joined_every=2)
    found = augmented(many, settings)
    assert len(found) == len(many[::3]) + len(many[1::2])
    again = zip(many[1::2], found[len(many[::3]) :], strict=True)
    for number, (example, long) in enumerate(again):
        n_documents = len(example.segmentation.documents)
        assert len(long.segmentation.documents) == ceil(n_documents / (2 + number % 4))
    assert augmented(many, replace(settings, untitled_every=0, joined_every=0)) == []
