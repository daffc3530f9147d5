"""Other people's packages as methods, each in a process of its own environment, at equal rendered tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import InputError, Tokenizer
from ragcompress.models import ModelFolder
from ragcompress.selection.rendering import render
from ragcompress.text.tokenizing import Counter, as_counter
from ragcompress.training.examples import Example

from ..bench.methods import Compressed, Context, Method, Target, full_text, ours
from ..bench.options import ProxyModel, build_scorers
from .processes import ONLY_COMPARED, RIVALS, Worker, command

NAMES = (*RIVALS, *ONLY_COMPARED)
_TRIES = 4
# Less than this share of what it was allowed, and a rival is asked again for more.
_WELL_USED = 0.85


class RivalMethod(AbstractContextManager["RivalMethod"]):
    """One rival. To be used in a ``with`` statement; its process starts with the first question.

    It gets every document as one passage, title line and text, as ours are rendered, and returns text. That
    is counted by our counter, not its own. Where it is more than it was allowed, or much less, it is asked
    again for proportionally less or more, and its longest text that fits counts. One that never fits counts
    as its shortest, marked (``Context.fits``). Its order is its own.

    Args:
        name: one of ``NAMES``.
        python: interpreter of its environment.
        folder: the proxy's files, for those that read a model.
        counter: what counts tokens for the budget, the same for all methods.
    """

    def __init__(self, name: str, python: Path, *, folder: ModelFolder, counter: Tokenizer | Counter) -> None:
        self._name, self._python, self._folder = name, python, folder
        self._count = as_counter(counter)
        self._stack = ExitStack()
        self._worker: Worker | None = None
        self._about: Mapping[str, Any] = {}

    def __exit__(self, *error: object) -> None:
        """End the process."""
        self._stack.close()

    def compress(self, example: Example, targets: Sequence[Target]) -> Compressed:
        """Compress to every target that is a ratio.

        Raises:
            CannotRun: if it can't be started, or can't do this question.
        """
        worker = self._start()
        before = self._count(full_text(example))
        contexts = tuple(
            None
            if target.budget.ratio is None or target.near_repeats
            else self._context(worker, example, target.budget.limit(before), before)
            for target in targets
        )
        return Compressed(contexts, None, dict(self._about))

    def _start(self) -> Worker:
        if self._worker is None:
            job = {
                "contestant": self._name,
                "question": "",
                "passages": [],
                "target_tokens": 1,
                "model_folder": str(self._folder.path),
            }
            worker = self._stack.enter_context(Worker(command(self._name, {self._name: self._python}), job))
            self._about = worker.load()["about"]
            self._worker = worker
        return self._worker

    def _context(self, worker: Worker, example: Example, limit: int, before: int) -> Context:
        """Ask until what comes back uses the limit well."""
        if limit < 1:
            return Context("", None, 0.0, 0.0, fits=False)
        passages, target = _passages(example), limit
        attempts: list[tuple[int, str, float]] = []
        for _ in range(_TRIES):
            answer = worker.compress(example.question, passages, target)
            n = self._count(answer["text"])
            attempts.append((n, answer["text"], answer["seconds"]))
            if _WELL_USED * limit <= n <= limit or (
                n <= limit and len(attempts) > 1 and attempts[-2][0] == n
            ):
                break
            better = max(1, min(int(target * limit / max(n, 1) * 0.98), 2 * target, before))
            if better == target:
                break
            target = better
        fitting = [f for f in attempts if f[0] <= limit]
        n, text, seconds = max(fitting) if fitting else min(attempts)
        return Context(text, None, n / before, seconds, fits=bool(fitting and text))


def _passages(example: Example) -> list[str]:
    """Every document that holds text, rendered as ours are."""
    members: dict[int, list[int]] = {}
    for index, sentence in enumerate(example.segmentation.sentences):
        members.setdefault(sentence.document, []).append(index)
    return [render(example.segmentation, indices).text for indices in members.values()]


def parse(values: Sequence[str], known: Sequence[str] = NAMES) -> dict[str, Path]:
    """Rivals and their interpreters from ``NAME=PYTHON``.

    Raises:
        InputError: for a name that is none, or one given twice.
    """
    pythons: dict[str, Path] = {}
    for value in values:
        name, _, python = value.partition("=")
        if name not in known or not python:
            raise InputError(f"{value!r} is not NAME=PYTHON with one of: {', '.join(known)}")
        if name in pythons:
            raise InputError(f"the rival {name!r} is given twice")
        pythons[name] = Path(python)
    return pythons


def check_rivals(values: list[str], known: Sequence[str] = NAMES) -> list[str]:
    """Refuse what is not ``NAME=PYTHON``."""
    try:
        for name, python in parse(values, known).items():
            if not os.access(python, os.X_OK) or not python.is_file():
                raise typer.BadParameter(f"{python}, for {name}, is not a program")
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    return values


Rivals = Annotated[
    list[str],
    typer.Option(
        "--rival",
        callback=lambda values: check_rivals(values),
        metavar="NAME=PYTHON",
        help=f"Another package, and the interpreter of its environment: {', '.join(NAMES)}.",
    ),
]


@contextmanager
def build_methods(
    scorers: Sequence[str], rivals: Sequence[str], model: ProxyModel, *, seed: int
) -> Iterator[dict[str, Method]]:
    """Our scorers and the rivals as methods, by name; the rivals' processes end with the ``with``."""
    built = build_scorers(scorers, model.load, seed)
    methods = ours(built, counter=model.counter, names=model.names, proxy=model.load)
    with ExitStack() as stack:
        for name, python in parse(rivals).items():
            rival = RivalMethod(name, python, folder=model.folder, counter=model.counter)
            methods[name] = stack.enter_context(rival)
        yield methods
