"""What a calibration means for one request: which sentences a recall wants, and whether the promise stood."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..budget import Budget
from ..data import Reason, Scores, Segmentation, Selection
from ..errors import InputError, ProbeMismatch
from ..probes import ProbeWeights
from .store import NONE, load, shipped_for
from .values import Calibration, Outlook, Promise

_CEILING: frozenset[Reason] = frozenset({"over_budget", "did_not_fit", "too_long", "near_repeat"})
_RULES: frozenset[Reason] = frozenset({"document_cap", "other_documents"})
_NOTHING_KNOWN = (
    "there is no calibration for these scores, so the recall goes by what they expect; make one with: "
    "ragcompress calibrate"
)


@dataclass(frozen=True, slots=True)
class Judge:
    """Looks at requests with a calibration, or without one.

    Attributes:
        calibration: None: nothing is promised.
        is_own: whether the caller named it; then scores that it does not fit are refused, where the one that
            ships only promises nothing.
    """

    calibration: Calibration | None
    is_own: bool = False

    @classmethod
    def find(cls, name: str | None, scorer: str, probe: object) -> Judge:
        """Load the calibration of a name.

        Args:
            name: a file; ``none``; None: the one that ships for the scorer and its weights, if one does.
            probe: the scorer's weights, if it has any.

        Raises:
            DataError: if the file can't be read.
            ProbeMismatch: if it is for another scorer, or for other weights.
        """
        weights = probe if isinstance(probe, ProbeWeights) else None
        if name == NONE:
            return cls(None)
        if name is None:
            return cls(shipped_for(scorer, weights))
        calibration = load(Path(name))
        calibration.check_weights(scorer, weights)
        return cls(calibration, is_own=True)

    def look(self, segmentation: Segmentation, scores: Scores, budget: Budget) -> Judgment:
        """Say what is known of a request, and which of its sentences a recall wants.

        Raises:
            ProbeMismatch: for scores that the caller's own calibration is not for.
        """
        if self.calibration is None:
            return Judgment(promise=_unkept(budget, _NOTHING_KNOWN))
        try:
            outlook = self.calibration.look(segmentation, scores)
        except ProbeMismatch as error:
            if self.is_own:
                raise
            return Judgment(promise=_unkept(budget, str(error)))
        if budget.recall is None:
            return Judgment(outlook)
        at, promise = self.calibration.threshold(outlook, budget)
        values = outlook.request.values
        wanted_units = np.flatnonzero(values >= at) if at is not None else np.arange(len(values))
        if not len(wanted_units):
            wanted_units = np.array([int(values.argmax())])
        return Judgment(outlook, promise, tuple(int(i) for i in wanted_units))

    def settle(self, judgment: Judgment, selection: Selection) -> Promise | None:
        """The promise after selection: a ceiling or a rule may have left out what it rests on."""
        promise, outlook = judgment.promise, judgment.outlook
        if promise is None or outlook is None or judgment.wanted is None or self.calibration is None:
            return promise
        lost = {i: reason for i in judgment.wanted if (reason := selection.dropped.get(i)) is not None}
        by_ceiling = [i for i, reason in lost.items() if reason in _CEILING]
        by_rule = [i for i, reason in lost.items() if reason in _RULES]
        if not promise.holds or not (by_ceiling or by_rule):
            return promise
        n, what = (
            len(by_ceiling or by_rule),
            "the budget's ceiling" if by_ceiling else "a rule about documents",
        )
        best = max(float(outlook.request.values[i]) for i in (*by_ceiling, *by_rule))
        least = self.calibration.least(promise, float(np.nextafter(best, np.inf)))
        withdrawn = f"{what} left out {n} of the {len(judgment.wanted)} sentences that it needs"
        return replace(promise, holds=False, withdrawn=withdrawn, least=least)


@dataclass(frozen=True, slots=True)
class Judgment:
    """What is known of a request before anything is selected.

    Attributes:
        outlook: None without a calibration that fits.
        promise: None where no recall was asked for.
        wanted: sentences that the recall wants; None: there is no threshold to go by.
    """

    outlook: Outlook | None = None
    promise: Promise | None = None
    wanted: tuple[int, ...] | None = None


def keeps_everything(budget: Budget) -> Promise | None:
    """The promise of a context in which nothing was dropped."""
    return None if budget.recall is None else Promise(budget.recall, budget.recall_of, holds=True, least=1.0)


def doubt(sufficiency: float | None, least: float | None) -> str | None:
    """Why a context is no more than a best effort; None where it is more, or nobody asked.

    Raises:
        InputError: if it was asked for, and the scores say nothing of it.
    """
    if least is None:
        return None
    if sufficiency is None:
        raise InputError(
            "abstain_below needs probabilities, and the scores are none; take a scorer that is calibrated, "
            "or leave it out"
        )
    if sufficiency >= least:
        return None
    return f"the documents may hold no answer: sufficiency {sufficiency:.2f}, below {least:g}"


def _unkept(budget: Budget, reason: str) -> Promise | None:
    return None if budget.recall is None else Promise(budget.recall, budget.recall_of, False, reason)
