"""How far a long run is: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from ragcompress.cli_console import count_bar, err, note

EVERY_SECONDS = 30.0


@contextmanager
def counted(
    label: str, *, every: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int], None]]:
    """Give a callback (done, in all) that says on stderr how far the work is.

    Args:
        every: seconds between two lines; the time left is reckoned from the pace since the last one.
        clock: seconds, from any start.
    """
    if err().is_terminal:
        with count_bar(label) as update:
            yield update
        return
    last_time, last_done = clock(), 0

    def tell(done: int, total: int) -> None:
        nonlocal last_time, last_done
        passed = clock() - last_time
        if passed < every or done >= total:
            return
        left = timedelta(seconds=round((total - done) * passed / max(1, done - last_done)))
        note(f"{label}: {done} of {total}, about {left} left")
        last_time, last_done = clock(), done

    yield tell
