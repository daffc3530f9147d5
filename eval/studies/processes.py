"""Servers as processes of their own: started, waited for, ended."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

RATIO = 0.2
"""What ``ragcompress serve`` keeps here."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs.

    Attributes:
        pid: of its process; 0: it is none of ours.
    """

    url: str
    pid: int = 0

    def megabytes(self) -> float | None:
        """Its memory; None: this system does not tell."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            return None
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1000 if found else None


@contextmanager
def running(
    command: Sequence[str], ready: Callable[[str], str | None], *, seconds: float = 600, **settings: Any
) -> Iterator[Served]:
    """Start a server, and wait until it is ready.

    Args:
        ready: gives its address once it answers; it gets all that the process has said.
        seconds: in which it must be ready.
        settings: of ``subprocess.Popen``.

    Raises:
        TimeoutError: if it ends, or is not ready by then; says what it said last.
    """
    with tempfile.TemporaryDirectory() as folder, (log := Path(folder, "log")).open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, **settings)
        try:
            until = time.monotonic() + seconds
            while not (url := ready(text := log.read_text("utf-8", "replace"))):
                if process.poll() is not None or time.monotonic() > until:
                    raise TimeoutError(f"{command[0]} is not ready; it said: {text[-2_000:]}")
                time.sleep(0.2)
            yield Served(url, process.pid)
        finally:
            process.terminate()
            process.wait(60)


def answers(url: str, path: str) -> bool:
    """Whether a server says at an address that it is ready."""
    try:
        return httpx.get(url + path, timeout=30).status_code == 200
    except httpx.HTTPError:
        return False


def serving(scorer: str, *more: object) -> AbstractContextManager[Served]:
    """A running ``ragcompress serve``; more of its options may be given."""

    def ready(said: str) -> str | None:
        found = re.search(r"http://\S+:\d+", said)
        return found[0] if found and answers(found[0], "/readyz") else None

    arguments = ["serve", "--port", "0", "--ratio", str(RATIO), "--scorer", scorer, *map(str, more)]
    return running([sys.executable, "-m", "ragcompress", *arguments], ready)
