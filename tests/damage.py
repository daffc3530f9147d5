"""Damaged bytes for tests: which bits, how many cases of them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MANY = os.environ.get("RAGCOMPRESS_EXAMPLES")
FUZZ = settings(
    max_examples=int(MANY or 20),
    derandomize=MANY is None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
BITS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1, max_size=4)


def flipped(data: bytes, bits: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, bit in bits:
        changed[place % len(changed)] ^= 1 << bit
    return bytes(changed)
