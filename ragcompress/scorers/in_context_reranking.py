"""In-Context Re-ranking: what the question's rows look at, minus what the rows of "N/A" look at."""

from __future__ import annotations

from typing import ClassVar, get_args

import numpy as np

from ..data import Progress, Scores, Segmentation
from ..errors import InputError
from ..prompts.windows import longest_prompt
from ..proxy.base import Proxy
from ._icr import Pool, read_both, score_sentences


class Scorer:
    """Attention of all query tokens in a joint prompt, calibrated by a query without content.

    In-Context Re-ranking (Chen et al., arXiv 2410.02642, section 3). With Q the query's tokens, from the
    instruction behind the documents to the end of the prompt, and A the softmaxed attention:

        s_Q(t) = Σ_layers Σ_heads 1/|Q| · Σ_{q ∈ Q} A(q → t)
        s(t)   = s_Q(t) - s_N/A(t)              score(d) = Σ_{t ∈ d} s(t)

    without the tokens whose s(t) lies more than two standard deviations below their document's mean. Found
    in the Middle pays one prompt for each document to be rid of the bias of places (``calibrated``). Here the
    documents are read once. Only a tail with the query "N/A" is read besides, on the keys and values kept
    from the first (a proxy without a store reads the documents twice).

    Where this differs from the paper: sentences are scored instead of documents. Titles stand in the prompt
    and are not counted. What does not fit into one prompt goes into windows of whole sentences. Documents
    stay in the order given; no chat template; the wording is our own.

    Args:
        proxy: the model that is read.
        pool: ``mean`` over a sentence's tokens, or ``sum``, as published for documents: under a budget in
            tokens a sum favors long sentences.
        window_tokens: longest prompt; None: all that the proxy reads. Time and memory of a prompt grow with
            the square of its length.

    Raises:
        InputError: for another pool, or a window that the proxy can't read.
    """

    name: ClassVar[str] = "in-context-reranking"
    needs_proxy: ClassVar[bool] = True

    def __init__(self, *, proxy: Proxy, pool: Pool = "mean", window_tokens: int | None = None) -> None:
        if pool not in get_args(Pool):
            raise InputError(f"pool must be one of {', '.join(get_args(Pool))}, got {pool!r}")
        longest_prompt(proxy.info.max_tokens, window_tokens)
        self.proxy, self.pool, self.window_tokens = proxy, pool, window_tokens

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Read each window under both queries.

        Raises:
            InputError: if the question, or a title, leaves no room in a window.
        """
        info = self.proxy.info
        longest = longest_prompt(info.max_tokens, self.window_tokens)
        read = read_both(
            self.proxy, question, segmentation, longest=longest, n_layers=info.n_layers, progress=progress
        )
        heads = np.ones((info.n_layers, info.n_heads), dtype=np.float32)
        values = score_sentences(read, heads, segmentation, self.pool)
        settings = {
            **info.settings(),
            "pool": self.pool,
            "window_tokens": longest,
        }
        return Scores(values, self.name, settings=settings)
