"""What is measured: whether the evidence and the answer survive, and how well scores rank the evidence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ragcompress import InputError, Sentence
from ragcompress.training.examples import Example
from ragcompress.training.metrics import holds_answer, normalize

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def gold_sentences(example: Example) -> list[Sentence]:
    """The sentences that are evidence."""
    return [example.segmentation.sentences[i] for i in example.gold]


def answer_kept(text: str, answers: Iterable[str]) -> bool | None:
    """Whether an answer occurs in a text; None where no answer has a letter or digit.

    Says nothing for answers such as *yes*.
    """
    known = [n for n in map(normalize, answers) if n]
    return holds_answer(normalize(text), known) if known else None


def normalize_answer(text: str) -> str:
    """As ``normalize``, without the articles *a*, *an* and *the*: what SQuAD's script compares.

    Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (arXiv 1606.05250). Its
    script knows ASCII's punctuation alone.
    """
    return " ".join(w for w in normalize(text).split() if w not in {"a", "an", "the"})


def exact_match(prediction: str, answers: Iterable[str]) -> bool:
    """Whether the prediction is one of the answers, both normalized as SQuAD does."""
    return normalize_answer(prediction) in {normalize_answer(a) for a in answers}


def f1(prediction: str, answers: Iterable[str]) -> float:
    """Best overlap of words with an answer, in [0, 1]: SQuAD's F1, a Chinese or Japanese character a word."""
    return max((_overlap(_answer_words(prediction), _answer_words(a)) for a in answers), default=0.0)


def answer_in_output(prediction: str, answers: Iterable[str]) -> bool:
    """Whether one of the answers occurs in the prediction, both normalized as SQuAD does."""
    return holds_answer(normalize_answer(prediction), map(normalize_answer, answers))


def _answer_words(text: str) -> Counter[str]:
    return Counter(_CJK.sub(r" \g<0> ", normalize_answer(text)).split())


def _overlap(predicted: Counter[str], expected: Counter[str]) -> float:
    if not predicted or not expected:
        return float(predicted == expected)
    common = (predicted & expected).total()
    return 2 * common / (predicted.total() + expected.total())


def words(text: str) -> list[str]:
    """The text's words, normalized; every Chinese or Japanese character is one."""
    return _CJK.sub(r" \g<0> ", normalize(text)).split()


def survival(sentence: Sequence[str], text: Sequence[str]) -> float:
    """How much of a sentence stands in a compressed text, in [0, 1]; 1 where it stands there unbroken.

    What a compressor that drops tokens leaves of a sentence is a stretch of its output that is no longer
    than the sentence. So this is the longest common subsequence of the sentence and such a stretch, the best
    one, ÷ the sentence's words: dropped words count against it, words found elsewhere in the output don't
    count for it.

    Args:
        sentence: its words (``words``).
        text: those of the compressed text.
    """
    size = len(sentence)
    if not size:
        return 1.0
    where: dict[str, int] = {}
    for position, word in enumerate(sentence):
        where[word] = where.get(word, 0) | 1 << position
    best, everything = 0, (1 << size) - 1
    for start, word in enumerate(text):
        if word not in where or best == size:
            continue
        # Bit-parallel (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004): a 0 is a match.
        row = everything
        for other in text[start : start + size]:
            hit = row & where.get(other, 0)
            row = (row + hit | row - hit) & everything
        best = max(best, size - row.bit_count())
    return best / size


def recall(gold: Collection[int], kept: Collection[int]) -> float:
    """Share of the gold sentences that were kept, in [0, 1].

    Raises:
        InputError: if there is no gold sentence.
    """
    if not gold:
        raise InputError("recall needs at least one gold sentence")
    return len(set(gold) & set(kept)) / len(set(gold))


def pair_wins(scores: Sequence[FloatArray], gold: Sequence[BoolArray]) -> FloatArray:
    """Wins of the gold sentences of one question over the other sentences of another.

    The sum of the matrix over all pairs of sentences is the pooled AUC. So the AUC of any resample of
    questions is a quadratic form in it, without sorting again.

    Args:
        scores: of Q questions, (S_q,) each.
        gold: which sentences are evidence, the same shapes.

    Returns:
        (Q, Q): row, question of the gold sentence; column, question of the other. A tie counts half.
    """
    owner = np.repeat(np.arange(len(scores)), [int(g.sum()) for g in gold])
    winners = np.concatenate([s[g] for s, g in zip(scores, gold, strict=True)] or [np.zeros(0)])
    wins = np.zeros((len(scores), len(scores)))
    for column, (s, g) in enumerate(zip(scores, gold, strict=True)):
        others = np.sort(s[~g])
        below = np.searchsorted(others, winners, "left") + np.searchsorted(others, winners, "right")
        wins[:, column] = np.bincount(owner, below / 2, minlength=len(scores))
    return wins
