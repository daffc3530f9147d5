"""What carried the head's decision about one sentence, told as for ``passage-probe``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...data import FloatArray
from ...errors import InputError
from ..passage_probe.attribution import Attribution
from ..passage_probe.features import PER_HEAD, attention_features
from ..passage_probe.looks import Arrays, look_logits
from .head import MAIN, network_logits, probabilities
from .surroundings import NAMES

if TYPE_CHECKING:
    from .scorer import Reading


def attribute(arrays: Arrays, found: Reading, sentence: int, heads: tuple[int, int]) -> Attribution:
    """Take one sentence's probability apart.

    Args:
        arrays: the model's.
        found: the reading that came to it.
        sentence: which one.
        heads: numbers of layers and heads.

    Raises:
        InputError: if the proxy did not read the sentence.
    """
    places = [i for p in found.read for i in found.passages[p].sentences]
    parts = [k for k, i in enumerate(places) if i == sentence]
    if not parts:
        raise InputError(
            f"sentence {sentence} was not read, so no head decided about it; set the scorer's read='all'"
        )
    features = attention_features(found.attentions)
    logits = look_logits(arrays, features)[:, 0]
    own = max(parts, key=lambda k: logits[k])
    exact = features.astype(np.float64)
    above = (exact[own] - exact.mean(0)) * arrays["look.weight"][0]
    rows = found.attentions[0].rows
    split = above.reshape(len(PER_HEAD), len(rows), *heads)
    final = _without_each(arrays, found.features, sentence)
    return Attribution(
        sentence=sentence,
        probability=float(probabilities(final[-1:])[0]),
        final_logit=float(final[-1]),
        logit=float(logits[own]),
        mean_logit=float(logits.mean()),
        rows=rows,
        heads=split.sum(0),
        kinds={kind: float(split[k].sum()) for k, kind in enumerate(PER_HEAD)},
        context=_changes(found.features[sentence], final, NAMES),
    )


def _without_each(arrays: Arrays, features: FloatArray, sentence: int) -> FloatArray:
    """Final logits with each feature at its mean over the sentences in turn, and, last, with none."""
    rows = np.repeat(features[sentence : sentence + 1], features.shape[1] + 1, axis=0)
    known = np.isfinite(features)
    n = known.sum(0)
    mean = np.where(n > 0, np.where(known, features, 0).sum(0) / np.maximum(n, 1), np.nan)
    np.fill_diagonal(rows, mean)
    return network_logits(arrays, MAIN, rows)


def _changes(
    values: FloatArray, final: FloatArray, names: Sequence[str]
) -> Mapping[str, tuple[float, float]]:
    """By feature that is there, its value and how much the final logit falls without it."""
    return {
        name: (float(values[k]), float(final[-1] - final[k]))
        for k, name in enumerate(names)
        if np.isfinite(values[k])
    }
