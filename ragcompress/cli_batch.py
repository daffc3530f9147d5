"""``ragcompress batch``: requests from one file, results to another, one line at a time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .cli_console import byte_bar, explain
from .data import Budget
from .errors import ModelError
from .pipeline import Compressor
from .reading import STDIN, parse_request
from .writing import to_bytes


@dataclass(slots=True)
class Batch:
    """One run over a file of requests; memory does not grow with their number.

    Results go to ``OUT.partial``, renamed at the end; it stays if the run is cut short. A request that fails
    goes to ``errors`` with its line number and the reason, and the others go on.
    """

    output: Path
    compressor: Compressor
    budget: Budget
    n_done: int = 0
    n_failed: int = 0
    partial: Path = field(init=False)
    errors: Path = field(init=False)

    def __post_init__(self) -> None:
        self.partial = self.output.with_name(f"{self.output.name}.partial")
        self.errors = errors_path(self.output)

    def run(self, source: str) -> None:
        """Compress every request of a file, or of standard input (``-``).

        Raises:
            OSError, ModelError: what concerns all requests; what concerns one is written down.
        """
        with ExitStack() as stack:
            lines = stack.enter_context(_open(source))
            progress = stack.enter_context(byte_bar("compressing", "compressing"))
            self.errors.unlink(missing_ok=True)  # of an earlier run
            results = stack.enter_context(self.partial.open("wb"))
            for number, line in _lines(lines, progress):
                self._one(number, line, results)
        os.replace(self.partial, self.output)

    def _one(self, number: int, line: bytes, results: IO[bytes]) -> None:
        found: dict[str, Any] = {"line": number}
        try:
            request = parse_request(line)
            found["id"] = request.id
            context = self.compressor(request.question, request.documents, budget=self.budget)
        except ModelError:
            raise  # a broken model fails every request alike
        except Exception as error:
            self.n_failed += 1
            with self.errors.open("ab") as errors:
                errors.write(_json_line({**found, "reason": explain(error)}))
            return
        self.n_done += 1
        results.write(_json_line({"id": request.id, **context.to_dict()}))


def errors_path(output: Path) -> Path:
    """``OUT.errors.jsonl``, for ``OUT.jsonl`` as for ``OUT``."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.errors.jsonl")


def _json_line(value: dict[str, Any]) -> bytes:
    return to_bytes(json.dumps(value, ensure_ascii=False) + "\n")


def _open(source: str) -> Any:
    return nullcontext(sys.stdin.buffer) if source == STDIN else open(source, "rb")


def _lines(file: IO[bytes], progress: Callable[[int, int], None]) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers from 1."""
    size = os.fstat(file.fileno()).st_size if file is not getattr(sys.stdin, "buffer", None) else 0
    n_read = 0
    for number, line in enumerate(file, 1):
        if line.strip():
            yield number, line
        n_read += len(line)
        if size:
            progress(n_read, size)
