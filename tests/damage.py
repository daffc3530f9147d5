"""Damaged bytes for tests, and how many cases a property is tried on."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from shared import SHARE_OF_TRIES

MANY = os.environ.get("RAGCOMPRESS_EXAMPLES")


def cases(few: int) -> settings:
    """The same few cases each time; with ``make fuzz`` many other ones, of which those that fail are kept."""
    return settings(
        max_examples=int(MANY or max(5, round(SHARE_OF_TRIES * few))),
        derandomize=MANY is None,
        database=DirectoryBasedExampleDatabase(".hypothesis/examples") if MANY else None,
        # What explains a failure takes longer than finding it, and leaves the values out.
        phases=[phase for phase in Phase if phase is not Phase.explain],
        print_blob=MANY is not None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


FUZZ = cases(20)
BITS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1, max_size=4)


def flipped(data: bytes, bits: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, bit in bits:
        changed[place % len(changed)] ^= 1 << bit
    return bytes(changed)


def without_checksums(index: Path) -> None:
    """Make an index look like those of older versions, so that what stands behind the checksum is reached."""
    for path in index.glob("*/*.crc32"):
        path.unlink()
