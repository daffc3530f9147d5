"""The files of one run of ``ragcompress batch``, such that a run that was killed can go on.

    OUT.partial         results so far, renamed to OUT at the end
    OUT.errors.jsonl    requests that failed
    OUT.state.json      what the run is about, and its last checkpoint: how much of the input is done, and how
                        long the two files above were then

Lines are only ever appended. A checkpoint is written, whole or not at all, after the lines before it are on
the disk; going on means cutting both files to the lengths it says and reading the input from where it says.
So each request has exactly one line, whatever moment the run was cut short at.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from ..errors import DataError
from ..files import lock, to_bytes, write_whole
from .request import Outcome

_FORMAT = 1
_EVERY = 0.5  # seconds between checkpoints: what a run that is killed loses, and how often the disk must wait


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run has come.

    Attributes:
        offset, lines: bytes and lines of the input, blank ones included, that are done.
        results, errors: bytes of the two files that belong to them.
        n_done, n_failed: requests with a result, and with a reason.
        tokens_before, tokens_after: sums over the results.
        seconds: spent so far, in all runs together.
    """

    offset: int = 0
    lines: int = 0
    results: int = 0
    errors: int = 0
    n_done: int = 0
    n_failed: int = 0
    tokens_before: int = 0
    tokens_after: int = 0
    seconds: float = 0.0

    def after(self, outcome: Outcome, offset: int, lines: int, seconds: float) -> Checkpoint:
        """The checkpoint behind one more request."""
        n = len(outcome.line)
        return Checkpoint(
            offset,
            lines,
            self.results + (0 if outcome.failed else n),
            self.errors + (n if outcome.failed else 0),
            self.n_done + (not outcome.failed),
            self.n_failed + outcome.failed,
            self.tokens_before + outcome.tokens_before,
            self.tokens_after + outcome.tokens_after,
            seconds,
        )


class Outlet(Protocol):
    """Where outcomes go, in the order of the requests."""

    @property
    def at(self) -> Checkpoint:
        """How far the run has come."""
        ...

    def add(self, outcome: Outcome, *, offset: int, lines: int) -> None:
        """Write down one request's outcome; ``offset`` and ``lines`` of the input are done with it."""
        ...


class Stream:
    """Passes results on at once, to what is no file of its own: a pipe, a device, standard output.

    Nothing is put beside it, so nothing can be gone on with.

    Args:
        file: where results go.
        tell: called with the JSON of each request that failed.
    """

    def __init__(self, file: IO[bytes], tell: Callable[[str], None]) -> None:
        self._file, self._tell = file, tell
        self._started = time.monotonic()
        self.at = Checkpoint()

    def add(self, outcome: Outcome, *, offset: int, lines: int) -> None:
        """See ``Outlet``."""
        if outcome.failed:
            self._tell(outcome.line.decode("utf-8"))
        else:
            self._file.write(outcome.line)
            self._file.flush()
        self.at = self.at.after(outcome, offset, lines, time.monotonic() - self._started)


class Journal:
    """Writes the results of one run; a context manager.

    Args:
        output: OUT.
        about: what makes two runs the same one (input and settings), JSON-able; None where the input can't
            be read again, so that there is nothing to go on with.
        resume: whether to go on with the run that was cut short, if there is one.

    Raises:
        DataError: if the run that was cut short is about something else, or is still going; or if there is
            one and ``resume`` was not asked for.
    """

    def __init__(self, output: Path, about: Mapping[str, Any] | None, *, resume: bool) -> None:
        self.output = output
        self.partial = output.with_name(f"{output.name}.partial")
        self.errors = errors_path(output)
        self._state = state_path(output)
        self._about, self._started = about, time.monotonic()
        found = self._found(resume)
        self.at = self._resumed = found or Checkpoint()
        self._saved = self._started
        if found and not self.partial.exists() and _size(output) == found.results:
            os.rename(output, self.partial)  # killed between the last two steps of ``finish``
        self._files = self._open(self.partial, self.at.results), self._open(self.errors, self.at.errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._files[0].closed:
            self._save()
            self._close()

    def add(self, outcome: Outcome, *, offset: int, lines: int) -> None:
        """Write down one request's outcome; ``offset`` and ``lines`` of the input are done with it."""
        self._files[outcome.failed].write(outcome.line)
        seconds = self._resumed.seconds + time.monotonic() - self._started
        self.at = self.at.after(outcome, offset, lines, seconds)
        if time.monotonic() - self._saved > _EVERY:
            self._save()

    def finish(self) -> None:
        """Put the results in their place; the run is over."""
        self._save()
        self._close()
        os.replace(self.partial, self.output)
        self._state.unlink(missing_ok=True)

    def _found(self, resume: bool) -> Checkpoint | None:
        """The last checkpoint of the run to go on with."""
        try:
            state = json.loads(self._state.read_bytes())
            found = Checkpoint(**state["at"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{self._state} can't be read ({error}); remove it to start anew") from error
        if not resume:
            if not found.n_done + found.n_failed:
                return None
            raise DataError(
                f"a run was cut short after {found.n_done + found.n_failed} requests; --resume continues "
                f"it, or remove {self._state} to start anew"
            )
        if different := _difference(state.get("about", {}), dict(self._about or {})):
            raise DataError(
                f"the run that was cut short had another {different}; give what it had, or remove "
                f"{self._state} to start anew"
            )
        return found

    def _open(self, path: Path, size: int) -> IO[bytes]:
        """Open for appending after the first ``size`` bytes."""
        file = path.open("ab")
        lock(file, f"another run is writing {path}")
        if file.tell() < size:
            raise DataError(f"{path} is shorter than the run that was cut short left it; start anew")
        file.truncate(size)
        return file

    def _save(self) -> None:
        self._saved = time.monotonic()
        for file in self._files:
            file.flush()
        if self._about is None:
            return
        for file in self._files:
            os.fsync(file.fileno())
        state = {"about": {"format": _FORMAT, **self._about}, "at": asdict(self.at)}
        write_whole(self._state, to_bytes(json.dumps(state, ensure_ascii=False, indent=1) + "\n"))

    def _close(self) -> None:
        for file in self._files:
            file.close()
        if not self.at.errors:
            self.errors.unlink(missing_ok=True)


def errors_path(output: Path) -> Path:
    """``OUT.errors.jsonl``, for ``OUT.jsonl`` as for ``OUT``."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.errors.jsonl")


def state_path(output: Path) -> Path:
    """``OUT.jsonl.state.json``: there while a run goes on or after it was cut short."""
    return output.with_name(f"{output.name}.state.json")


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.exists() else None


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Name of the first thing in which two runs differ."""
    other = {"format": _FORMAT, **other}
    # Through JSON, as the state went: a tuple comes back as a list.
    other = json.loads(json.dumps(other))
    return next((key for key in {**one, **other} if one.get(key) != other.get(key)), None)
