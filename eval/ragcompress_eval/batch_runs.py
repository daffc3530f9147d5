"""``ragcompress batch`` as a process: how fast, how much memory, and what becomes of it when it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import IO

from ragcompress import RagCompressError
from ragcompress.cli.console import one_line
from ragcompress.training.examples import DataFile

_MOST_DOCUMENTS = 3
_LOOK_EVERY = 0.25
_PROC = Path("/proc")
# Times are the one thing in which two results for the same request differ.
_SECONDS = re.compile(rb'"seconds": (\{[^{}]*\}|[0-9.e-]+)')


@dataclass(frozen=True, slots=True)
class Run:
    """One run from beginning to end.

    Attributes:
        n_requests, n_failed: how many there were, and those that have a reason instead of a result.
        seconds, core_seconds: on the clock, and of all cores together.
        memory: (seconds since the start, bytes of its processes together) now and then; what they share is
            counted once. Empty where the system has no ``/proc``.
    """

    workers: int
    n_requests: int
    n_failed: int
    seconds: float
    core_seconds: float
    memory: tuple[tuple[float, int], ...]

    def peaks(self, n: int = 4) -> list[int]:
        """Most bytes in each of ``n`` equally long parts of the run; 0 where nobody looked."""
        parts = [0] * n
        for at, size in self.memory:
            part = min(n - 1, int(at / self.seconds * n))
            parts[part] = max(parts[part], size)
        return parts


@dataclass(frozen=True, slots=True)
class Kill:
    """A run that was killed: how long it ran, and how many requests its last checkpoint counts."""

    seconds: float
    n_done: int


def write_requests(files: Sequence[DataFile], path: Path, n: int, *, seed: int) -> None:
    """Write ``n`` requests: questions in turn, each with one to three of its own documents, drawn."""
    examples = [e for f in files for e in f.examples]
    rng = Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            example = examples[number % len(examples)]
            documents = example.segmentation.documents
            size = min(rng.randint(1, _MOST_DOCUMENTS), len(documents))
            chosen = [documents[i] for i in sorted(rng.sample(range(len(documents)), size))]
            request = {
                "id": f"{example.id}/{number}",
                "question": example.question,
                "documents": [{"title": d.title, "text": d.text} for d in chosen],
            }
            file.write(json.dumps(request, ensure_ascii=False) + "\n")


def undisturbed(source: Path, output: Path, options: Sequence[str], workers: int) -> Run:
    """Run to the end.

    Raises:
        RagCompressError: if it fails.
    """
    _fresh(output)
    memory = []
    with tempfile.TemporaryFile() as said:
        before, start = os.times(), time.monotonic()
        process = _start(source, output, options, workers, said)
        while process.poll() is None:
            if size := _memory(process.pid):
                memory.append((time.monotonic() - start, size))
            time.sleep(_LOOK_EVERY)
        seconds, after = time.monotonic() - start, os.times()
        _check(process, output, said)
    cores = after.children_user + after.children_system - before.children_user - before.children_system
    n_failed = _count(_errors(output))
    return Run(workers, _count(output) + n_failed, n_failed, seconds, cores, tuple(memory))


def killed(
    source: Path,
    output: Path,
    options: Sequence[str],
    workers: int,
    *,
    times: int,
    within: float,
    rng: Random,
) -> list[Kill]:
    """Kill -9 at random moments, go on each time, and at last to the end.

    Args:
        within: seconds; each kill comes at a moment drawn from as many.

    Raises:
        RagCompressError: if it fails where it was not killed.
    """
    _fresh(output)
    state = output.with_name(f"{output.name}.state.json")
    kills = []
    with tempfile.TemporaryFile() as said:
        for _ in range(times):
            wait = rng.uniform(0, within)
            process = _start(source, output, [*options, "--resume"], workers, said)
            try:
                process.wait(wait)
                _check(process, output, said)
                break  # it was done before
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            at = json.loads(state.read_bytes())["at"] if state.exists() else {"n_done": 0}
            kills.append(Kill(wait, at["n_done"]))
        process = _start(source, output, [*options, "--resume"], workers, said)
        process.wait()
        _check(process, output, said)
    return kills


def fingerprint(output: Path) -> str:
    """SHA-256 of results and reasons, byte for byte, but for the seconds that each result took."""
    digest = hashlib.sha256()
    for path in (output, _errors(output)):
        for line in _lines(path):
            digest.update(_SECONDS.sub(b"", line))
        digest.update(b"\0")
    return digest.hexdigest()


def _start(
    source: Path, output: Path, options: Sequence[str], workers: int, said: IO[bytes]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ragcompress", "batch", str(source), "-o", str(output)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen([*command, "--workers", str(workers), *options], stderr=said, env=environment)


def _check(process: subprocess.Popen[bytes], output: Path, said: IO[bytes]) -> None:
    """Requests that fail are results, too: status 1, with the output in its place."""
    if process.returncode not in (0, 1) or not output.exists():
        said.seek(0)
        last = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        raise RagCompressError(one_line(f"batch ended with status {process.returncode}: {' '.join(last)}"))


def _fresh(output: Path) -> None:
    """Remove what an earlier run left."""
    state, partial = (output.with_name(f"{output.name}.{end}") for end in ("state.json", "partial"))
    for path in (output, _errors(output), state, partial):
        path.unlink(missing_ok=True)


def _errors(output: Path) -> Path:
    return output.with_name(f"{output.stem}.errors.jsonl")


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from file


def _count(path: Path) -> int:
    return sum(1 for _ in _lines(path))


def _memory(pid: int) -> int:
    """Bytes of a process and those below it; of pages that several share, each counts its part (PSS)."""
    return sum(map(_own_memory, _family(pid)))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in (_PROC / str(pid) / "task").glob("*/children"):
        try:
            below = children.read_text(encoding="ascii").split()
        except OSError:
            continue  # it has ended meanwhile
        for child in below:
            yield from _family(int(child))


def _own_memory(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) * 1024 for line in islice(lines, 1, None) if line.startswith("Pss:")), 0
    )
