"""From attention to the feature vectors that probes read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import Attention

PER_HEAD = ("log_share", "log_mass", "centred_log_mass")
# Float32 softmax of a few hundred tokens: smaller sums are rounding, and their logarithm would be noise.
_FLOOR = 1e-7


def attention_features(attentions: Sequence[Attention]) -> NDArray[np.float32]:
    """Features of every sentence of every passage of one question.

    With ``a`` (R, L, H, S) the attention summed over each sentence's tokens, for each row, layer and head:

    * ``log_share`` = log a − log Σ_passage a − log n_tokens: the sentence's share of what its passage gets,
      per token;
    * ``log_mass`` = log Σ_passage a: how much the row looks at this passage at all;
    * ``centred_log_mass``: that, minus its mean over the passages of the question.

    Returns:
        float32 (Σ S, 3·R·L·H), passages in the order given; the feature index runs slowest over the three
        kinds, then row, layer, head.
    """
    if not attentions:
        return np.zeros((0, 0), dtype=np.float32)
    masses = [np.log(a.mass.sum(-1) + _FLOOR) for a in attentions]  # (R, L, H) each
    centre = np.mean(masses, axis=0)
    blocks = []
    for a, mass in zip(attentions, masses, strict=True):
        share = np.log(a.mass + _FLOOR) - mass[..., None] - np.log(a.n_tokens)
        wide = np.broadcast_to(mass[..., None], share.shape)
        parts = [share, wide, wide - centre[..., None]]
        blocks.append(np.stack(parts).reshape(-1, share.shape[-1]).T)  # (S, 3·R·L·H)
    return np.concatenate(blocks).astype(np.float32)
