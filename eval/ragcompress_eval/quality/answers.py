"""Does the answer survive? A reader answers from full, truncated and compressed contexts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from ragcompress import Budget, InputError, RagCompressError, Tokenizer
from ragcompress.data import Progress
from ragcompress.text.tokenizing import Counter, as_counter
from ragcompress.training.examples import Example, OnBad

from ..bench.bootstrap import Estimate, mean, resample
from ..bench.journal import Journal, fingerprint
from ..bench.metrics import answer_in_output, exact_match, f1
from .methods import Method, Target, full_text, head
from .readers import Reader

METRICS = ("f1", "em", "answer_in_output")


@dataclass(frozen=True, slots=True)
class Condition:
    """What the reader gets.

    Attributes:
        context: ``full``, ``truncated`` (the beginning of the full one) or ``compressed``.
        ratio: kept ÷ original, in tokens of rendered text; None for ``full``.
        scorer, order: of ``compressed``.
    """

    context: str
    ratio: float | None = None
    scorer: str | None = None
    order: str | None = None

    @property
    def label(self) -> str:
        """For people."""
        if self.context == "compressed":
            return f"{self.scorer}, {self.order}"
        return self.context


@dataclass(frozen=True, slots=True)
class Row:
    """One answer.

    Attributes:
        prediction: what the reader said.
        f1, em, answer_in_output: against the best of the answers (``metrics``).
        tokens: of the context, in tokens of the proxy.
        ratio_kept: kept ÷ original.
        evidence: share of the gold sentences that the context holds, verbatim; None where there are none.
        place: where in the context they stand, on average: 0 at its beginning, 1 at its end.
        seconds: wall time of the reader.
        refused: why there is no answer; None where there is one.
    """

    prediction: str = ""
    f1: float = 0.0
    em: bool = False
    answer_in_output: bool = False
    tokens: int = 0
    ratio_kept: float = 0.0
    evidence: float | None = None
    place: float | None = None
    seconds: float = 0.0
    refused: str | None = None


OWN_ORDER = "own"
Rows = dict[Condition, list[Row]]
_Measure = Callable[[Example, str], tuple[int, float, float | None, float | None]]


@dataclass(frozen=True, slots=True)
class Setup:
    """What is the same for all questions.

    Attributes:
        methods: by name.
        counter: what counts tokens for the budget.
        conditions: what the reader gets, without those that ask for the same twice.
    """

    methods: Mapping[str, Method]
    reader: Reader
    counter: Tokenizer | Counter
    conditions: tuple[Condition, ...]


def conditions(
    scorers: Sequence[str],
    ratios: Sequence[float],
    orders: Sequence[str],
    *,
    rivals: Sequence[str] = (),
    truncated: bool = True,
) -> tuple[Condition, ...]:
    """Full; truncated to every ratio, where wanted; compressed by every scorer, ratio and order.

    Rivals have an order of their own.
    """
    compressed = (Condition("compressed", r, s, o) for s, r, o in product(scorers, ratios, orders))
    heads = (Condition("truncated", r) for r in ratios if truncated)
    others = (Condition("compressed", r, name, OWN_ORDER) for name, r in product(rivals, ratios))
    return (Condition("full"), *heads, *compressed, *others)


def run(
    examples: Sequence[Example],
    setup: Setup,
    *,
    journal: Journal | None = None,
    on_bad: OnBad = "stop",
    progress: Progress = lambda done, total: None,
) -> Rows:
    """Ask the reader; what the journal holds is not asked again.

    Args:
        journal: takes every row as soon as it is there.
        on_bad: what a question does that can't be compressed, or is longer than the reader's window:
            ``stop`` raises, ``skip`` notes why.
        progress: called with (answers given, answers in all).

    Returns:
        By condition, one row per example, in their order.

    Raises:
        RagCompressError: says at which question; a reader that can't be asked always raises.
    """
    journal = journal or Journal(None, settings={})
    rows: Rows = {condition: [] for condition in setup.conditions}
    reader = _Remembering(setup.reader)
    total = len(examples) * len(setup.conditions)
    for number, example in enumerate(examples):
        _answer_missing(example, setup, reader, journal, on_bad, lambda n: progress(n, total), number)
        for condition in setup.conditions:
            found = journal.rows[_key(example, condition)]
            rows[condition].append(Row(**{name: found[name] for name in Row.__slots__}))
    return rows


def summarise(
    examples: Sequence[Example],
    rows: Rows,
    *,
    seed: int,
    positions: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Turn rows into results: one per data set (and position) and condition, ready for JSON.

    Metrics are means over the questions that were not refused (``n``; the others are ``n_refused``). ``ci``
    holds percentile intervals, ``versus`` the paired differences from the full context, and from the
    truncated one of the same ratio, over the questions that neither refused.

    Args:
        seed: of the bootstrap.
        positions: by id, where the evidence was put; told apart in the results.
    """
    groups: dict[tuple[str, float | None], list[int]] = {}
    for index, example in enumerate(examples):
        position = None if positions is None else positions[example.id]
        groups.setdefault((example.dataset, position), []).append(index)
    results = []
    for (dataset, position), members in groups.items():
        own = {c: [found[i] for i in members] for c, found in rows.items()}
        for condition, found in own.items():
            place = {} if positions is None else {"position": position}
            start = {"dataset": dataset, **place, **asdict(condition)}
            results.append(
                {**start, **_result(found), **_versus(condition, own, seed)} | _intervals(found, seed)
            )
    return results


def rows_of(examples: Sequence[Example], rows: Rows) -> Iterator[dict[str, Any]]:
    """All rows, ready for JSON."""
    for index, example in enumerate(examples):
        start = {"dataset": example.dataset, "id": example.id, "sha256": fingerprint(example)}
        for condition, found in rows.items():
            yield {**start, **asdict(condition), **asdict(found[index])}


