"""From attention to the feature vectors that probes read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...data import Attention

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
    blocks = list(feature_blocks(attentions))
    return np.concatenate(blocks) if blocks else np.zeros((0, 0), dtype=np.float32)


def feature_blocks(attentions: Sequence[Attention]) -> Iterator[NDArray[np.float32]]:
    """Yield ``attention_features`` passage by passage: all at once they are many times the attention."""
    if not attentions:
        return
    masses = [np.log(a.mass.sum(-1) + _FLOOR) for a in attentions]  # (R, L, H) each
    centre = np.mean(masses, axis=0)
    for a, mass in zip(attentions, masses, strict=True):
        share = np.log(a.mass + _FLOOR) - mass[..., None] - np.log(a.n_tokens)
        wide = np.broadcast_to(mass[..., None], share.shape)
        parts = [share, wide, wide - centre[..., None]]
        rows = np.stack(parts).reshape(-1, share.shape[-1]).T  # (S, 3·R·L·H)
        yield np.ascontiguousarray(rows, dtype=np.float32)  # sums over a row go the same way in every block
