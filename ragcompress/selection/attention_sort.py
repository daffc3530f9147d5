"""The order ``attention-sort``: what the proxy looks at most comes last, closest to the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from ..data import FloatArray, Progress, Segmentation
from ..errors import InputError
from ..prompts.windows import JointTemplate, cut_windows, joint_tail, only_row
from ..proxy.base import Proxy
from .ordering import ATTENTION_SORT, order_as_documents

Pool = Literal["sum", "mean"]
TEMPLATE = JointTemplate(
    head="Answer the question with the help of the documents.\n\n",
    mark="DOCUMENT: ",
    ask="\n\nQuestion:",
    end="\nAnswer:",
)


@dataclass(frozen=True, slots=True)
class AttentionSort:
    """Documents by the attention that they get in one joint prompt, the best last, again and again.

    Attention Sorting (Peysakhovich and Lerer, arXiv 2310.01427, section 3). With A the softmaxed attention of
    the prompt's last token, a document d gets

        a(d) = 1/(L·H) · Σ_layers Σ_heads Σ_{t ∈ d} A(t)

    The documents are sorted by a(d), ascending, and read again in their new order, ``repeats`` times in all,
    or until nothing moves any more (from there on nothing would). Nothing is averaged between repetitions.

    Where this differs from the paper: documents are what is left of them after compression, with their
    titles; the attention is the proxy's, not the reader's; the wording is our own.

    Attributes:
        repeats: at least 1; 3 is the default of the authors' code.
        pool: ``sum`` over a document's tokens, as in the authors' code, or ``mean``, as in their figure:
            under a sum long documents get more.

    Raises:
        InputError: for values out of range.
    """

    repeats: int = 3
    pool: Pool = "sum"
    name: ClassVar[str] = ATTENTION_SORT

    def __post_init__(self) -> None:
        if isinstance(self.repeats, bool) or not isinstance(self.repeats, int) or self.repeats < 1:
            raise InputError(f"repeats must be a whole number of at least 1, got {self.repeats!r}")
        if self.pool not in get_args(Pool):
            raise InputError(f"pool must be one of {', '.join(get_args(Pool))}, got {self.pool!r}")

    def settings(self) -> dict[str, Any]:
        """Return what a result should say of it."""
        return asdict(self)

    def documents(
        self,
        proxy: Proxy,
        question: str,
        segmentation: Segmentation,
        kept: Sequence[int],
        *,
        progress: Progress | None = None,
    ) -> tuple[int, ...]:
        """Positions of the documents that have kept sentences, in their order; ties stay as they were.

        Raises:
            InputError: if the kept sentences do not fit into one prompt of the proxy: attention in two
                prompts can't be compared.
        """
        current = tuple(sorted({segmentation.sentences[i].document for i in kept}))
        for _ in range(self.repeats if len(current) > 1 else 0):
            sequence = order_as_documents(current, kept, segmentation)
            values = self._attention(proxy, question, segmentation, sequence, progress)
            ranked = tuple(current[i] for i in np.argsort(values, kind="stable"))
            if ranked == current:
                break
            current = ranked
        return current

    def _attention(
        self,
        proxy: Proxy,
        question: str,
        segmentation: Segmentation,
        sequence: Sequence[int],
        progress: Progress | None,
    ) -> FloatArray:
        """(D,) attention of each document, in the order of the sequence."""
        tail = only_row(joint_tail(proxy.tokenizer, TEMPLATE, question), "last")
        room = proxy.info.max_tokens - len(tail.ids)
        windows = cut_windows(
            proxy.tokenizer, TEMPLATE, segmentation, question=question, room=room, sequence=sequence
        )
        if len(windows) > 1:
            raise InputError(
                f"the order {self.name!r} reads all kept sentences in one prompt, and {proxy.info.name} "
                f"reads {proxy.info.max_tokens} tokens: lower the budget, or choose another order"
            )
        prompt = windows[0].by_document(tail)
        (read,) = proxy.probe([prompt], n_layers=proxy.info.n_layers, progress=progress)
        values: FloatArray = read.mass[0].astype(np.float64).mean((0, 1))
        return values / np.maximum(read.n_tokens, 1) if self.pool == "mean" else values
