"""Stacked keys and values: what np.stack would give, whatever stood in the memory before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragcompress.proxy import stacking
from ragcompress.proxy.stacking import Stacks

FLOAT = NDArray[np.float32]


def arrays_of(lengths: list[int], seed: int) -> list[FLOAT]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(3, 2, n, 4)).astype(np.float32) for n in lengths]


def padded_slowly(arrays: list[FLOAT]) -> list[FLOAT]:
    longest = max(a.shape[2] for a in arrays)
    padded = [np.pad(a, ((0, 0), (0, 0), (0, longest - a.shape[2]), (0, 0))) for a in arrays]
    return [np.stack([array[part] for array in padded]) for part in range(3)]


@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), min_size=1, max_size=4))
def test_batches_one_after_the_other_are_stacked_as_each_alone(batches: list[list[int]]) -> None:
    stacks = Stacks()
    for seed, lengths in enumerate(batches):
        arrays = arrays_of(lengths, seed)
        with stacks.pad(arrays) as found:
            wanted = padded_slowly(arrays)
            assert len(found) == len(wanted)
            assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_a_batch_within_a_batch_and_threads_do_not_share_memory() -> None:
    stacks = Stacks()

    def stack(seed: int) -> bool:
        outer, inner = arrays_of([3, 1], seed), arrays_of([2], seed + 1000)
        with stacks.pad(outer) as first:
            with stacks.pad(inner) as second:
                same = all(map(np.array_equal, second, padded_slowly(inner)))
            return same and all(map(np.array_equal, first, padded_slowly(outer)))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(stack, range(200)))


@pytest.mark.parametrize("most", [0, stacking._MOST_BYTES])
def test_memory_is_used_again_after_an_error_where_it_is_not_too_much(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(stacking, "_MOST_BYTES", most)
    stacks, pieces = Stacks(), []
    for _ in range(2):
        with suppress(KeyError), stacks.pad(arrays_of([5, 2], 0)) as found:
            pieces.append(found[0])  # held, so that memory asked for anew is other memory
            raise KeyError
    assert np.shares_memory(*pieces) == (most > 0)
