"""Sentinel: a logistic regression over all heads of a frozen proxy that reads all documents in one prompt."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import probes
from ..data import Attention, FloatArray, Progress, Scores, Segmentation
from ..probes import ProbeWeights
from ..prompts.windows import JointTemplate, Window, cut_windows, gather, joint_tail, longest_prompt, only_row
from ..proxy.base import Proxy

TEMPLATE = JointTemplate()
_TINY = 1e-8


class Scorer:
    """Sigmoid of a weighted sum over heads of the attention that a sentence's tokens get.

    Sentinel (Zhang et al., arXiv 2505.23277, section 3). With ``A_lh(t)`` the softmaxed attention of the
    prompt's last token to token t in layer l and head h, C the tokens of the context, s those of a sentence:

        v_lh(s) = 1/|s| · Σ_{t ∈ s} A_lh(t) / Σ_{t ∈ C} A_lh(t)        score(s) = σ(w · v(s) + b)

    All layers, all heads; the mean over a sentence's tokens, as in the authors' code (their 2026 text writes
    a sum). Where this differs from the paper: the context is the documents one after another, a blank line
    between them, each after its title; C leaves the titles out. What does not fit into one prompt goes into
    windows of whole sentences. The weights are our own, for our proxy (the card says how they were fitted).

    Args:
        proxy: the model that is read.
        probe: weights, or a path to them; None: those that ship for this proxy.
        length_invariant: multiply ``v`` by the number of tokens in C, so that uniform attention is 1 however
            long the window. As published it falls as 1/|C|, and windows of unequal length are on unequal
            scales. Both sets of weights are in the probe.
        window_tokens: longest prompt; None: all that the proxy reads. Time and memory of a prompt grow with
            the square of its length.

    Raises:
        ProbeMismatch: if the probe was trained for another scorer, proxy or wording.
        InputError: for a window that the proxy can't read.
    """

    name: ClassVar[str] = "sentinel"
    needs_proxy: ClassVar[bool] = True

    def __init__(
        self,
        *,
        proxy: Proxy,
        probe: ProbeWeights | Path | str | None = None,
        length_invariant: bool = False,
        window_tokens: int | None = None,
    ) -> None:
        if probe is None:
            probe = probes.shipped_for(proxy.info, self.name)
        elif not isinstance(probe, ProbeWeights):
            probe = probes.load(Path(probe))
        probe.check(proxy.info, TEMPLATE, self.name)
        longest_prompt(proxy.info.max_tokens, window_tokens)
        self.proxy, self.probe = proxy, probe
        self.length_invariant, self.window_tokens = length_invariant, window_tokens

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Read each window once.

        Raises:
            InputError: if the question, or a title, leaves no room in a window.
        """
        windows, attentions = read_windows(
            self.proxy, question, segmentation, window_tokens=self.window_tokens, progress=progress
        )
        kind = "invariant" if self.length_invariant else "plain"
        weight, bias = self.probe.arrays[f"{kind}.weight"], float(self.probe.arrays[f"{kind}.bias"][0])
        logits = [features(a, self.length_invariant) @ weight + bias for a in attentions]
        values = gather(len(segmentation.sentences), windows, logits)
        info = self.proxy.info
        settings = {
            **info.settings(),
            "length_invariant": self.length_invariant,
            "window_tokens": longest_prompt(info.max_tokens, self.window_tokens),
        }
        sigmoid = (1 + np.tanh(values / 2)) / 2  # in this form it can't overflow
        return Scores(sigmoid, self.name, settings=settings)


def read_windows(
    proxy: Proxy,
    question: str,
    segmentation: Segmentation,
    *,
    window_tokens: int | None,
    progress: Progress | None = None,
) -> tuple[tuple[Window, ...], list[Attention]]:
    """Cut the documents into windows and read the last row of each; the same for scoring and training."""
    tail = only_row(joint_tail(proxy.tokenizer, TEMPLATE, question), "last")
    room = longest_prompt(proxy.info.max_tokens, window_tokens) - len(tail.ids)
    windows = cut_windows(proxy.tokenizer, TEMPLATE, segmentation, question=question, room=room)
    prompts = [w.by_sentence(tail) for w in windows]
    return windows, proxy.probe(prompts, n_layers=proxy.info.n_layers, progress=progress)


def features(attention: Attention, length_invariant: bool) -> FloatArray:
    """Features (S, L·H) of a window's sentences from its row ``last``, layer by layer."""
    mass: NDArray[np.float64] = attention.mass[0].astype(np.float64)  # (L, H, S)
    share = mass / np.maximum(mass.sum(-1, keepdims=True), _TINY) / np.maximum(attention.n_tokens, 1)
    if length_invariant:
        share = share * attention.n_tokens.sum()
    result: FloatArray = share.reshape(-1, share.shape[-1]).T
    return result
