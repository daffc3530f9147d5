"""The files of one run of ``ragcompress batch``, such that a run that was killed can be resumed.

    OUT.partial         results so far, renamed to OUT at the end
    OUT.errors.jsonl    requests that failed
    OUT.state.json      what the run is about, and its last checkpoint: how much of the input is done, and how
                        long the two files above were then

Lines are only ever appended. A checkpoint is written, whole or not at all, after the lines before it are on
the disk. Resuming means cutting both files to the lengths it says and reading the input from where it says.
So each request has exactly one line, whatever moment the run was cut short at.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from ..errors import DataError
from ..files import AppendOnly, open_regular, to_bytes, write_whole
from .request import Outcome

_FORMAT = 1
_LARGEST = 1 << 62
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
        n_promised, n_withdrawn: results whose recall is promised, and whose promise was withdrawn.
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
    n_promised: int = 0
    n_withdrawn: int = 0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` gave.

        Raises:
            ValueError: for what no checkpoint has.
            KeyError, TypeError: where a number is missing, or one too many.
        """
        checkpoint = cls(**values)
        for name, value in asdict(checkpoint).items():
            kinds = (int, float) if name == "seconds" else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value < _LARGEST:
                raise ValueError(f"{name} is {value!r}")
        if checkpoint.n_done + checkpoint.n_failed > checkpoint.lines:
            raise ValueError(
                f"{checkpoint.n_done + checkpoint.n_failed} requests in {checkpoint.lines} lines"
            )
        return checkpoint

    def after(self, outcome: Outcome, offset: int, lines: int, seconds: float) -> Checkpoint:
        """The checkpoint behind one more request."""
        n = len(outcome.line)
        return Checkpoint(
            offset=offset,
            lines=lines,
            results=self.results + (0 if outcome.failed else n),
            errors=self.errors + (n if outcome.failed else 0),
            n_done=self.n_done + (not outcome.failed),
            n_failed=self.n_failed + outcome.failed,
            tokens_before=self.tokens_before + outcome.tokens_before,
            tokens_after=self.tokens_after + outcome.tokens_after,
            seconds=seconds,
            n_promised=self.n_promised + (outcome.promised is True),
            n_withdrawn=self.n_withdrawn + (outcome.promised is False),
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

    Nothing is put beside it, so it cannot be resumed.

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
            self._write(outcome.line)
        self.at = self.at.after(outcome, offset, lines, time.monotonic() - self._started)

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DataError(f"the results can't be written: {error.strerror or error}") from error


class Journal:
    """Writes the results of one run; a context manager.

    Args:
        output: OUT.
        about: what makes two runs the same one (input and settings), JSON-able; None where the input can't
            be read again, so that there is nothing to resume.
        resume: whether to resume the interrupted run, if there is one.

    Raises:
        DataError: if the run that was cut short is about something else, or is still going; or if there is
            one and ``resume`` was not asked for.
    """

    def __init__(self, output: Path, about: Mapping[str, Any] | None, *, resume: bool) -> None:
        self.output = output
        self.partial = partial_path(output)
        self.errors = errors_path(output)
        self._state = state_path(output)
        self._about, self._started = about, time.monotonic()
        last = self._last_checkpoint(resume)
        self.at = self._resumed = last or Checkpoint()
        self._saved = self._started
        if last and not self.partial.exists() and _size(output) == last.results:
            os.rename(output, self.partial)  # killed between the last two steps of ``finish``
        self._results = AppendOnly(self.partial, self.at.results)
        self._reasons = AppendOnly(self.errors, self.at.errors)
        self._open = True
        if output.exists():  # what was for its owner only stays so
            for made in (self.partial, self.errors):
                with suppress(OSError):
                    os.chmod(made, stat.S_IMODE(output.stat().st_mode) | stat.S_IWUSR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            try:
                self._save()
            finally:
                self._close()

    def add(self, outcome: Outcome, *, offset: int, lines: int) -> None:
        """Write down one request's outcome; ``offset`` and ``lines`` of the input are done with it."""
        (self._reasons if outcome.failed else self._results).append(outcome.line)
        seconds = self._resumed.seconds + time.monotonic() - self._started
        self.at = self.at.after(outcome, offset, lines, seconds)
        if time.monotonic() - self._saved > _EVERY:
            self._save()

    def finish(self) -> None:
        """Put the results in their place; the run is over.

        Raises:
            DataError: if they can't be put there.
        """
        self._save()
        self._close()
        try:
            if self.output.exists():
                shutil.copymode(self.output, self.partial)
            os.replace(self.partial, self.output)
        except OSError as error:
            raise DataError(
                f"{self.partial} can't be renamed to {self.output.name}: {error.strerror}"
            ) from error
        self._state.unlink(missing_ok=True)

    def _last_checkpoint(self, resume: bool) -> Checkpoint | None:
        """The last checkpoint of the run to resume."""
        try:
            with open_regular(self._state) as file:
                state = json.loads(file.read())
            about, last = {**state["about"]}, Checkpoint.from_dict(state["at"])
            written = state.pop("crc32", None)  # older versions wrote none
            if written is not None and written != _sum(state):
                raise ValueError("it has changed since it was written")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(f"{self._state} can't be read ({error}); remove it to start over") from error
        if not resume:
            if not last.n_done + last.n_failed:
                return None
            raise DataError(
                f"a run was interrupted after {last.n_done + last.n_failed} requests; continue it with "
                f"--resume, or remove {self._state} to start over"
            )
        if different := _difference(about, dict(self._about or {})):
            raise DataError(
                f"the interrupted run had another {different}; give the same, or remove "
                f"{self._state} to start over"
            )
        return last

    def _save(self) -> None:
        self._saved = time.monotonic()
        if self._about is None:
            return
        self._results.sync()
        self._reasons.sync()
        state: dict[str, Any] = {"about": {"format": _FORMAT, **self._about}, "at": asdict(self.at)}
        state["crc32"] = _sum(state)
        write_whole(self._state, to_bytes(json.dumps(state, ensure_ascii=False, indent=1) + "\n"))

    def _close(self) -> None:
        self._open = False
        self._results.close()
        self._reasons.close()
        if not self.at.errors:
            self.errors.unlink(missing_ok=True)


def partial_path(output: Path) -> Path:
    """Where results are until the end of the run."""
    return output.with_name(f"{output.name}.partial")


def errors_path(output: Path) -> Path:
    """``OUT.errors.jsonl``, for ``OUT.jsonl`` as for ``OUT``."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.errors.jsonl")


def state_path(output: Path) -> Path:
    """``OUT.jsonl.state.json``: there during a run, and after it was interrupted."""
    return output.with_name(f"{output.name}.state.json")


def _sum(state: Mapping[str, Any]) -> int:
    """CRC-32 of a state: with a digit changed, requests would be left out, or answered twice."""
    return zlib.crc32(json.dumps(state, sort_keys=True).encode())


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.exists() else None


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Name of the first thing in which two runs differ."""
    other = {"format": _FORMAT, **other}
    # Through JSON, as the state went: a tuple comes back as a list.
    other = json.loads(json.dumps(other))
    return next((key for key in {**one, **other} if one.get(key) != other.get(key)), None)
