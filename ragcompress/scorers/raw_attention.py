"""The proxy's attention as it is, without any training: what the probe is measured against."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..data import Attention, FloatArray, Progress, Scores, Segmentation
from ..errors import InputError
from ..prompts.passages import Tail, Template, cut_passages, join, make_tail, short_titles
from ..proxy.base import Proxy

_TINY = 1e-8


class Scorer:
    """Attention of the prompt's last token, mean of all layers and heads, as in Sentinel's raw baseline.

    For each layer and head the attention on a sentence's tokens is divided by the attention on the whole
    passage and by the sentence's number of tokens. The score is the mean of these over all layers and heads,
    in [0, 1] (arXiv 2505.23277, section 3, "raw attention"). Its min-max scaling changes no ranking and is
    left out. Every passage is a prompt of its own, and shares sum to 1 in each: sentences of short
    passages score higher for that alone. The trained probe has no such flaw.

    Args:
        proxy: the model that is read.
        passage_tokens: documents longer than this are cut into passages, at sentence borders.

    Raises:
        InputError: if ``passage_tokens`` is less than 1.
    """

    name: ClassVar[str] = "raw-attention"
    needs_proxy: ClassVar[bool] = True

    def __init__(self, *, proxy: Proxy, passage_tokens: int = 1024) -> None:
        if passage_tokens < 1:
            raise InputError(f"passage_tokens must be at least 1, got {passage_tokens}")
        self.proxy = proxy
        self.passage_tokens = passage_tokens

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Probe every passage once.

        Raises:
            InputError: if the question, or a title, leaves no room in the proxy's prompt.
        """
        info, template = self.proxy.info, Template()
        values = np.zeros(len(segmentation.sentences))
        if segmentation.sentences:
            tail = make_tail(self.proxy.tokenizer, template, question)
            size = min(self.passage_tokens, self._room(tail, template, segmentation))
            passages = cut_passages(self.proxy.tokenizer, template, segmentation, size)
            prompts = [join(p, tail) for p in passages]
            read = self.proxy.probe(prompts, n_layers=info.n_layers, progress=progress)
            for prompt, attention in zip(prompts, read, strict=True):
                # A sentence too long for one passage has parts in several: the best one counts.
                np.maximum.at(values, list(prompt.sentences), shares(attention))
        settings = {
            "proxy": info.name,
            "passage_tokens": self.passage_tokens,
            "template": template.fingerprint(),
        }
        return Scores(values, self.name, settings=settings)

    def _room(self, tail: Tail, template: Template, segmentation: Segmentation) -> int:
        """Tokens that the proxy's prompt leaves for a passage under the longest title."""
        tokenizer = self.proxy.tokenizer
        short = short_titles(tokenizer, segmentation)
        titles = {template.title.format(title=t) if t else "" for t in short}
        head = len(tokenizer.prefix_ids) + max(tokenizer.count_all([template.head + t for t in titles]))
        room = self.proxy.info.max_tokens - len(tail) - head
        if room < 1:
            raise InputError(
                f"question and title take {len(tail) + head} tokens; "
                f"{self.proxy.info.name} reads {self.proxy.info.max_tokens} in all"
            )
        return room


def shares(attention: Attention) -> FloatArray:
    """Return (S,) the mean share per token of the row ``last``; 0 for a passage that no head looks at."""
    mass = attention.mass[attention.rows.index("last")].astype(np.float64)  # (L, H, S)
    share = mass / np.maximum(mass.sum(-1, keepdims=True), _TINY)
    result: FloatArray = share.mean((0, 1)) / attention.n_tokens
    return result
