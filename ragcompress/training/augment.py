"""Questions with other documents: changed as those of users differ from those of the data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragcompress import Document, Segmentation

from .examples import Example
from .fitting import Settings

_BETWEEN = "\n\n"
_FEWEST, _SIZES = 2, 4  # two to five documents are joined


def augmented(examples: Sequence[Example], settings: Settings) -> list[Example]:
    """Copies of some of the examples: without titles, and with their documents joined to long ones."""
    without = examples[:: settings.untitled_every] if settings.untitled_every else ()
    long = examples[1 :: settings.joined_every] if settings.joined_every else ()
    return [
        *(untitled(example) for example in without),
        *(joined(example, _FEWEST + number % _SIZES) for number, example in enumerate(long)),
    ]


def untitled(example: Example) -> Example:
    """The question, its documents without titles: plain files have none."""
    s = example.segmentation
    documents = tuple(replace(d, title=None) for d in s.documents)
    return replace(example, segmentation=Segmentation(documents, s.sentences))


def joined(example: Example, n: int) -> Example:
    """The question, every ``n`` documents made one without title, as splitters cut across subjects."""
    s = example.segmentation
    texts: list[str] = []
    starts: list[int] = []
    for number, document in enumerate(s.documents):
        before = texts.pop() + _BETWEEN if number % n else ""
        starts.append(len(before))
        texts.append(before + document.text)
    sentences = tuple(
        replace(
            own,
            document=own.document // n,
            start_char=own.start_char + starts[own.document],
            end_char=own.end_char + starts[own.document],
        )
        for own in s.sentences
    )
    return replace(example, segmentation=Segmentation(tuple(map(Document, texts)), sentences))
