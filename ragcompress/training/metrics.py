"""What training measures by: whether an answer occurs in a text, and how well scores rank the evidence."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..data import FloatArray
from ..errors import InputError

BoolArray = NDArray[np.bool_]


def normalize(text: str) -> str:
    """Lower-case, without punctuation (Unicode's, and all of ASCII's), white space runs made one space."""
    lowered = text.lower()
    gone = {
        ord(c): None for c in set(lowered) if c in string.punctuation or unicodedata.category(c)[0] == "P"
    }
    return " ".join(lowered.translate(gone).split())


def holds_answer(text: str, answers: Iterable[str]) -> bool:
    """Whether an answer occurs in the text, both normalized; anywhere, also within a longer word."""
    return any(answer in text for answer in answers if answer)


def auc(scores: FloatArray, gold: BoolArray) -> float:
    """Area under the ROC curve: how often a gold sentence scores above another one; a tie counts half.

    Args:
        scores: (S,), of all questions together.
        gold: (S,), which of them are evidence.

    Raises:
        InputError: if all sentences are gold, or none is.
    """
    n_gold = int(gold.sum())
    n_other = len(gold) - n_gold
    if not n_gold or not n_other:
        raise InputError(f"AUC needs sentences of both kinds, got {n_gold} gold and {n_other} others")
    from sklearn.metrics import roc_auc_score  # Costs a second, and only training and measuring need it.

    return float(roc_auc_score(gold, scores))
