"""The errors of ragcompress: one family, each also the builtin that a caller would catch.

RagCompressError
├── InputError            (ValueError)    an argument or a document that can't be used
│   └── BudgetTooSmall                    no sentence fits; says the smallest budget that would work
├── UnknownName           (KeyError)      no scorer, model, order … of that name; lists those there are
├── MissingExtra          (ImportError)   an optional dependency is not installed; names the extra
├── ModelError            (RuntimeError)  a model file is missing, broken or of an unsupported shape
│   └── ModelNotFound                     not in the cache, and it could not (or should not) be fetched
├── ProbeMismatch         (ValueError)    a probe that was trained on another proxy or template
├── CompressionTimeout    (TimeoutError)  a call took longer than it was given
└── DataError             (OSError)       a file that can't be read or written
    └── UnreadableFile                    one that is there, but holds no text that can be had; says why
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Name the closest of those known, as a question with a blank behind it; empty where none is close."""
    close = get_close_matches(str(name), list(known), 1)
    return f"did you mean {close[0]!r}? " if close else ""


class RagCompressError(Exception):
    """Base of all errors that ragcompress raises on purpose."""


class InputError(RagCompressError, ValueError):
    """An argument or a document that can't be used as it is."""


class BudgetTooSmall(InputError):
    """Not one sentence fits into the budget, or not all that must be kept.

    Attributes:
        limit: the budget that was asked for, in tokens of the caller's counter.
        smallest: a budget, in tokens, that works. It is the smallest one if there are no rules about
            documents, the counter grows with the text, and no table is large for the budget. Nor may a
            sentence stand in two documents.
        what: what does not fit.
    """

    def __init__(self, limit: int, smallest: int, what: str = "no sentence fits") -> None:
        self.limit = limit
        self.smallest = smallest
        self.what = what
        super().__init__(
            f"{what} into {limit} tokens; the smallest budget that works here is {smallest} tokens"
        )


class UnknownName(RagCompressError, KeyError):
    """A name that is not among those known."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        self.name = name
        self.known = known
        hint = did_you_mean(name, known)
        super().__init__(f"unknown {kind} {name!r}; {hint}known are: {', '.join(known) or 'none'}")

    def __str__(self) -> str:
        """Return the plain message: KeyError would quote it."""
        return str(self.args[0])


class MissingExtra(RagCompressError, ImportError):
    """A package that an optional feature needs is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{feature} needs the extra {extra!r}; from a clone: pip install -e '.[{extra}]'")


class ModelError(RagCompressError, RuntimeError):
    """A model file that is broken, or of a shape that is not supported."""


class ModelNotFound(ModelError):
    """A model that is not in the cache and could not be fetched."""


class ProbeMismatch(RagCompressError, ValueError):
    """A probe that was trained on another proxy, template or set of layers."""


class CompressionTimeout(RagCompressError, TimeoutError):
    """A call took longer than it was given; it has stopped.

    Attributes:
        timeout: what it was given, in seconds.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        super().__init__(f"compression took longer than its time limit of {timeout:g} s")


class DataError(RagCompressError, OSError):
    """A file that can't be read or written."""


class UnreadableFile(DataError):
    """A file that is there, but from which no text can be had.

    Attributes:
        reason: two or three words for a summary: ``encrypted``, ``broken``, ``without text``, ``too large`` …
    """

    def __init__(self, name: str, reason: str, details: str) -> None:
        self.reason = reason
        super().__init__(f"{name} {details}")


DEBUG = "RAGCOMPRESS_DEBUG"
"""Environment variable: set to 1, the command line shows where an error comes from."""


def explain(error: BaseException) -> str:
    """One line about an error that a user can act on."""
    if isinstance(error, RagCompressError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory; give fewer or shorter documents at a time"
    if isinstance(error, OSError):
        place = "" if error.filename is None else f"{error.filename or repr('')}: "
        return f"{place}{error.strerror or error}"
    return f"{type(error).__name__}: {error} (a bug in ragcompress; set {DEBUG}=1 to see where)"
