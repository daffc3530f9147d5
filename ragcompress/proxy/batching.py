"""What every backend does with prompts before and after the model: checks, batches, pooling matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from ..data import Attention, Progress
from ..errors import InputError
from ..prompts.passages import Prompt
from .base import ProxyInfo
from .reuse import Encode, Prefix

Run = Callable[[list[Prompt]], list[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What a batch may hold, and what it costs.

    Attributes:
        tokens: most of a batch, padding included; a longer prompt makes a batch of its own.
        tail_tokens: most of its tails, where these are run apart from the prefixes, and are then all that it
            costs; None: they are not.
        run_tokens: what it costs to start a run, in tokens that are read in that time.
    """

    tokens: int
    tail_tokens: int | None = None
    run_tokens: int = 24


def probe_in_batches(
    prompts: Sequence[Prompt],
    info: ProxyInfo,
    n_layers: int,
    limits: BatchLimits,
    run: Run,
    progress: Progress | None,
) -> list[Attention]:
    """Check the prompts, run them batch by batch, and return their attention in order.

    Args:
        limits: of batches.
        run: gives mass (R, L, H, S) for each prompt of a batch; padding beyond its sentences is cut.

    Raises:
        InputError: if a prompt is longer than the proxy reads, or ``n_layers`` is not in 1 … L.
    """
    check(prompts, info, n_layers)
    by_prompt: dict[int, Attention] = {}
    for batch in batches(prompts, limits):
        chosen = [prompts[i] for i in batch]
        for i, p, mass in zip(batch, chosen, run(chosen), strict=True):
            spans = np.array(p.spans, dtype=np.int64).reshape(-1, 2)
            of_prompt = np.ascontiguousarray(mass[..., : len(p.spans)])
            by_prompt[i] = Attention(of_prompt, spans[:, 1] - spans[:, 0], p.row_names, info.fingerprint)
        if progress:
            progress(len(by_prompt), len(prompts))
    return [by_prompt[i] for i in range(len(prompts))]


def encode_in_batches(
    prefixes: Sequence[Prefix], info: ProxyInfo, n_layers: int, limits: BatchLimits, run: Encode
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Run prefixes batch by batch; see ``Encoder.encode``.

    Args:
        run: gives the keys and values of each prefix of a batch.
    """
    prompts = [Prompt(prefix) for prefix in prefixes]
    check(prompts, info, n_layers)
    for batch in batches(prompts, limits):
        yield from zip(batch, run([prefixes[i] for i in batch]), strict=True)


def check(prompts: Sequence[Prompt], info: ProxyInfo, n_layers: int) -> None:
    """Refuse what the proxy can't read.

    Raises:
        InputError: if a prompt is longer than the proxy reads, or ``n_layers`` is not in 1 … L.
    """
    if not 1 <= n_layers <= info.n_layers:
        raise InputError(f"n_layers must be 1 … {info.n_layers}, got {n_layers}")
    check_lengths(prompts, info)


def check_lengths(prompts: Sequence[Prompt], info: ProxyInfo) -> None:
    """Refuse a prompt that is longer than the proxy reads.

    Raises:
        InputError: says how long it is.
    """
    for p in prompts:
        if len(p) > info.max_tokens:
            raise InputError(f"a prompt of {len(p)} tokens; {info.name} reads at most {info.max_tokens}")


def batches(prompts: Sequence[Prompt], limits: BatchLimits) -> list[list[int]]:
    """Indices in batches of one tail and of similar length, longest first, each within the limits.

    Of all ways to cut the prompts of a tail, in order of length, it is the one that costs least. Batches as
    full as they may be would pad short passages to the length of long ones, which took a fourth of the time.
    """
    ranked = sorted(
        range(len(prompts)), key=lambda i: (prompts[i].tail, prompts[i].rows, -len(prompts[i]), i)
    )
    result: list[list[int]] = []
    for _, alike in groupby(ranked, key=lambda i: (prompts[i].tail, prompts[i].rows)):
        group = list(alike)
        borders = _cheapest([len(prompts[i]) for i in group], len(prompts[group[0]].tail), limits)
        result += [group[start:end] for start, end in pairwise(borders)]
    return result


def _cheapest(lengths: Sequence[int], tail: int, limits: BatchLimits) -> list[int]:
    """Borders of the batches that cost least in all, for prompts of these lengths, descending."""
    most = len(lengths) if limits.tail_tokens is None else max(1, limits.tail_tokens // max(1, tail))
    least, starts = [0], [0]
    for end in range(1, len(lengths) + 1):
        best = None
        for start in range(end - 1, max(-1, end - 1 - most), -1):
            n, longest = end - start, lengths[start]
            if n > 1 and n * longest > limits.tokens:
                break
            reads = longest if limits.tail_tokens is None else tail
            cost = least[start] + n * reads + limits.run_tokens
            if best is None or cost <= best[0]:
                best = cost, start
        assert best is not None  # a prompt may always be alone
        least.append(best[0])
        starts.append(best[1])
    borders = [len(lengths)]
    while borders[-1]:
        borders.append(starts[borders[-1]])
    return borders[::-1]


def row_weights(prompt: Prompt) -> NDArray[np.float32]:
    """Matrix (R, tail tokens) that averages the tail's rows into the rows asked for."""
    weights = np.zeros((len(prompt.rows), len(prompt.tail)), dtype=np.float32)
    for row, (start, end) in enumerate(prompt.rows):
        weights[row, start:end] = 1 / (end - start)
    return weights


def pool(prompts: Sequence[Prompt], n_tokens: int) -> NDArray[np.float32]:
    """Matrices (B, n_tokens, S) that sum tokens into sentences, S the most of any prompt of the batch."""
    result = np.zeros((len(prompts), n_tokens, max(len(p.spans) for p in prompts)), dtype=np.float32)
    for row, p in enumerate(prompts):
        for column, (start, end) in enumerate(p.spans):
            result[row, start:end, column] = 1
    return result
