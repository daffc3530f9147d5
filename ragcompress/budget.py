"""How much may be kept: one frozen value, checked at birth."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Literal, get_args

from .errors import InputError

RecallOf = Literal["share", "all"]


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be kept of all documents: one of the first three, or a recall with ``max_tokens``.

    Attributes:
        max_tokens: ceiling on the rendered text, in tokens of the counter; at least 1.
        ratio: ceiling as a share of the rendered original, 0 < ratio ≤ 1.
        recall: keep as few sentences as hold this share of the evidence, 0 < recall ≤ 1; needs a scorer whose
            scores are probabilities. With a calibration it is a promise (``CompressedContext.promise``),
            without one it goes by what the scores expect. The ceiling is the original, or ``max_tokens``.
        max_documents: most documents that keep anything: those with the best sentences.
        min_per_document: sentences that each of these documents keeps, whatever their scores are (all that
            it has, if they are fewer; one too long for the budget alone doesn't count). Where the order would
            make them longer than the original, documents stay together; where that does not do, as many as
            fit are kept.
        max_per_document: most sentences that one document keeps, not counting headers of tables and headings
            that go along with them.
        min_tokens: a ratio of a short original allows at least so many tokens: shorter originals are passed
            on whole, and the best sentence is kept even where it alone is longer than the ratio allows.
        recall_of: with a calibration, ``share``: the expected share of the evidence is at least the recall;
            ``all``: the chance that all of it is kept is.
    """

    max_tokens: int | None = None
    ratio: float | None = None
    recall: float | None = None
    max_documents: int | None = None
    min_per_document: int = 0
    max_per_document: int | None = None
    min_tokens: int = 0
    recall_of: RecallOf = "share"

    def __post_init__(self) -> None:
        self._check_aim()
        if self.recall_of not in get_args(RecallOf):
            raise InputError(
                f"recall_of must be one of {', '.join(get_args(RecallOf))}, got {self.recall_of!r}"
            )
        for name, share in (("ratio", self.ratio), ("recall", self.recall)):
            if share is not None:
                object.__setattr__(self, name, as_share(name, share))
        self._set_whole("min_per_document", 0)
        self._set_whole("min_tokens", 0)
        if self.min_tokens and self.ratio is None:
            raise InputError(f"min_tokens={self.min_tokens} is about a ratio: give one, or leave it out")
        if self.max_documents is not None:
            self._set_whole("max_documents", 1)
        if self.max_per_document is not None:
            self._set_whole("max_per_document", 1)
            if self.max_per_document < self.min_per_document:
                raise InputError(
                    f"max_per_document must be at least min_per_document, got {self.max_per_document} and "
                    f"{self.min_per_document}"
                )

    def _check_aim(self) -> None:
        given = [name for name in ("max_tokens", "ratio", "recall") if getattr(self, name) is not None]
        if len(given) != 1 and given != ["max_tokens", "recall"]:
            raise InputError(
                "give exactly one of max_tokens, ratio and recall, or recall with max_tokens; "
                f"got {' and '.join(given) or 'none of them'}"
            )
        if self.max_tokens is None:
            return
        if isinstance(self.max_tokens, bool) or not isinstance(self.max_tokens, Integral):
            raise InputError(f"max_tokens must be a whole number, got {self.max_tokens!r}")
        if self.max_tokens < 1:
            raise InputError(f"max_tokens must be at least 1, got {self.max_tokens}")
        object.__setattr__(self, "max_tokens", int(self.max_tokens))

    def _set_whole(self, name: str, least: int) -> None:
        """Check a whole number of any type, such as NumPy's, and keep it as Python's own."""
        value: Any = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
        object.__setattr__(self, name, int(value))

    def without_recall(self) -> Budget:
        """A budget for scores that are no probabilities: its ceiling, or the recall taken as a ratio."""
        if self.recall is None:
            return self
        ratio = self.recall if self.max_tokens is None else None
        return replace(self, recall=None, ratio=ratio)

    def limit(self, tokens_before: int) -> int:
        """Return the ceiling in tokens for an original of ``tokens_before`` tokens, rounded down."""
        if self.max_tokens is not None:
            return self.max_tokens
        if self.ratio is None:
            return tokens_before
        # Guard the floor against 0.3 * 10 = 2.9999999999999996.
        share = int(tokens_before * self.ratio + 1e-9)
        return max(share, min(self.min_tokens, tokens_before))


def as_share(name: str, value: Any, *, may_be_zero: bool = False) -> float:
    """A share in (0, 1], or [0, 1], of any type of numbers, as a float.

    Raises:
        InputError: for anything else.
    """
    number = -1.0
    if isinstance(value, Real | Decimal) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):  # a signaling NaN, a fraction of hundreds of digits
            number = float(value)
    if 0 < number <= 1 or (may_be_zero and number == 0):
        return number
    raise InputError(f"{name} must lie in {'[' if may_be_zero else '('}0, 1], got {value!r}")
