"""Passages of asked-for lengths, cut from real text at sentence borders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ragcompress import InputError, Segmentation, Tokenizer, segment
from ragcompress.samples import demo
from ragcompress.training.examples import DataFile

_BETWEEN_DOCUMENTS = "\n\n"
_OTHER = "What does all of this say, and which of it is known for sure?"


@dataclass(frozen=True, slots=True)
class Source:
    """Text to cut passages from, and what to ask.

    Attributes:
        question: what is timed.
        other_question: asked before, where something is to be reused.
        sentences: in reading order, each with the white space before it.
        questions: those that may be asked, the timed one first.
    """

    question: str
    other_question: str
    sentences: tuple[str, ...]
    questions: tuple[str, ...]

    def passages(self, tokenizer: Tokenizer, n_passages: int, n_tokens: int) -> tuple[str, ...]:
        """Cut passages, no two of them equal, each ending at the border nearest to ``n_tokens``.

        Where the text is used up it starts anew; a passage from then on begins with its number. A sentence
        longer than ``n_tokens`` makes a passage by itself.
        """
        counts = tokenizer.count_all(self.sentences)
        passages: list[str] = []
        position = 0
        for number in range(1, n_passages + 1):
            start = f"No. {number}.\n\n" if position >= len(counts) else ""
            total, first, pieces = tokenizer.count(start), position, []
            while position == first or total + counts[position % len(counts)] / 2 <= n_tokens:
                pieces.append(self.sentences[position % len(counts)])
                total += counts[position % len(counts)]
                position += 1
            passages.append(start + "".join(pieces).strip())
        return tuple(passages)


def from_samples(*, seed: int) -> Source:
    """The sample documents of the package, in an order drawn from the seed."""
    sample = demo()
    sentences = _shuffle(_by_document(segment(sample.documents)), seed)
    return Source(sample.question, _OTHER, sentences, (sample.question, _OTHER))


def from_files(files: Sequence[DataFile], *, seed: int) -> Source:
    """The documents of data files, each once, in an order drawn from the seed.

    What is asked is the question of median length, as reuse saves the more the shorter it is, and before it
    the first of the others.

    Raises:
        InputError: if they hold no question.
    """
    examples = [e for f in files for e in f.examples]
    if not examples:
        raise InputError("the files hold no question that can be used")
    documents = dict.fromkeys(d for e in examples for d in _by_document(e.segmentation))
    questions = list(dict.fromkeys(e.question for e in examples))
    question = sorted(questions, key=len)[(len(questions) - 1) // 2]
    others = [q for q in questions if q != question]
    sentences = _shuffle(list(documents), seed)
    return Source(question, [*others, _OTHER][0], sentences, (question, *others))


def _by_document(segmentation: Segmentation) -> list[tuple[str, ...]]:
    """Sentences of each document that has some."""
    documents: dict[int, list[str]] = {}
    for index, sentence in enumerate(segmentation.sentences):
        sentences = documents.setdefault(sentence.document, [])
        gap = segmentation.gap_before(index) if sentences else _BETWEEN_DOCUMENTS
        sentences.append(gap + sentence.text)
    return [tuple(sentences) for sentences in documents.values()]


def _shuffle(documents: list[tuple[str, ...]], seed: int) -> tuple[str, ...]:
    Random(seed).shuffle(documents)
    return tuple(sentence for document in documents for sentence in document)
