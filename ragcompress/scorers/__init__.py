"""Scorers: one file each, found by its name; a scorer gives one number per sentence and makes no choice.

A file ``my_scorer.py`` in this folder (or an entry point in the group ``ragcompress.scorers``) with a class
``Scorer`` is the scorer ``my-scorer``. The command line, the contract tests, the docs table and the
evaluation runner pick it up by themselves.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from types import NoneType
from typing import Any, ClassVar, Protocol, get_args, get_type_hints, runtime_checkable

from ..data import Progress, Scores, Segmentation
from ..errors import InputError, RagCompressError, UnknownName
from ..proxy.base import Proxy
from ..stopping import UNBOUNDED, Bounds
from ..text.repetition import without_repetition

DEFAULT = "evidence"
_GROUP = "ragcompress.scorers"


class Scorer(Protocol):
    """Gives every sentence a number, higher is better.

    Attributes:
        name: the name it is found by.
        needs_proxy: whether its constructor takes a keyword ``proxy``.

    One whose scores have vectors says so in ``makes_vectors = True``; others need not have that attribute.
    """

    name: ClassVar[str]
    needs_proxy: ClassVar[bool]

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        """Score the sentences; S = 0 gives an empty vector. Inputs are never changed."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A scorer that can read less than all, and score the rest by what it knows without."""

    def score_within(
        self, question: str, segmentation: Segmentation, *, bounds: Bounds, progress: Progress | None = None
    ) -> Scores:
        """Score the sentences, reading as far as the bounds let it.

        The details of the scores say whether the time cut the reading short (``stopped_early``).
        """
        ...


@runtime_checkable
class Attributable(Protocol):
    """A scorer that can tell what in the proxy's attention carried a decision."""

    def attribute(
        self, question: str, segmentation: Segmentation, sentence: int, *, progress: Progress | None = None
    ) -> Any:
        """Tell what carried the decision about one sentence."""
        ...


def available() -> list[str]:
    """Return the names of all scorers, sorted. Nothing is imported."""
    return sorted(_built_in() | {e.name for e in entry_points(group=_GROUP)})


def is_available(name: str) -> bool:
    """Whether there is a scorer of that name; entry points are read only if it is none of this package."""
    return name in _built_in() or bool(entry_points(group=_GROUP, name=name))


def _built_in() -> set[str]:
    return {m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")}


def load(name: str) -> type[Scorer]:
    """Import the class of one scorer; a name of this package is never another's.

    Raises:
        UnknownName: if there is none of that name.
        MissingExtra: if it needs a package that is not installed.
    """
    if name in _built_in():
        return import_module(f"{__name__}.{name.replace('-', '_')}").Scorer  # type: ignore[no-any-return]
    for entry in entry_points(group=_GROUP, name=name):
        return entry.load()  # type: ignore[no-any-return]
    raise UnknownName("scorer", name, available())


def score(
    scorer: Scorer,
    question: str,
    segmentation: Segmentation,
    *,
    bounds: Bounds = UNBOUNDED,
    progress: Progress | None = None,
) -> Scores:
    """Score what the documents say without repeating the question (``text.repetition``), by any scorer.

    Args:
        bounds: how far a scorer that can (``Bounded``) reads; others read everything.

    Returns:
        One score per sentence. Where something repeats the question, ``details["repeats_question"]`` has the
        indices of those ``sentences``, and of the documents with such ``titles``.
    """
    plain = without_repetition(question, segmentation)
    if bounds != UNBOUNDED and isinstance(scorer, Bounded):
        scores = scorer.score_within(question, plain.segmentation, bounds=bounds, progress=progress)
    else:
        scores = scorer.score(question, plain.segmentation, progress=progress)
    if not (plain.sentences or plain.titles):
        return scores
    repeating = {"sentences": list(plain.sentences), "titles": list(plain.titles)}
    return replace(scores, details={**scores.details, "repeats_question": repeating})


def takes_evidence_embedder(name: str) -> bool:
    """Whether a scorer's setting ``embedder`` is filled with the model that ``evidence`` reads with.

    Its class says so in ``takes_evidence_embedder = True``: a setting of that name alone may want any other
    model.

    Raises:
        UnknownName, MissingExtra: as ``load``.
    """
    return getattr(load(name), "takes_evidence_embedder", False) is True


def make(name: str, /, *, proxy: Callable[[], Proxy] | None = None, **settings: Any) -> Scorer:
    """Build a scorer.

    Args:
        proxy: called, once, only if the scorer needs one.
        settings: keyword arguments of its constructor.

    Raises:
        InputError: for a setting that it doesn't have, or when it needs a proxy and none is given.
    """
    cls = load(name)
    known = sorted(set(inspect.signature(cls).parameters) - {"proxy"})
    if unknown := sorted(set(settings) - set(known)):
        has = ", ".join(known) or "none"
        raise InputError(f"scorer {name!r} has no setting {unknown[0]!r}; it has: {has}")
    given = dict(settings)
    if cls.needs_proxy:
        if proxy is None:
            raise InputError(f"scorer {name!r} needs a proxy")
        settings["proxy"] = proxy()
    try:
        return cls(**settings)
    except RagCompressError:
        raise
    except (TypeError, ValueError) as error:  # a value of another type, as command lines give
        _check_types(cls, given)
        shown = ", ".join(f"{key}={value!r}" for key, value in given.items())
        raise InputError(f"scorer {name!r} can't be made with {shown or 'its defaults'}: {error}") from error


_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text", NoneType: "null"}


def _check_types(cls: Any, settings: Mapping[str, Any]) -> None:
    """Name the setting whose value is of another plain type than its annotation says, if there is one."""
    try:
        hints = get_type_hints(cls.__init__)
    except Exception:  # somebody else's annotations, which need not exist while the program runs
        return
    for name, value in settings.items():
        hint = hints.get(name)
        types = get_args(hint) or (hint,)
        if all(t in _WORDS for t in types) and not any(_is_a(value, t) for t in types):
            raise InputError(f"{name} must be {' or '.join(_WORDS[t] for t in types)}, got {value!r}")


def _is_a(value: object, kind: Any) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