def _key(example: Example, condition: Condition) -> tuple[str, ...]:
    parts = (condition.context, condition.ratio, condition.scorer, condition.order)
    return (*("" if p is None else str(p) for p in parts), example.id, fingerprint(example))


def _answer_missing(
    example: Example,
    setup: Setup,
    reader: _Remembering,
    journal: Journal,
    on_bad: OnBad,
    advance: Callable[[int], None],
    number: int,
) -> None:
    missing = [c for c in setup.conditions if _key(example, c) not in journal.rows]
    count = as_counter(setup.counter)
    full = full_text(example)
    before = count(full) if missing else 0

    def measure(example: Example, context: str) -> tuple[int, float, float | None, float | None]:
        tokens = count(context)
        return tokens, tokens / before if before else 1.0, *_evidence(example, context)

    texts = _contexts(example, missing, setup, full)
    for done, condition in enumerate(setup.conditions, number * len(setup.conditions) + 1):
        if condition in texts:
            row = _ask(example, texts[condition], reader, on_bad, measure)
            journal.add(_key(example, condition), {"dataset": example.dataset, **asdict(row)})
        advance(done)


def _ask(
    example: Example, context: str | RagCompressError, reader: _Remembering, on_bad: OnBad, measure: _Measure
) -> Row:
    reason: RagCompressError
    if isinstance(context, RagCompressError):
        reason = context
    else:
        try:
            said, seconds = reader.answer(example.question, context)
        except InputError as error:
            reason = error  # Any other error is the reader's, not the question's, and ends the run.
        else:
            a = example.answers
            exact, inside = exact_match(said, a), answer_in_output(said, a)
            return Row(said, f1(said, a), exact, inside, *measure(example, context), seconds)
    if on_bad == "stop":
        raise RagCompressError(f"question {example.id!r}: {reason}") from reason
    return Row(refused=str(reason))


class _Remembering:
    """A reader that is asked once for the same question and context: it answers the same way every time."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._said: dict[tuple[str, str], tuple[str, float]] = {}

    def answer(self, question: str, context: str) -> tuple[str, float]:
        """The answer, and the seconds that it took when it was asked for."""
        key = (question, context)
        if key not in self._said:
            start = time.perf_counter()
            said = self._reader.answer(question, context)
            self._said[key] = said, time.perf_counter() - start
        return self._said[key]


def _evidence(example: Example, context: str) -> tuple[float | None, float | None]:
    """Share of the gold sentences that stand in a context, and where: 0 its beginning, 1 its end."""
    if not example.gold:
        return None, None
    gold = [example.segmentation.sentences[i].text for i in example.gold]
    found = [(context.find(text), len(text)) for text in gold]
    places = [at / max(1, len(context) - size) for at, size in found if at >= 0]
    return len(places) / len(gold), float(np.mean(places)) if places else None


def _contexts(
    example: Example, wanted: Sequence[Condition], setup: Setup, full: str
) -> dict[Condition, str | RagCompressError]:
    """The text of each condition, or why there is none."""
    found: dict[Condition, str | RagCompressError] = {}
    count = as_counter(setup.counter)
    for condition in wanted:
        if condition.context == "full":
            found[condition] = full
        elif condition.context == "truncated":
            limit = Budget(ratio=condition.ratio).limit(count(full))
            found[condition] = head(full, limit, count)
    for name, method in setup.methods.items():
        own = [c for c in wanted if c.scorer == name]
        if not own:
            continue
        targets = [Target(Budget(ratio=c.ratio), c.order or "source") for c in own]
        try:
            made = method.compress(example, targets).contexts
            found |= {c: context.text if context else "" for c, context in zip(own, made, strict=True)}
        except RagCompressError as error:
            found |= dict.fromkeys(own, error)
    return found


def _result(rows: Sequence[Row]) -> dict[str, Any]:
    used = [r for r in rows if r.refused is None]
    result: dict[str, Any] = {"n": len(used)}
    for name in (*METRICS, "ratio_kept", "tokens", "evidence", "place", "seconds"):
        values = [v for v in (getattr(r, name) for r in used) if v is not None]
        result[name] = float(np.mean(values)) if values else None
    return {**result, "n_refused": len(rows) - len(used)}


def _estimates(rows: Sequence[Row], seed: int) -> dict[str, Estimate]:
    if not rows:
        return {}
    counts = resample(len(rows), seed=seed)
    return {m: mean(np.array([float(getattr(r, m)) for r in rows]), counts) for m in METRICS}


def _intervals(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    found = _estimates([r for r in rows if r.refused is None], seed)
    return {"ci": {name: list(e.interval()) for name, e in found.items()}}


def _versus(condition: Condition, rows: Rows, seed: int) -> dict[str, Any]:
    """Paired differences from the full context, and from the truncated one of the same ratio."""
    result = {}
    for name, other in (("full", Condition("full")), ("truncated", Condition("truncated", condition.ratio))):
        if condition.context in (name, "full") or other not in rows:
            continue
        pairs = [
            (a, b)
            for a, b in zip(rows[condition], rows[other], strict=True)
            if a.refused is None and b.refused is None
        ]
        mine, theirs = (_estimates(side, seed) for side in (zip(*pairs, strict=True) if pairs else ((), ())))
        differences = {m: mine[m].minus(theirs[m]) for m in mine}
        result[name] = {"n": len(pairs)} | {
            m: {"difference": e.value, "ci": list(e.interval())} for m, e in differences.items()
        }
    return {"versus": result}
