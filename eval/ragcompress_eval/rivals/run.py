"""What every contestant's process runs: one job, then one run for each line that asks for it.

Standard library only, because an interpreter of another environment runs this file by its path:

    PYTHON run.py MODULE        MODULE.py in this folder holds a class ``Contestant``

It reads and writes JSON, a line each:

    in   {"question": …, "passages": ["…", …], "target_tokens": n, "model_folder": "…", …}
    out  {"seconds": s, "peak_bytes": n, "about": {…}}     loaded
    in   "run"
    out  {"seconds": s, "peak_bytes": n}                   once for each such line
    in   {"question": …, "passages": […], "target_tokens": n}
    out  {"seconds": s, "peak_bytes": n, "text": "…"}      another question, compressed
    out  {"reason": "…"}                                   instead of an answer: it can't. To the job and to
                                                           "run", also the end

Modules here must not be called like the package that they run: this folder comes first on the path.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any, Protocol, TextIO, cast


class Contestant(Protocol):
    """One way to compress. Its constructor takes the job and loads the model."""

    @property
    def about(self) -> dict[str, Any]:
        """What the results rest on (versions, precision …), JSON-able."""
        ...

    def prepare(self, question: str, passages: list[str]) -> None:
        """Get ready, untimed; ``run`` is about this question and these passages."""
        ...

    def run(self) -> str | None:
        """Do once what is timed; returns the compressed text, where somebody else compares it."""
        ...


class Rival:
    """What the contestants of other environments share: they can be asked about other questions.

    Attributes:
        target_tokens: what to compress to; set before ``prepare``.
        packages: whose versions the results name.
        settings: what else its results rest on.
    """

    packages: tuple[str, ...] = ()

    def __init__(self, job: dict[str, Any]) -> None:
        self.target_tokens: int = job["target_tokens"]
        self.settings: dict[str, Any] = {}

    @property
    def about(self) -> dict[str, Any]:
        """See ``Contestant``."""
        return {"versions": {name: version(name) for name in self.packages}, **self.settings}

    def prepare(self, question: str, passages: list[str]) -> None:
        """Keep them."""
        self.question, self.passages = question, passages

    def run(self) -> str | None:
        """See ``Contestant``."""
        raise NotImplementedError


class Tokens:
    """A model folder's tokenizer in place of a package's own encoding, which would have to be downloaded."""

    def __init__(self, folder: str) -> None:
        tokenizers = import_module("tokenizers")
        self._tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))

    def encode(self, text: str, **_: Any) -> list[int]:
        """Token ids of a text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def count(self, text: str) -> int:
        """How many there are."""
        return len(self.encode(text))


class Skipped(Exception):
    """What a contestant can't do; the message says why."""


def serve(make: Callable[[dict[str, Any]], Contestant], expected: tuple[type[Exception], ...] = ()) -> None:
    """Answer on standard output until standard input ends.

    Args:
        make: builds a contestant from the job.
        expected: errors whose message needs no class name to be understood.
    """
    answers = _own_stdout()
    _limit_memory()
    try:
        job = json.loads(sys.stdin.readline())
        start = time.perf_counter()
        contestant = make(job)
        seconds = time.perf_counter() - start
        contestant.prepare(job["question"], job["passages"])
        _say(answers, seconds=seconds, peak_bytes=peak_bytes(), about=contestant.about)
        for line in sys.stdin:
            message = json.loads(line)
            if isinstance(message, dict):
                _compress(cast(Rival, contestant), message, answers, expected)
                continue
            start = time.perf_counter()
            contestant.run()
            seconds = time.perf_counter() - start
            _say(answers, seconds=seconds, peak_bytes=peak_bytes())
    except Exception as error:  # whatever a stranger's code raises is the reason
        _say(answers, reason=_reason(error, expected))


def _compress(
    contestant: Rival, task: dict[str, Any], answers: TextIO, expected: tuple[type[Exception], ...]
) -> None:
    """Compress the passages of another question; a failure is that question's alone."""
    try:
        contestant.target_tokens = task["target_tokens"]
        start = time.perf_counter()
        contestant.prepare(task["question"], task["passages"])
        text = contestant.run()
        _say(answers, seconds=time.perf_counter() - start, peak_bytes=peak_bytes(), text=text)
    except Exception as error:  # whatever a stranger's code raises is the reason
        _say(answers, reason=_reason(error, expected))


def _reason(error: Exception, expected: tuple[type[Exception], ...]) -> str:
    return str(error) if isinstance(error, (Skipped, *expected)) else _where(error)


def peak_bytes() -> int:
    """Most memory that this process has had resident so far, in bytes."""
    # On Linux getrusage() also counts what the parent had when it forked.
    if (peak := _proc("/proc/self/status", "VmHWM")) is not None:
        return peak
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _where(error: Exception) -> str:
    """What went wrong, and in which line of whose file."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(place.filename)}, line {place.lineno})"


def _limit_memory() -> None:
    """Let this process alone fail, not the machine, where a method wants more memory than there is."""
    if (free := free_bytes()) is not None:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        soft = free if hard == resource.RLIM_INFINITY else min(free, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def free_bytes() -> int | None:
    """Memory that is free or can be freed at once; None where it can't be told."""
    return _proc("/proc/meminfo", "MemAvailable")


def _proc(path: str, name: str) -> int | None:
    """One number of a file of Linux, in bytes; None where there is no such file."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(f"{name}:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _own_stdout() -> TextIO:
    """Standard output for the answers alone; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, **answer: Any) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    # As the module ``run``, so that a contestant that raises its ``Skipped`` raises this one.
    import_module("run").serve(import_module(sys.argv[1]).Contestant)
