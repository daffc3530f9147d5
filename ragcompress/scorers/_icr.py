"""Content-free calibration of query rows, as In-Context Re-ranking does it; shared with retrieval heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..data import Attention, FloatArray, Progress, Segmentation
from ..prompts.windows import JointTemplate, Window, cut_windows, gather, joint_tail, only_row
from ..proxy.base import Proxy

Pool = Literal["mean", "sum"]
CONTENT_FREE = "N/A"
_DEVIATIONS = 2.0
TEMPLATE = JointTemplate(
    head="Here are some paragraphs:\n\n",
    mark="[{number}] ",
    ask="\n\nPlease answer the following question with the information in the paragraphs above.\n\nQuestion:",
    end="\nAnswer:",
)


def read_both(
    proxy: Proxy,
    question: str,
    segmentation: Segmentation,
    *,
    longest: int,
    n_layers: int,
    progress: Progress | None = None,
) -> list[tuple[Window, Attention, Attention]]:
    """Read each window's tokens under the question, and under the content-free one.

    Both prompts of a window share their prefix, and come right after each other: a proxy that keeps keys and
    values reads the documents once.
    """
    tokenizer = proxy.tokenizer
    tails = [only_row(joint_tail(tokenizer, TEMPLATE, q), "query") for q in (question, CONTENT_FREE)]
    room = longest - max(len(t.ids) for t in tails)
    windows = cut_windows(tokenizer, TEMPLATE, segmentation, question=question, room=room)
    result = []
    for done, window in enumerate(windows, 1):
        of_question, free = (proxy.probe([window.by_token(t)], n_layers=n_layers)[0] for t in tails)
        result.append((window, of_question, free))
        if progress:
            progress(done, len(windows))
    return result


def score_sentences(
    read: Sequence[tuple[Window, Attention, Attention]],
    heads: NDArray[np.float32],
    segmentation: Segmentation,
    pool: Pool,
) -> FloatArray:
    """(S,) calibrated attention of the chosen heads, (L, H) of 0 and 1, per sentence."""
    values = []
    for window, of_question, free in read:
        difference = _per_token(of_question, heads) - _per_token(free, heads)
        values.append(pooled(difference, window, segmentation, pool))
    return gather(len(segmentation.sentences), [w for w, _, _ in read], values)


def pooled(difference: FloatArray, window: Window, segmentation: Segmentation, pool: Pool) -> FloatArray:
    """Values of the window's sentences from their tokens' differences, outliers of each document left out.

    A token more than two standard deviations below its document's mean is left out, as in the authors' code:
    it was looked at for its own sake, and less so under a question.
    """
    lengths = np.array([end - start for start, end in window.spans])
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    document = np.array([segmentation.sentences[i].document for i in window.sentences])[sentence]
    kept = np.zeros(len(difference), dtype=np.bool_)
    for d in set(document.tolist()):
        inside = document == d
        kept[inside] = (
            difference[inside] >= difference[inside].mean() - _DEVIATIONS * difference[inside].std()
        )
    total = np.bincount(sentence, difference * kept, minlength=len(lengths)).astype(np.float64)
    if pool == "sum":
        return total
    count = np.bincount(sentence, kept, minlength=len(lengths))
    return np.asarray(total / np.maximum(count, 1))


def _per_token(attention: Attention, heads: NDArray[np.float32]) -> FloatArray:
    """(T,) sum over the chosen heads of the mean query row."""
    mass = attention.mass[0, : heads.shape[0]].astype(np.float64)  # (L, H, T)
    return np.asarray(np.einsum("lht,lh->t", mass, heads.astype(np.float64)))
