"""A calibration, and what it says of one request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..budget import Budget, RecallOf
from ..data import Reason, Scores, Segmentation, Selection
from ..errors import ProbeMismatch
from ..probes import ProbeWeights
from .answerable import Answerable
from .bound import bounded_recall, smallest_n, threshold
from .likeness import Likeness
from .request import Group, Request, look_at

SHIFT_LEVEL = 0.05
"""A promise is withdrawn for a request less like the calibration questions than this share of them."""
LEAST_OF_GROUP = 50
"""Groups with fewer questions than this, or than the recall needs, are promised what a wider group is."""
LEAST_RECALL = 0.5  # groups for it need the fewest questions
HARMLESS: frozenset[Reason] = frozenset({"duplicate", "boilerplate"})
"""Reasons for which a sentence is dropped whatever the recall."""
_FREE = ("backend", "precision")  # settings that change scores in the last digits alone


@dataclass(frozen=True, slots=True)
class Case:
    """One calibration question. Holds no text.

    Attributes:
        kind: the data set's name.
        group, shape, words: as in ``Request``.
        evidence: values (``Request.values``) of the evidence sentences, ascending; empty where there is none,
            or it is not known.
        answerable: whether the documents hold an answer; None: not known.
    """

    kind: str
    group: Group
    shape: tuple[float, ...]
    words: tuple[float, ...]
    evidence: tuple[float, ...]
    answerable: bool | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised about the recall of one context, and whether it stands.

    Attributes:
        recall: what was asked for.
        of: ``share``: the expected share of the evidence; ``all``: the chance that all of it is kept.
        holds: whether it is promised.
        withdrawn: why not; None where it holds.
        questions: calibration questions that it rests on, those of ``group``.
        kinds: how many of them are of each kind.
        group: the features that they share with the request; empty: all questions.
        least: what the calibration promises for what was kept, where a ceiling cut it short; else ``recall``.
            None where nothing is promised for other reasons.
    """

    recall: float
    of: RecallOf
    holds: bool
    withdrawn: str | None = None
    questions: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    group: tuple[str, ...] = ()
    least: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))

    def describe(self, tokens: int) -> str:
        """Say in a sentence or two what was promised, and on what it rests.

        Args:
            tokens: of what was kept.
        """
        aim = f"{self.recall:.0%} of the evidence"
        if self.of == "all":
            aim = f"a chance of {self.recall:.0%} that all evidence is kept"
        if self.holds:
            basis = f"{self.questions:,} calibration questions" if self.questions else "keeping everything"
            return f"promised: {aim}, resting on {basis}; it took {tokens:,} tokens"
        least = "" if self.least is None else f"; at this length it is {self.least:.0%}"
        return f"not promised: {aim}: {self.withdrawn}{least}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "recall": self.recall,
            "of": self.of,
            "holds": self.holds,
            "withdrawn": self.withdrawn,
            "questions": self.questions,
            "kinds": dict(self.kinds),
            "group": list(self.group),
            "least": self.least,
        }


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a calibration says of one request, whatever the budget.

    Attributes:
        shift: how like the calibration questions it is: a p-value in (0, 1], small where it is unlike them;
            None with too few questions.
        sufficiency: the probability that the documents hold an answer; None where that was not calibrated.
        trouble: why no recall can be promised for it; None where it can.
        evidence: values of the evidence of the calibration questions that are most like it in group.
    """

    request: Request = field(repr=False)
    shift: float | None
    sufficiency: float | None
    trouble: str | None
    evidence: tuple[tuple[float, ...], ...] = field(repr=False, default=())

    def recall(self, selection: Selection) -> float | None:
        """The share of evidence that the calibration bounds where what was dropped is dropped, in [0, 1].

        None where nothing can be promised for the request.
        """
        lost = [i for i, reason in selection.dropped.items() if reason not in HARMLESS]
        if self.trouble is not None or not self.evidence:
            return None
        if not lost:
            return 1.0
        best = float(self.request.values[lost].max())
        return bounded_recall(self.evidence, float(np.nextafter(best, np.inf)))


@dataclass(frozen=True)
class Calibration:
    """What labeled questions say about a scorer: values of their evidence, and what requests look like.

    Attributes:
        scorer: its name.
        settings: of the scorer, without backend and precision; scores with others are refused.
        conditions: what was so in all of the calibration, of the yes-or-no details of scores (``vectors``);
            for a request where it isn't, nothing is promised.
        cases: the questions.
        answerable: for ``sufficiency``; None: not fitted.
        card: how it was made, JSON-able.
    """

    scorer: str
    settings: Mapping[str, Any]
    conditions: Mapping[str, bool]
    cases: tuple[Case, ...]
    answerable: Answerable | None = None
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("settings", "conditions", "card"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __hash__(self) -> int:
        return hash((self.scorer, self.cases))

    def check(self, scores: Scores) -> None:
        """Refuse scores of another scorer, or of one with other settings.

        Raises:
            ProbeMismatch: says what differs.
        """
        if scores.scorer != self.scorer:
            raise ProbeMismatch(
                f"the calibration is for the scorer {self.scorer!r}, not for {scores.scorer!r}; make one "
                f"with: ragcompress calibrate --scorer {scores.scorer}"
            )
        now = bound_settings(scores.settings)
        for key in sorted({*now, *self.settings}):
            if now.get(key) != self.settings.get(key):
                raise ProbeMismatch(
                    f"the calibration was made with {key} = {self.settings.get(key)!r}, the scorer has "
                    f"{now.get(key)!r}; make a new one with: ragcompress calibrate"
                )

    def without(self, kind: str) -> Calibration:
        """The same without the questions of one kind."""
        return self.with_cases(tuple(c for c in self.cases if c.kind != kind))

    def with_cases(self, cases: tuple[Case, ...]) -> Calibration:
        """The same with other questions."""
        return replace(self, cases=cases)

    def check_weights(self, scorer: str, probe: ProbeWeights | None) -> None:
        """Refuse another scorer, or other weights, before anything is scored.

        Raises:
            ProbeMismatch: says what differs.
        """
        settings = dict(self.settings)
        if probe is not None and "probe" in settings:
            settings["probe"] = probe.fingerprint()
        self.check(Scores(np.zeros(0), scorer, settings=settings))

    def look(self, segmentation: Segmentation, scores: Scores) -> Outlook:
        """Say what is known of a request with at least one sentence.

        Raises:
            ProbeMismatch: as ``check``.
        """
        self.check(scores)
        request = look_at(segmentation, scores)
        ranked = self._likeness.get(request.group.ranked)
        shift = None if ranked is None else ranked.p_value(request.shape, request.words)
        known = self.answerable
        _, group = self._rests_on(request.group, LEAST_RECALL)
        return Outlook(
            request,
            shift,
            None if known is None else known.probability(request.shape, scores.strongest),
            self._trouble(request, scores, shift),
            tuple(c.evidence for c in group),
        )

    def threshold(self, outlook: Outlook, budget: Budget) -> tuple[float | None, Promise]:
        """What a recall needs: the least value that is kept, None for everything, and the promise.

        The promise is as if everything of at least this value were kept; ``judging.Judge`` sees to the rest.
        """
        recall, of = budget.recall or 1.0, budget.recall_of
        group, cases = self._rests_on(outlook.request.group, recall)
        at = threshold([c.evidence for c in cases], recall, of)
        trouble = outlook.trouble
        if trouble is None and at is None and recall < 1:
            trouble = (
                f"{len(cases)} calibration questions can't promise it with less than all sentences; "
                f"at least {smallest_n(recall)} could"
            )
        kinds = Counter(c.kind for c in cases)
        least = None if trouble else recall
        return at, Promise(
            recall,
            of,
            holds=trouble is None,
            withdrawn=trouble,
            questions=len(cases),
            kinds=kinds,
            group=group,
            least=least,
        )

    def least(self, promise: Promise, at: float) -> float:
        """What is promised where everything of at least a value is kept, for the group of a promise."""
        cases = [c for c in self._with_evidence if c.group[: len(promise.group)] == promise.group]
        return bounded_recall([c.evidence for c in cases], at, promise.of)

    def _trouble(self, request: Request, scores: Scores, shift: float | None) -> str | None:
        for name, value in self.conditions.items():
            if (now := scores.details.get(name)) != value:
                return f"calibrated with {name} = {value}, and this request has {now}"
        if not any(c.group.ranked == request.group.ranked for c in self._with_evidence):
            return f"no calibration question was {request.group.ranked}, as this request is"
        if shift is not None and shift < SHIFT_LEVEL:
            return f"unlike the calibration questions (shift p = {shift:.3g}, below {SHIFT_LEVEL:g})"
        return None

    def _rests_on(self, group: Group, recall: float) -> tuple[tuple[str, ...], Sequence[Case]]:
        """The questions of the narrowest group that has enough of them, and what they share."""
        needed = max(LEAST_OF_GROUP, 2 * smallest_n(recall) if recall < 1 else 1)
        for n in range(len(group), 0, -1):
            cases = [c for c in self._with_evidence if c.group[:n] == group[:n]]
            if len(cases) >= needed or n == 1:
                break
        return group[:n], cases

    @cached_property
    def _with_evidence(self) -> tuple[Case, ...]:
        return tuple(c for c in self.cases if c.evidence)

    @cached_property
    def _likeness(self) -> Mapping[str, Likeness]:
        by_group = {}
        for ranked in {c.group.ranked for c in self._with_evidence}:
            cases = [c for c in self._with_evidence if c.group.ranked == ranked]
            by_group[ranked] = Likeness(
                np.array([c.shape for c in cases]), np.array([c.words for c in cases])
            )
        return by_group


def bound_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a scorer that a calibration is bound to."""
    return {key: value for key, value in settings.items() if key not in _FREE}


def case_as_dict(case: Case) -> dict[str, Any]:
    """A case as JSON values."""
    return {**asdict(case), "group": list(case.group)}
