"""Time to a reader's first token, of all that was retrieved and of what compression leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from ragcompress import Budget, Compressor, Document, Tokenizer

from ..speed.texts import Source


class Reader(Protocol):
    """Reads tokens, and begins an answer."""

    def first_token(self, n_tokens: int) -> object:
        """Read so many tokens and begin the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Passages of one size, compressed once to know their tokens."""

    question: str
    documents: tuple[Document, ...]
    budget: Budget
    tokens: int
    tokens_after: int


def contexts(
    compressor: Compressor,
    tokenizer: Tokenizer,
    source: Source,
    sizes: Iterable[int],
    *,
    passage_tokens: int,
    ratio: float,
) -> list[Context]:
    """Cut passages for each size, tokens in all, and compress them a first time."""
    compressed = []
    for size in sizes:
        n = max(1, round(size / passage_tokens))
        documents = tuple(Document(p) for p in source.passages(tokenizer, n, passage_tokens))
        budget = Budget(ratio=ratio, min_tokens=0)
        made = compressor(source.question, documents, budget=budget)
        compressed.append(Context(source.question, documents, budget, made.tokens_before, made.tokens_after))
    return compressed


def compression(compressor: Compressor, contexts: Sequence[Context], *, runs: int) -> list[dict[str, Any]]:
    """Time compression alone: per size tokens, seconds and core seconds, the median of the runs."""
    rows = []
    for context in contexts:
        times = [_compress(compressor, context) for _ in range(runs)]
        rows.append(
            {
                "tokens": context.tokens,
                "tokens_after": context.tokens_after,
                "passages": len(context.documents),
                "seconds_compress": median(wall for wall, _ in times),
                "core_seconds": median(cores for _, cores in times),
            }
        )
    return rows


def time_reader(reader: Reader, compressor: Compressor, context: Context, *, runs: int) -> dict[str, Any]:
    """Time a reader on one size; all, what is left, and compression run in turns.

    Returns:
        Tokens; medians ``seconds_full``, ``seconds_left`` (the reader alone) and ``seconds_compress``; and
        ``times_faster``: full ÷ (left + compress).
    """
    turns: Mapping[str, Callable[[], object]] = {
        "seconds_full": lambda: reader.first_token(context.tokens),
        "seconds_left": lambda: reader.first_token(context.tokens_after),
        "seconds_compress": lambda: _compress(compressor, context),
    }
    reader.first_token(context.tokens_after)
    timed = [{key: _seconds(run) for key, run in turns.items()} for _ in range(runs)]
    row = {key: median(times[key] for times in timed) for key in turns}
    spent = row["seconds_left"] + row["seconds_compress"]
    sizes = {"tokens": context.tokens, "tokens_after": context.tokens_after, "n": runs}
    return {**sizes, **row, "times_faster": row["seconds_full"] / spent}


def break_even_speed(sizes: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Tokens a second that a reader reads, below which compression pays, for each size.

    A reader is spared ``tokens - tokens_after``; where reading those takes longer than compression did, it
    pays. None of it depends on which reader was measured.
    """
    return [
        {
            "tokens": size["tokens"],
            "tokens_per_second": (size["tokens"] - size["tokens_after"]) / size["seconds_compress"],
        }
        for size in sizes
    ]


def _compress(compressor: Compressor, context: Context) -> tuple[float, float]:
    """Wall and core seconds of one call."""
    wall, cores = time.perf_counter(), time.process_time()
    compressor(context.question, context.documents, budget=context.budget)
    return time.perf_counter() - wall, time.process_time() - cores


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
