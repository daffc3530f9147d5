"""Retrieval heads: In-Context Re-ranking with the few heads that look at evidence."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, get_args

import numpy as np

from .. import probes
from ..data import Progress, Scores, Segmentation
from ..errors import InputError
from ..probes import ProbeWeights
from ..prompts.windows import longest_prompt
from ..proxy.base import Proxy
from ._icr import TEMPLATE, Pool, pooled, read_both, score_sentences

__all__ = ["TEMPLATE", "Scorer", "pooled", "read_both"]


class Scorer:
    """Calibrated attention of the query's tokens, in the heads that rank labeled evidence best.

    QRHead (Zhang et al., arXiv 2506.09944, sections 2 and 3). With ``A_h`` the attention of head h, Q the
    query's tokens and G the gold documents of a question, heads are ranked by

        QRScore(h) = 1/|Q| · Σ_{d ∈ G} Σ_{q ∈ Q} Σ_{t ∈ d} A_h(q → t)

    or, as in the authors' code and here, by the nDCG@10 of the ranking that each head gives alone; 16 of them
    are kept. They score as In-Context Re-ranking does with all heads (``in-context-reranking``): mean of the
    query's rows, minus the same under the query "N/A", sum over heads.

    Where this differs from the paper: heads are chosen by how they rank sentences, not documents, and score
    sentences. Titles stand in the prompt and are not counted; windows of whole sentences; no chat template;
    the wording is our own.

    Args:
        proxy: the model that is read.
        probe: chosen heads, or a path to them; None: those that ship for this proxy.
        pool: ``mean`` over a sentence's tokens, or ``sum``, as published for documents.
        window_tokens: longest prompt; None: all that the proxy reads. Time and memory of a prompt grow with
            the square of its length.

    Raises:
        ProbeMismatch: if the heads were chosen for another scorer, proxy or wording.
        InputError: for another pool, or a window that the proxy can't read.
    """

    name: ClassVar[str] = "retrieval-heads"
    needs_proxy: ClassVar[bool] = True

    def __init__(
        self,
        *,
        proxy: Proxy,
        probe: ProbeWeights | Path | str | None = None,
        pool: Pool = "mean",
        window_tokens: int | None = None,
    ) -> None:
        if pool not in get_args(Pool):
            raise InputError(f"pool must be one of {', '.join(get_args(Pool))}, got {pool!r}")
        longest_prompt(proxy.info.max_tokens, window_tokens)
        if probe is None:
            probe = probes.shipped_for(proxy.info, self.name)
        elif not isinstance(probe, ProbeWeights):
            probe = probes.load(Path(probe))
        probe.check(proxy.info, TEMPLATE, self.name)
        self.proxy, self.probe, self.pool, self.window_tokens = proxy, probe, pool, window_tokens

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Read each window under both queries, no deeper than the last chosen head.

        Raises:
            InputError: if the question, or a title, leaves no room in a window.
        """
        heads = self.probe.arrays["heads"]  # (L, H), 1 where chosen
        n_layers = int(np.flatnonzero(heads.any(1)).max()) + 1
        longest = longest_prompt(self.proxy.info.max_tokens, self.window_tokens)
        read = read_both(
            self.proxy, question, segmentation, longest=longest, n_layers=n_layers, progress=progress
        )
        values = score_sentences(read, heads[:n_layers], segmentation, self.pool)
        info = self.proxy.info
        settings = {
            **info.settings(),
            "n_heads": int(heads.sum()),
            "n_layers": n_layers,
            "pool": self.pool,
            "window_tokens": longest,
        }
        return Scores(values, self.name, settings=settings)
