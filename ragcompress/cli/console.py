"""What the command line says: results on stdout, all else on stderr, errors as one line.

Consoles are made when they are needed, so that they write to the ``sys.stdout`` and ``sys.stderr`` of that
moment. Text of users is never read as markup and never wrapped.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ..errors import DEBUG, DataError, explain
from ..files import to_bytes, write_whole
from .streams import stdout

EVERY_SECONDS = 30.0
_MEGABYTE = 1_000_000
_WIDE = 10_000
# Control characters but line ends and tabs, and what turns the direction of writing.
_STEERING = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\r(?!\n)")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_INTERRUPTED, _TERMINATED = 130, 143  # as a shell says of what a signal ended


def out() -> Console:
    """Console on stdout; as wide as its text where there is no terminal."""
    console = Console(highlight=False, markup=False, emoji=False, legacy_windows=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def err() -> Console:
    """Console on stderr."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def note(text: str) -> None:
    """Say one line on stderr."""
    err().print(Text(one_line(text), style="dim"))


def fail(text: str) -> None:
    """Say on stderr, in one line, what went wrong."""
    err().print(Text.assemble(("error: ", "bold red"), one_line(text)))


def one_line(text: str) -> str:
    """The text on one line, without characters that could steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def emit(text: str, path: Path | None = None) -> None:
    """Write a result as it is, in UTF-8 whatever the locale, to a file or to stdout.

    On a terminal blanks stand for characters that would steer it.

    Raises:
        DataError: if the file can't be written.
    """
    data = to_bytes(text)
    if path is not None:
        write_whole(path, data)
        return
    try:
        file = stdout()
        file.write(to_bytes(_STEERING.sub(" ", text)) if file.isatty() else data)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"the result can't be written: {error.strerror or error}") from None


def exit_code(error: BaseException) -> int:
    """Say what went wrong, if there is anything to say, and return the exit status."""
    _let_go_of_stdout()
    if isinstance(error, BrokenPipeError):
        return 1  # whoever read our output has seen enough
    if isinstance(error, KeyboardInterrupt):
        terminated = isinstance(error, Terminated)
        note("terminated" if terminated else "interrupted")
        return _TERMINATED if terminated else _INTERRUPTED
    if os.environ.get(DEBUG):
        err().print(Text("".join(traceback.format_exception(error))))
    is_ours = isinstance(error, OSError) and error.errno in _NO_ROOM and not error.filename
    fail(f"the result can't be written: {error.strerror}" if is_ours else explain(error))  # type: ignore[attr-defined]
    return 1


def _let_go_of_stdout() -> None:
    """Write what waits to be written; where that can't be, Python would complain at the end once more."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Terminated(KeyboardInterrupt):
    """SIGTERM, so that what must be put away is, as after an interrupt."""


@contextmanager
def ended_cleanly() -> Iterator[None]:
    """End with one line at an interrupt or SIGTERM, wherever it comes; from then on signals end at once."""
    on_main = threading.current_thread() is threading.main_thread()

    def terminate(number: int, frame: object) -> None:
        raise Terminated

    try:
        if on_main:
            signal.signal(signal.SIGTERM, terminate)
        yield
    except KeyboardInterrupt as error:
        raise SystemExit(exit_code(error)) from None
    finally:
        if on_main:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def byte_bar(
    label: str, last: str, *, every: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int], None]]:
    """Give a callback (bytes done, bytes in all) that shows one bar, labeled ``last`` once all are done.

    Off a terminal there is a line now and then; arguments as for ``phase_bar``.
    """
    if not err().is_terminal:
        tell = _line_progress(every, clock, unit=_MEGABYTE)
        yield lambda done, total: tell(label, done, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with _bar(*columns) as update:
        yield lambda done, total: update(last if done >= total else label, done, total)


@contextmanager
def count_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Give a callback (done, in all) that shows how far the work is."""
    with phase_bar() as update:
        yield lambda done, total: update(label, done, total)


@contextmanager
def phase_bar(
    *, every: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback (what, done, in all): a bar whose label changes; off a terminal a line now and then.

    Args:
        every: seconds between two lines; the time left is reckoned from the pace since the last one.
        clock: seconds, from any start.
    """
    if not err().is_terminal:
        yield _line_progress(every, clock)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with _bar(*columns) as update:
        yield update


def _line_progress(
    every: float, clock: Callable[[], float], unit: int = 1
) -> Callable[[str, int, int], None]:
    last_label, last_time, last_done = "", clock(), 0

    def tell(label: str, done: int, total: int) -> None:
        nonlocal last_label, last_time, last_done
        if label != last_label:
            last_label, last_time, last_done = label, clock(), 0
        passed = clock() - last_time
        if passed < every or done >= total:
            return
        left = timedelta(seconds=round((total - done) * passed / max(1, done - last_done)))
        amounts = f"{done} of {total}" if unit == 1 else f"{done / unit:.1f} of {total / unit:.1f} MB"
        note(f"{label}: {amounts}, about {left} left")
        last_time, last_done = clock(), done

    return tell


@contextmanager
def _bar(*columns: ProgressColumn) -> Iterator[Callable[[str, int, int], None]]:
    console = err()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None, visible=False)

        def update(label: str, done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=True, description=label)

        yield update
