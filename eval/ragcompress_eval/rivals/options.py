"""The option ``--rival``, and all that is compared: our scorers and other people's packages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated

import typer

from ragcompress import InputError

from ..bench.methods import Method, ours
from ..bench.options import ProxyModel, build_scorers
from .methods import RivalMethod, parse
from .processes import ONLY_COMPARED, RIVALS


def check_rivals(values: list[str], known: Sequence[str] = (*RIVALS, *ONLY_COMPARED)) -> list[str]:
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
        help="Another package, and the interpreter of its environment: "
        f"{', '.join((*RIVALS, *ONLY_COMPARED))}.",
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
