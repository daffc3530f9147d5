"""Batches of prompts: each prompt in one, and none larger than it may be."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ragcompress.prompts.passages import Prompt
from ragcompress.proxy.batching import batches

LENGTHS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0, 3, 20])), max_size=30)


@given(LENGTHS, st.integers(1, 120), st.one_of(st.none(), st.integers(1, 60)))
def test_batches_hold_each_prompt_once_and_stay_within_both_limits(
    lengths: list[tuple[int, int]], batch_tokens: int, tail_tokens: int | None
) -> None:
    prompts = [Prompt((1,) * prefix, (2,) * tail, (), (), (), ()) for prefix, tail in lengths]
    found = batches(prompts, batch_tokens, tail_tokens)
    assert sorted(i for batch in found for i in batch) == list(range(len(prompts)))
    for batch in found:
        assert len({prompts[i].tail for i in batch}) == 1
        if len(batch) > 1:
            assert len(batch) * max(len(prompts[i]) for i in batch) <= batch_tokens
            assert tail_tokens is None or len(batch) * len(prompts[batch[0]].tail) <= tail_tokens
    for batch, after in pairwise(found):
        first, n = prompts[batch[0]], len(batch) + 1
        if first.tail == prompts[after[0]].tail:
            full = n * len(first) > batch_tokens
            assert full or (tail_tokens is not None and n * len(first.tail) > tail_tokens)
