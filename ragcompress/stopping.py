"""When a call has to stop: its time is up, or nobody waits for it any more.

Looked at between pieces of work (a batch of passages, a count of tokens), so that the work itself ends; a
piece that has begun is finished first.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

from .data import Progress
from .errors import CompressionTimeout, InputError, UnknownName
from .text.tokenizing import Counter

OnError = Literal["raise", "passthrough"]
ON_ERROR: tuple[OnError, ...] = ("raise", "passthrough")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the reading of a scorer need go; what it did not read it scores by what else it knows.

    Attributes:
        until: a time of ``time.monotonic`` after which nothing more is read; None: there is none.
        share: the largest share of the text that can be kept, in [0, 1]: where little can be, much need
            not be read.
    """

    until: float | None = None
    share: float = 1.0

    def is_late(self) -> bool:
        """Whether the time is up."""
        return self.until is not None and time.monotonic() >= self.until


UNBOUNDED = Bounds()


class Stop:
    """Tells one call whether it may go on.

    Args:
        timeout: seconds from now, more than 0, after which the call ends; None: as long as it takes.
        deadline: seconds from now, more than 0, after which a scorer shall make do with what it has read.

    Attributes:
        until: when the deadline is, in the time of ``time.monotonic``; None: there is none.

    Raises:
        InputError: if one of them is not a number above 0.
    """

    def __init__(self, timeout: float | None = None, *, deadline: float | None = None) -> None:
        timeout, deadline = as_seconds("timeout", timeout), as_seconds("deadline", deadline)
        self.until = None if deadline is None else time.monotonic() + deadline
        if timeout is not None:
            self._until = time.monotonic() + timeout
        self._timeout = timeout
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End the call at its next look; safe from any thread."""
        self._cancelled.set()

    def seconds_left(self) -> float | None:
        """Seconds until the time is up, at least a millisecond; None: there is no limit."""
        if self._timeout is None:
            return None
        # Nothing can wait longer than that.
        return min(max(self._until - time.monotonic(), 1e-3), threading.TIMEOUT_MAX)

    def check(self) -> None:
        """Look.

        Raises:
            CompressionTimeout: if the time is up.
            asyncio.CancelledError: if the call was cancelled.
        """
        if self._cancelled.is_set():
            from asyncio import CancelledError  # slow to import, and seldom needed

            raise CancelledError
        if self._timeout is not None and time.monotonic() > self._until:
            raise CompressionTimeout(self._timeout)

    def after(self, progress: Progress | None) -> Progress:
        """A progress callback that looks each time."""

        def watch(done: int, total: int) -> None:
            if progress:
                progress(done, total)
            self.check()

        return watch

    def before(self, count: Counter) -> Counter:
        """A counter that looks each time."""

        def watch(text: str) -> int:
            self.check()
            return count(text)

        return watch


def as_seconds(name: str, value: Any) -> float | None:
    """A time limit of any type of numbers, as a float; None: there is none.

    Raises:
        InputError: if it is neither None nor a number of seconds above 0; infinity is one.
    """
    if value is None:
        return None
    number = 0.0
    if isinstance(value, Real | Decimal) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):  # a signaling NaN, a whole number that no float holds
            number = float(value)
    if number > 0:
        return number
    raise InputError(f"{name} must be a number of seconds above 0, or None, got {value!r}")


def check_on_error(value: str) -> None:
    """Refuse what is no way to deal with an error.

    Raises:
        UnknownName: if it is none of ``ON_ERROR``.
    """
    if value not in ON_ERROR:
        raise UnknownName("on_error", value, list(ON_ERROR))


class Watch:
    """Wall time per stage, in seconds."""

    def __init__(self) -> None:
        """Start."""
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Note what has passed since the last one, as this stage's."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now
