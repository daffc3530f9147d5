"""Batches of prompts: each prompt in one, and none larger than it may be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from ragcompress.prompts.passages import Prompt
from ragcompress.proxy.batching import BatchLimits, batches

LENGTHS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0, 3, 20])), max_size=30)


@given(LENGTHS, st.integers(1, 120), st.one_of(st.none(), st.integers(1, 60)))
def test_batches_hold_each_prompt_once_and_stay_within_both_limits(
    lengths: list[tuple[int, int]], tokens: int, tail_tokens: int | None
) -> None:
    prompts = [Prompt((1,) * prefix, (2,) * tail, (), (), (), ()) for prefix, tail in lengths]
    found = batches(prompts, BatchLimits(tokens, tail_tokens))
    assert sorted(i for batch in found for i in batch) == list(range(len(prompts)))
    for batch in found:
        assert len({prompts[i].tail for i in batch}) == 1
        if len(batch) > 1:
            assert len(batch) * max(len(prompts[i]) for i in batch) <= tokens
            assert tail_tokens is None or len(batch) * len(prompts[batch[0]].tail) <= tail_tokens


def ways(n: int) -> list[list[int]]:
    """All borders of batches of ``n`` prompts in order."""
    inner = range(1, n)
    return [[0, *cut, n] for k in range(n) for cut in combinations(inner, k)]


@given(
    st.lists(st.integers(3, 40), min_size=1, max_size=9),
    st.integers(1, 120),
    st.one_of(st.none(), st.integers(1, 12)),
    st.integers(0, 40),
)
def test_no_other_way_costs_less(
    lengths: list[int], tokens: int, tail_tokens: int | None, run_tokens: int
) -> None:
    lengths = sorted(lengths, reverse=True)
    prompts = [Prompt((1,) * (n - 3), (2,) * 3, (), (), (), ()) for n in lengths]
    found = batches(prompts, BatchLimits(tokens, tail_tokens, run_tokens))
    assert [i for batch in found for i in batch] == list(range(len(lengths)))

    def fits(a: int, b: int) -> bool:
        within = tail_tokens is None or (b - a) * 3 <= tail_tokens
        return b - a == 1 or ((b - a) * lengths[a] <= tokens and within)

    def cost(borders: Sequence[int]) -> int:
        reads = (lengths[a] if tail_tokens is None else 3 for a in borders[:-1])
        return sum((b - a) * r + run_tokens for (a, b), r in zip(pairwise(borders), reads, strict=True))

    allowed = [w for w in ways(len(lengths)) if all(fits(a, b) for a, b in pairwise(w))]
    assert cost([0, *accumulate(map(len, found))]) == min(map(cost, allowed))


def test_short_passages_are_not_padded_to_the_longest() -> None:
    prompts = [Prompt((1,) * n, (), (), (), (), ()) for n in (250, 240, 90, 85, 80, 30)]
    assert batches(prompts, BatchLimits(1024)) == [[0, 1], [2, 3, 4], [5]]
    assert batches(prompts, BatchLimits(1024, run_tokens=2_000)) == [[0, 1], [2, 3, 4, 5]]
