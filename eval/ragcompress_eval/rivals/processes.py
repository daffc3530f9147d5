"""The process of a contestant, as seen from outside: start it, ask for runs, end it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ragcompress import RagCompressError
from ragcompress.cli.console import one_line

RIVALS = {
    "ragcompress-0.1.0": "rival_ragcompress",
    "llmlingua": "rival_llmlingua",
    "longllmlingua": "rival_longllmlingua",
}
"""Contestants of environments of their own, and their modules in the folder ``rivals``."""

ONLY_COMPARED = {"trimwise": "rival_trimwise", "langchain-embeddings": "rival_langchain"}
"""Those that are compared by what they keep, but not timed beside us: they read no model of ours."""

_RUN = Path(__file__).with_name("run.py")
_PATIENCE_SECONDS = 5.0


class CannotRun(RagCompressError):
    """A contestant that can't do a job; the message is the reason."""


class Worker(AbstractContextManager["Worker"]):
    """A process that does one job again and again. To be used in a ``with`` statement.

    Args:
        command: its program and arguments (``command``, or another that speaks as ``rivals.run`` does).
        job: JSON-able; what ``rivals.run`` describes.
        ours: whether it shall import from where this process does.

    Raises:
        CannotRun: if the process doesn't start.
    """

    def __init__(self, command: list[str], job: Mapping[str, Any], *, ours: bool = False) -> None:
        self._job = job
        self._errors = tempfile.TemporaryFile()
        # Rivals must not find this checkout: its ragcompress is not theirs.
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} if ours else {}
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | paths
        environment["HF_HUB_OFFLINE"] = "1"  # What is timed must not wait for a network.
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
            )
        except OSError as error:
            self._errors.close()
            raise CannotRun(f"{command[0]} can't be started: {error.strerror or error}") from error

    def __exit__(self, kind: object, *error: object) -> None:
        """End the process; one that doesn't end by itself is killed."""
        try:
            self._process.communicate(timeout=_PATIENCE_SECONDS if kind is None else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._errors.close()

    def load(self) -> dict[str, Any]:
        """Hand over the job; return ``seconds`` of loading, ``peak_bytes`` and ``about``.

        Raises:
            CannotRun: if it can't do it.
        """
        return self._ask(self._job)

    def run(self) -> dict[str, Any]:
        """Run once; return ``seconds`` and ``peak_bytes`` so far.

        Raises:
            CannotRun: if it can't do it.
        """
        return self._ask("run")

    def compress(self, question: str, passages: list[str], target_tokens: int) -> dict[str, Any]:
        """Compress the passages of another question; return ``text`` and ``seconds``.

        Raises:
            CannotRun: if it can't do it; it can be asked about other questions all the same.
        """
        return self._ask({"question": question, "passages": passages, "target_tokens": target_tokens})

    def _ask(self, message: object) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise CannotRun("the process has no pipes")
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # It has ended; what it said before tells why.
        line = self._process.stdout.readline()
        try:
            answer = json.loads(line)
        except ValueError:
            raise CannotRun(self._last_words()) from None
        if "reason" in answer:
            raise CannotRun(one_line(answer["reason"]))
        return dict(answer)

    def _last_words(self) -> str:
        """Exit status, and the last line on standard error."""
        try:
            status = self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return "it said something that is no JSON"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return one_line(f"its process ended with status {status}{': ' if lines else ''}{''.join(lines[-1:])}")


def command(contestant: str, pythons: Mapping[str, Path]) -> list[str]:
    """The command that runs a contestant.

    Args:
        pythons: interpreters of the rivals' environments.

    Raises:
        CannotRun: for a rival without an environment; says what to do.
    """
    modules = RIVALS | ONLY_COMPARED
    if contestant not in modules:
        return [sys.executable, "-m", "ragcompress_eval.speed.contestants"]
    if contestant not in pythons:
        raise CannotRun(f"it needs an environment of its own: --rival {contestant}=PYTHON (docs/speed.md)")
    # Not resolved: an environment's interpreter is often a link, and is known by where the link lies.
    return [str(pythons[contestant].absolute()), str(_RUN), modules[contestant]]
