"""Standard input and output as bytes; services and daemons start programs with some of them closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

from ..documents.reading import STDIN
from ..errors import DataError


def occupy() -> None:
    """Put the null device where standard streams are closed, so that no other file gets their numbers.

    What a library in C writes to number 2 would else end up in the user's data. ``sys.stdout`` and its like
    stay None, so a command that needs one can still say so.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def stdin() -> BinaryIO:
    """Standard input.

    Raises:
        DataError: if it is closed.
    """
    if sys.stdin is None:
        raise DataError("standard input is closed; give a file")
    return sys.stdin.buffer


def stdin_for(paths: Sequence[str]) -> BinaryIO | None:
    """Standard input where one of the paths asks for it, else None.

    Raises:
        DataError: if it is asked for and closed.
    """
    return stdin() if STDIN in paths else None


def stdout() -> BinaryIO:
    """Standard output, after what was printed so far.

    Raises:
        DataError: if it is closed.
    """
    if sys.stdout is None:
        raise DataError("standard output is closed; write to a file with -o")
    sys.stdout.flush()
    return sys.stdout.buffer
