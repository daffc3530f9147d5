"""Which kept sentences support an answer, as the proxy reads it; the answer may come from any reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .context import CompressedContext
from .data import FloatArray, Progress, Segmentation
from .errors import InputError
from .prompts.passages import Tail
from .prompts.windows import JointTemplate, Window, cut_windows
from .proxy.base import Proxy, TeacherForced

Method = Literal["arc-jsd", "attention"]
TEMPLATE = JointTemplate(
    head="Answer the question with the help of the documents.\n\n", ask="\n\nQuestion:", end="\nAnswer:"
)


@dataclass(frozen=True, slots=True)
class Support:
    """How much each kept sentence supports an answer.

    Attributes:
        answer: as it was given.
        method: ``arc-jsd`` or ``attention``.
        sentences: (N,) indices of the kept sentences, in the order of the context's pieces.
        values: float64 (N,), read-only, higher is more: nats for ``arc-jsd``, in [0, ln 2 · tokens of the
            answer]; attention per token for ``attention``, in [0, 1]. They say which of these sentences
            supports the answer most, not whether the answer is true.
        settings: which proxy, JSON-able.
    """

    answer: str
    method: Method
    sentences: tuple[int, ...]
    values: FloatArray
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        if values.shape != (len(self.sentences),) or not np.isfinite(values).all():
            raise InputError(
                f"{len(self.sentences)} sentences, but values of shape {values.shape}, or not finite"
            )
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def ranking(self) -> tuple[int, ...]:
        """Sentence indices, the strongest support first; ties by their order in the context."""
        return tuple(self.sentences[i] for i in np.argsort(-self.values, kind="stable"))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object; ``values`` are in the order of the pieces."""
        return {
            "answer": self.answer,
            "method": self.method,
            "values": self.values.tolist(),
            "settings": dict(self.settings),
        }


def support(
    context: CompressedContext,
    answer: str,
    *,
    proxy: Proxy,
    method: Method = "arc-jsd",
    progress: Progress | None = None,
) -> Support:
    """Tell how much each sentence of a context supports an answer.

    ``arc-jsd``: ARC-JSD (Li et al., arXiv 2505.16415). Let p(· | C) be what the proxy expects at each token
    of the answer a, all tokens before it given, behind the question and the kept sentences C. A sentence c
    gets

        Σ_t JSD( p(· | C, a_<t) ‖ p(· | C without c, a_<t) )

    in nats: one pass over the context for each sentence, and one more. ``attention``: from one pass, the
    attention per token of the sentence, mean over the heads of the upper half of the layers and over the rows
    that expect the answer's tokens.

    Where this differs from the paper: the answer is the reader's, not the proxy's own; documents carry their
    titles, and a title goes with its last sentence; the wording is our own.

    Args:
        context: of any compressor.
        answer: what the reader said.
        proxy: the model that is read; for ``arc-jsd`` it must give probabilities (both backends do).
        progress: called with (prompts done, prompts in all).

    Raises:
        InputError: for an empty answer, an unknown method, a proxy that can't do it, or a context that does
            not fit into one prompt with question and answer.
    """
    if method not in get_args(Method):
        raise InputError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not answer.strip():
        raise InputError("the answer is empty; support needs an answer")
    values = (_divergences if method == "arc-jsd" else _attention)(context, answer, proxy, progress)
    return Support(answer, method, tuple(p.sentence for p in context.pieces), values, proxy.info.settings())


def jensen_shannon(p: NDArray[np.floating[Any]], q: NDArray[np.floating[Any]]) -> FloatArray:
    """Jensen-Shannon divergence in nats, in [0, ln 2], of log-probabilities (…, V)."""
    p, q = p.astype(np.float64), q.astype(np.float64)
    middle = np.logaddexp(p, q) - np.log(2)
    result = (np.exp(p) * (p - middle) + np.exp(q) * (q - middle)).sum(-1) / 2
    return np.asarray(np.maximum(result, 0))


def _divergences(
    context: CompressedContext, answer: str, proxy: Proxy, progress: Progress | None
) -> FloatArray:
    """(N,) for ``arc-jsd``; the context without a sentence is read as if it had never been kept."""
    if not isinstance(proxy, TeacherForced):
        raise InputError(
            f"the proxy {proxy.info.name!r} gives no probabilities, which arc-jsd needs; attention needs none"
        )
    parts, tail = context.segmentation, _tail(context.question, answer, proxy)
    sequence = [p.sentence for p in context.pieces]
    whole = _window(parts, sequence, tail, proxy).by_sentence(tail)
    without = [
        _window(parts, sequence[:k] + sequence[k + 1 :], tail, proxy).by_sentence(tail)
        for k in range(len(sequence))
    ]
    ((_, reference),) = proxy.log_probabilities([whole])
    values = np.zeros(len(sequence))
    for done, (k, expected) in enumerate(proxy.log_probabilities(without), 1):
        values[k] = jensen_shannon(reference, expected).sum()
        if progress:
            progress(done, len(without))
    return values


def _attention(
    context: CompressedContext, answer: str, proxy: Proxy, progress: Progress | None
) -> FloatArray:
    """(N,) for ``attention``; lower layers look at places rather than at what is said there."""
    tail = _tail(context.question, answer, proxy)
    window = _window(context.segmentation, [p.sentence for p in context.pieces], tail, proxy)
    n_layers = proxy.info.n_layers
    (read,) = proxy.probe([window.by_sentence(tail)], n_layers=n_layers, progress=progress)
    values: FloatArray = read.mass[0, n_layers // 2 :].astype(np.float64).mean((0, 1)) / read.n_tokens
    return values


def _tail(question: str, answer: str, proxy: Proxy) -> Tail:
    """The tail that ends with the answer; its row is where each token of it is expected: one before."""
    pieces = proxy.tokenizer.encode([TEMPLATE.ask, " " + question, TEMPLATE.end, " " + answer.strip()])
    ids = tuple(i for piece in pieces for i in piece)
    return Tail(ids, ((len(ids) - len(pieces[-1]) - 1, len(ids) - 1),), ("expected",))


def _window(segmentation: Segmentation, sequence: Sequence[int], tail: Tail, proxy: Proxy) -> Window:
    """The sentences in one prompt, so that an answer may rest on all of them.

    Raises:
        InputError: if they don't fit.
    """
    tokenizer, longest = proxy.tokenizer, proxy.info.max_tokens
    room = longest - len(tail.ids)
    windows = cut_windows(tokenizer, TEMPLATE, segmentation, question="", room=room, sequence=sequence)
    if len(windows) > 1:
        raise InputError(
            f"support reads all kept sentences in one prompt, with question and answer ({len(tail.ids)} "
            f"tokens), and {proxy.info.name} reads {longest} tokens: lower the budget"
        )
    nothing = (*tokenizer.prefix_ids, *tokenizer.encode([TEMPLATE.head])[0])
    return windows[0] if windows else Window(nothing, (), (), (), ())
