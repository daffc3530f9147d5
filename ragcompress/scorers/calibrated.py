"""Found in the Middle: attention minus what a document without content gets at the same place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import ClassVar, Literal, get_args

import numpy as np

from ..data import Attention, FloatArray, Progress, Scores, Segmentation
from ..errors import InputError
from ..prompts.passages import Prompt, Span, Tail
from ..prompts.windows import JointTemplate, Window, cut_windows, gather, joint_tail, longest_prompt, only_row
from ..proxy.base import Proxy

Level = Literal["sentence", "document"]
Dummies = Literal["each", "all"]
TEMPLATE = JointTemplate(
    head="Question: {question}\n\n", mark="[{number}] ", ask="\n\nQuestion:", end="\nAnswer:"
)


class Scorer:
    """Calibrated attention of the prompt's last token, the question standing before and after the documents.

    Found in the Middle (Hsieh et al., arXiv 2406.16008, sections 2 and 3). With ``Attn(x, k)`` the attention
    that document x gets at position k, the mean over its tokens and over all layers and heads:

        Attn(x, k) = rel(x) + bias(k) + ε        score(x) = Attn(x, k) - Attn(dummy, k)

    because the relevance of the dummy is the same for all. Its bias at k comes from a prompt of its own in
    which the dummy stands for document k and the others stay: one prompt more for each document. Only the
    ranking is used; to change the reader's own attention (their section 3.3) one would have to own it.

    What the paper leaves open: the dummy is ``dummy`` repeated to the very number of tokens that it stands
    for, so that no other token moves. Where this differs from the paper: sentences are scored too, by the
    mean attention of their tokens minus the dummy's at the same places. What does not fit into one prompt
    goes into windows of whole sentences, each calibrated by itself. The wording is our own.

    Args:
        proxy: the model that is read.
        level: ``sentence``, or ``document``, as published: all sentences of a document get its score.
        dummies: ``each``, as published, one document at a time; or ``all`` in one prompt of nothing but
            dummies: one prompt more instead of one for each document.
        dummy: text without content.
        window_tokens: longest prompt; None: all that the proxy reads. Time and memory of a prompt grow with
            the square of its length.

    Raises:
        InputError: for a setting that is not among these, or a window that the proxy can't read.
    """

    name: ClassVar[str] = "calibrated"
    needs_proxy: ClassVar[bool] = True

    def __init__(
        self,
        *,
        proxy: Proxy,
        level: Level = "sentence",
        dummies: Dummies = "each",
        dummy: str = " N/A",
        window_tokens: int | None = None,
    ) -> None:
        for what, value, known in (("level", level, Level), ("dummies", dummies, Dummies)):
            if value not in get_args(known):
                raise InputError(f"{what} must be one of {', '.join(get_args(known))}, got {value!r}")
        if not isinstance(dummy, str) or not proxy.tokenizer.count(dummy):
            raise InputError(f"dummy must be a text of at least one token, got {dummy!r}")
        longest_prompt(proxy.info.max_tokens, window_tokens)
        self.proxy, self.level, self.dummies, self.dummy = proxy, level, dummies, dummy
        self.window_tokens = window_tokens

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Read each window as it is, and with dummies.

        Raises:
            InputError: if the question, or a title, leaves no room in a window.
        """
        tokenizer, info = self.proxy.tokenizer, self.proxy.info
        tail = only_row(joint_tail(tokenizer, TEMPLATE, question), "last")
        longest = longest_prompt(info.max_tokens, self.window_tokens)
        windows = cut_windows(
            tokenizer, TEMPLATE, segmentation, question=question, room=longest - len(tail.ids)
        )
        prompts = [[self._prompt(replace(w, prefix=p), tail) for p in self._prefixes(w)] for w in windows]
        flat = [p for of_window in prompts for p in of_window]
        read = iter(self.proxy.probe(flat, n_layers=info.n_layers, progress=progress))
        values = [
            self._calibrate(window, segmentation, [per_token(a) for a in islice(read, len(of_window))])
            for window, of_window in zip(windows, prompts, strict=True)
        ]
        settings = {
            **info.settings(),
            "level": self.level,
            "dummies": self.dummies,
            "dummy": self.dummy,
            "window_tokens": longest,
        }
        return Scores(gather(len(segmentation.sentences), windows, values), self.name, settings=settings)

    def _prompt(self, window: Window, tail: Tail) -> Prompt:
        return window.by_document(tail) if self.level == "document" else window.by_sentence(tail)

    def _prefixes(self, window: Window) -> list[tuple[int, ...]]:
        """The window as it is, and each with one document replaced, or one with all of them."""
        chosen = [(block,) for block in window.blocks] if self.dummies == "each" else [window.blocks]
        return [window.prefix, *(self._replace_blocks(window.prefix, blocks) for blocks in chosen)]

    def _replace_blocks(self, prefix: tuple[int, ...], blocks: Sequence[Span]) -> tuple[int, ...]:
        ids, (dummy,) = list(prefix), self.proxy.tokenizer.encode([self.dummy])
        for start, end in blocks:
            ids[start:end] = islice(cycle(dummy), end - start)
        return tuple(ids)

    def _calibrate(
        self, window: Window, segmentation: Segmentation, read: Sequence[FloatArray]
    ) -> FloatArray:
        """Values of the window's sentences from attention per token: as it is, then with dummies."""
        plain, dummies = read[0], read[1:]
        owners = [window.documents.index(segmentation.sentences[i].document) for i in window.sentences]
        places = range(len(window.blocks)) if self.level == "document" else owners
        each = self.dummies == "each"
        bias = np.array([dummies[k if each else 0][unit] for unit, k in enumerate(places)])
        difference: FloatArray = plain - bias
        return difference[owners] if self.level == "document" else difference


def per_token(attention: Attention) -> FloatArray:
    """Mean attention on each unit's tokens, over all layers and heads, (S,) from the only row read."""
    mass = attention.mass[0].astype(np.float64).mean((0, 1))
    result: FloatArray = mass / np.maximum(attention.n_tokens, 1)
    return result
