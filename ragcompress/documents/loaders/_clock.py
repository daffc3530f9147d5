"""The time that one file may take; looked at between pieces of work."""

from __future__ import annotations

import time

from ...errors import UnreadableFile


class Clock:
    """Tells a loader whether it may go on.

    Args:
        name: what messages call the file.
        seconds: from now; None: as long as it takes.
    """

    def __init__(self, name: str, seconds: float | None = None) -> None:
        self._name, self._seconds = name, seconds
        self._until = None if seconds is None else time.monotonic() + seconds

    def check(self) -> None:
        """Look.

        Raises:
            UnreadableFile: if the time is up.
        """
        if self._until is not None and time.monotonic() > self._until:
            raise UnreadableFile(
                self._name, "too slow", f"took longer to read than its time limit of {self._seconds:g} s"
            )
