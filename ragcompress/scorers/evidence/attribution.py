"""What carried the head's decision about one sentence, told as for ``passage-probe``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...data import FloatArray
from ...errors import InputError
from ..passage_probe.attribution import Attribution
from ..passage_probe.features import PER_HEAD, attention_features
from ..passage_probe.head import SECOND
from ..passage_probe.looks import Arrays, look_logits
from . import second_look
from .attention_probe import first_layers
from .head import network_logits, probabilities
from .reading import Look, Reading, combine, with_cheap
from .surroundings import NAMES


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
    look = found.look_at(sentence)
    if look is None:
        raise InputError(
            f"sentence {sentence} was not read, so no head decided about it; set the scorer's read='all'"
        )
    places = [i for p in look.read for i in found.passages[p].sentences]
    parts = [k for k, i in enumerate(places) if i == sentence]
    prefix = SECOND if look.network == second_look.NETWORK else ""
    features = attention_features(first_layers(look.attentions, heads[0]))
    logits = look_logits(arrays, features, prefix)[:, 0]
    own = max(parts, key=lambda k: logits[k])
    exact = features.astype(np.float64)
    above = (exact[own] - exact.mean(0)) * arrays[f"{prefix}look.weight"][0]
    rows = look.attentions[0].rows
    split = above.reshape(len(PER_HEAD), len(rows), *heads)
    last = found.looks[-1]
    final = _without_each(arrays, last, sentence)
    names = NAMES
    if last.network == second_look.NETWORK:
        final = second_look.combine(found.looks[0].own[sentence : sentence + 1], final)
        names = second_look.NAMES
    final = combine(final, last.opinion[sentence : sentence + 1], last.weights[sentence : sentence + 1])
    final = with_cheap(final, found.cheap_logits[sentence : sentence + 1])
    return Attribution(
        sentence=sentence,
        probability=float(probabilities(final[-1:])[0]),
        final_logit=float(final[-1]),
        logit=float(logits[own]),
        mean_logit=float(logits.mean()),
        rows=rows,
        heads=split.sum(0),
        kinds={kind: float(split[k].sum()) for k, kind in enumerate(PER_HEAD)},
        context=_changes(last.features[sentence], final, names),
    )


def _without_each(arrays: Arrays, look: Look, sentence: int) -> FloatArray:
    """A look's logits with each feature at its mean over the sentences in turn, and, last, with none."""
    features = look.features
    rows = np.repeat(features[sentence : sentence + 1], features.shape[1] + 1, axis=0)
    known = np.isfinite(features)
    n = known.sum(0)
    mean = np.where(n > 0, np.where(known, features, 0).sum(0) / np.maximum(n, 1), np.nan)
    np.fill_diagonal(rows, mean)
    return network_logits(arrays, look.network, rows)


def _changes(
    values: FloatArray, final: FloatArray, names: Sequence[str]
) -> Mapping[str, tuple[float, float]]:
    """By feature that is there, its value and how much the final logit falls without it."""
    return {
        name: (float(values[k]), float(final[-1] - final[k]))
        for k, name in enumerate(names)
        if np.isfinite(values[k])
    }
