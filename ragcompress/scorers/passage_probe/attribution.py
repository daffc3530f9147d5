"""What carried the probe's decision about one sentence: heads exactly, the second stage by leaving out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data import FloatArray
from .features import PER_HEAD
from .looks import Look


@dataclass(frozen=True, slots=True)
class Attribution:
    """How the two stages of the probe came to a sentence's probability.

    The first stage is linear, so its part is exact, for its regression for all questions: each feature's
    weight times what the sentence's value is above the mean over the sentences that were read with it, summed
    up per head. Where a passage was read twice, it is the reading that thought more of the sentence. The
    contributions add up to ``logit - mean_logit``. What a head contributes in the probe is no proof of what
    it does in the model: heads are correlated, and weight is shared among those that say the same.

    The second stage is a small network and not additive. Its part is measured by leaving out: how much the
    final logit falls when one context feature is set to its mean over the question's sentences. These
    changes do not add up to anything.

    Attributes:
        sentence: index of the sentence.
        probability: the score.
        final_logit: the same before the logistic function.
        logit, mean_logit: first stage, of the sentence and on average.
        rows: names of the R rows that were read.
        heads: float64 (R, L, H), logits above the average.
        kinds: the same sum by kind of feature (``_features``).
        context: by context feature, its value and the change of the final logit.
    """

    sentence: int
    probability: float
    final_logit: float
    logit: float
    mean_logit: float
    rows: tuple[str, ...]
    heads: FloatArray
    kinds: Mapping[str, float]
    context: Mapping[str, tuple[float, float]]

    def strongest(self, n: int) -> list[tuple[str, int, int, float]]:
        """The ``n`` heads that contributed most, for or against: row, layer, head (from 0), contribution."""
        order = np.argsort(-np.abs(self.heads), axis=None, kind="stable")[:n]
        places = zip(*np.unravel_index(order, self.heads.shape), strict=True)
        return [(self.rows[r], int(la), int(h), float(self.heads[r, la, h])) for r, la, h in places]

    def to_dict(self) -> dict[str, Any]:
        """As JSON: contributions of all heads as nested lists, rows, then layers, then heads."""
        return {
            "sentence": self.sentence,
            "probability": self.probability,
            "final_logit": self.final_logit,
            "first_stage": {
                "logit": self.logit,
                "mean_logit": self.mean_logit,
                "rows": list(self.rows),
                "heads": self.heads.tolist(),
                "kinds": dict(self.kinds),
            },
            "second_stage": {
                name: {"value": value, "change_when_left_out": change}
                for name, (value, change) in self.context.items()
            },
        }


def attribute(read: Look, last: Look, part: int, sentence: int, heads: tuple[int, int]) -> Attribution:
    """Take one part's probability apart.

    Args:
        read: the look whose reading of the part is shown.
        last: the look that decided; the same, or a second one that did not read the part.
        part, sentence: which one, as part and as sentence.
        heads: numbers of layers and heads.
    """
    place = int(read.was_read[:part].sum())
    exact, regressions = read.features.astype(np.float64), read.head.regressions
    above = (exact[place] - exact.mean(0)) * regressions.weight[0]
    split = above.reshape(len(PER_HEAD), len(read.rows), *heads)
    logits = regressions.logits(read.features)[:, 0]
    without = np.repeat(last.context[part : part + 1], len(last.names) + 1, axis=0)
    np.fill_diagonal(without, last.context.mean(0))
    probabilities = last.head.network.probabilities(without)
    final = np.log(probabilities) - np.log1p(-probabilities)
    return Attribution(
        sentence=sentence,
        probability=float(probabilities[-1]),
        final_logit=float(final[-1]),
        logit=float(logits[place]),
        mean_logit=float(logits.mean()),
        rows=read.rows,
        heads=split.sum(0),
        kinds={kind: float(split[k].sum()) for k, kind in enumerate(PER_HEAD)},
        context={
            name: (float(last.context[part, k]), float(final[-1] - final[k]))
            for k, name in enumerate(last.names)
        },
    )
