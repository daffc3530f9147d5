"""AttentionRAG: the sentences that the first token of the proxy's own answer looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal, get_args

import numpy as np

from ..data import Attention, FloatArray, Progress, Scores, Segmentation
from ..errors import InputError
from ..prompts.passages import Prompt, Tail
from ..prompts.windows import JointTemplate, Window, cut_windows, gather
from ..proxy.base import NextToken, Proxy
from ._hints import by_proxy, by_rules, generate

Hint = Literal["rules", "proxy", "empty"]
TEMPLATE = JointTemplate(head="Read the context, then answer the question.\nContext: ")
_NONE = "none"
_ANSWER = 8  # tokens in which a tokenizer writes "none" at the most, with what surrounds it
_CHOSEN = 2.0


class Scorer:
    """Attention of the anchor, the first token of a greedy answer, summed over all layers, chunk by chunk.

    AttentionRAG (Fang et al., arXiv 2503.10720, section 3, algorithm 1). The question is turned into an
    answer hint, its answer up to the word asked for; the documents into chunks c_j of about m tokens. Each
    chunk, hint and question make a prompt that ends with the hint; its most probable next token is the anchor
    a_j. If the answer is "none", the chunk is dropped. Else

        A_j = Σ_layers Attention_l(c_j, a_j)        c'_j = sentences of c_j that hold a token of Top-k(A_j)

    and the c'_j in order are the compressed context (``kept``). That knows no budget, so ``score`` is our own
    variant: the sentences of all c'_j come first, then the others of the same chunks, then the chunks that
    were dropped. Within each, by the most attention that one token of the sentence gets. If every chunk says
    none, the gate is left out, so that not everything is lost.

    What the paper leaves open: heads are averaged. Where this differs from it: chunks end with sentences and
    carry titles; the hint comes from rules, or from the proxy instead of a large model; our own wording.

    Args:
        proxy: the model that is read; it must tell next tokens (both backends do).
        chunk_tokens: m, ceiling on a chunk's tokens with its titles; the longest title must leave room.
        top_k: k, tokens of a chunk that choose its sentences.
        hint: ``rules`` (English), ``proxy`` (greedy, from four examples), or ``empty``: no hint, as the paper
            does for yes-no questions.

    Raises:
        InputError: for a setting out of range, or a proxy that can't tell next tokens.
    """

    name: ClassVar[str] = "attentionrag"
    needs_proxy: ClassVar[bool] = True

    def __init__(
        self, *, proxy: Proxy, chunk_tokens: int = 300, top_k: int = 12, hint: Hint = "rules"
    ) -> None:
        if min(chunk_tokens, top_k) < 1:
            raise InputError(f"chunk_tokens and top_k must be at least 1, got {chunk_tokens} and {top_k}")
        if hint not in get_args(Hint):
            raise InputError(f"hint must be one of {', '.join(get_args(Hint))}, got {hint!r}")
        if not isinstance(proxy, NextToken):
            raise InputError(f"the proxy {proxy.info.name!r} can't tell next tokens, which this scorer needs")
        self.proxy, self.chunk_tokens, self.top_k, self.hint = proxy, chunk_tokens, top_k, hint
        self._writer: NextToken = proxy

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Find each chunk's anchor, then read its row.

        Raises:
            InputError: if the question, or a title, leaves no room for a sentence.
        """
        chunks, values = self._tiers(question, segmentation, progress)
        info = self.proxy.info
        settings = {
            **info.settings(),
            "chunk_tokens": self.chunk_tokens,
            "top_k": self.top_k,
            "hint": self.hint,
        }
        return Scores(gather(len(segmentation.sentences), chunks, values), self.name, settings=settings)

    def kept(self, question: str, segmentation: Segmentation) -> tuple[int, ...]:
        """Indices, ascending, of the sentences that the paper keeps: as many as they are, no budget."""
        chunks, values = self._tiers(question, segmentation, None)
        return tuple(np.flatnonzero(gather(len(segmentation.sentences), chunks, values) >= _CHOSEN).tolist())

    def _tiers(
        self, question: str, segmentation: Segmentation, progress: Progress | None
    ) -> tuple[tuple[Window, ...], list[FloatArray]]:
        """Chunks, and values of their sentences: from 2 on chosen, 1 on not, 0 on in a dropped chunk."""
        tail = self._tail(question)
        chunks = self._chunks(question, segmentation, tail)
        prompts = [c.by_token(tail) for c in chunks]
        anchors = self._writer.next_tokens(prompts)
        dropped = [self._says_none(p, a) for p, a in zip(prompts, anchors, strict=True)]
        if all(dropped):
            dropped = [False] * len(chunks)
        anchored = [_add_anchor(p, a) for p, a in zip(prompts, anchors, strict=True)]
        n_layers = self.proxy.info.n_layers
        read = self.proxy.probe(anchored, n_layers=n_layers, progress=progress)
        rows = zip(chunks, read, dropped, strict=True)
        return chunks, [sentence_values(c, token_values(a) / n_layers, self.top_k, d) for c, a, d in rows]

    def _chunks(self, question: str, segmentation: Segmentation, tail: Tail) -> tuple[Window, ...]:
        tokenizer = self.proxy.tokenizer
        head = len(tokenizer.prefix_ids) + tokenizer.count(TEMPLATE.head)
        room = min(head + self.chunk_tokens, self.proxy.info.max_tokens - len(tail.ids) - _ANSWER)
        return cut_windows(tokenizer, TEMPLATE, segmentation, question=question, room=room)

    def _tail(self, question: str) -> Tail:
        hint = self._hint(question)
        begin = f'begin the answer with "{hint}"; ' if hint else ""
        text = (
            f"\nHint: {begin}if the context says nothing about the question and you do not know, "
            f'answer "{hint} {_NONE}".\nQuestion: {question}\nAnswer: {hint}'
        )
        ids = self.proxy.tokenizer.encode([text.rstrip()])[0]
        return Tail(tuple(ids), ((len(ids) - 1, len(ids)),), ("last",))

    def _hint(self, question: str) -> str:
        if self.hint == "proxy":
            return by_proxy(self.proxy, self._writer, question)
        return by_rules(question) if self.hint == "rules" else ""

    def _says_none(self, prompt: Prompt, anchor: int) -> bool:
        """Whether the answer that begins with the anchor is "none"; it may take several tokens to tell."""

        def has_answered(text: str) -> bool:
            return not _NONE.startswith(_letters(text)) or _letters(text) == _NONE

        text = self.proxy.tokenizer.decode([anchor])
        if not has_answered(text):
            whole = prompt.prefix + prompt.tail + (anchor,)
            text += generate(
                self.proxy, self._writer, whole, _ANSWER - 1, lambda more: has_answered(text + more)
            )
        return _letters(text) == _NONE


def token_values(attention: Attention) -> FloatArray:
    """A_j: (T,) attention of the anchor on each token, summed over layers, mean over heads; in [0, L]."""
    return np.asarray(attention.mass[0].astype(np.float64).mean(1).sum(0))


def sentence_values(chunk: Window, tokens: FloatArray, top_k: int, dropped: bool) -> FloatArray:
    """Values of a chunk's sentences: the tier, plus the largest of their tokens' values, in [0, 1]."""
    lengths = [end - start for start, end in chunk.spans]
    owners = np.repeat(np.arange(len(lengths)), lengths)
    best = np.zeros(len(lengths))
    np.maximum.at(best, owners, tokens)
    chosen = np.zeros(len(lengths))
    chosen[owners[np.argsort(-tokens, kind="stable")[:top_k]]] = 1
    return best if dropped else best + 1 + chosen


def _add_anchor(prompt: Prompt, anchor: int) -> Prompt:
    """The prompt with its anchor, whose row is read."""
    end = len(prompt.tail)
    return replace(prompt, tail=(*prompt.tail, anchor), rows=((end, end + 1),))


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isalpha()).lower()
