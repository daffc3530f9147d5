"""Does the answer survive? A reader answers from full, truncated and compressed contexts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from ragcompress import Budget, InputError, Tokenizer
from ragcompress.text.tokenizing import Counter, as_counter
from ragcompress.training.examples import Example

from ..bench.methods import Method, Target, compress_once, full_text, head
from ..bench.metrics import answer_in_output, exact_match, f1
from ..bench.study import Condition, Refused, Row, Study, mean, once_per_question, plain
from .positions import moved
from .readers import Reader

METRICS = (
    plain("ratio_kept", "kept"),
    mean("f1", "F1"),
    mean("em", "EM"),
    mean("answer_in_output", "answer in output"),
    plain("evidence", "evidence"),
    plain("tokens"),
    plain("place"),
    plain("seconds", better="lower"),
)
OWN_ORDER = "own"


def conditions(
    scorers: Sequence[str],
    ratios: Sequence[float],
    orders: Sequence[str],
    *,
    rivals: Sequence[str] = (),
    truncated: bool = True,
    positions: Sequence[float] = (),
) -> tuple[Condition, ...]:
    """Full; truncated to every ratio, where wanted; compressed by every scorer, ratio and order.

    Rivals have an order of their own. With positions, all of it at each of them.
    """

    def condition(
        context: str, ratio: float | None = None, scorer: str | None = None, order: str | None = None
    ) -> Condition:
        labels = {"context": context, "ratio": ratio, "scorer": scorer, "order": order}
        versus = {"full": "full"} if context != "full" else {}
        if context == "compressed" and truncated:
            versus["truncated"] = f"truncated, {ratio}"
        return Condition(", ".join(str(v) for v in labels.values() if v is not None), labels, versus)

    made = [condition("full")]
    made += [condition("truncated", r) for r in ratios if truncated]
    made += [condition("compressed", r, s, o) for s, r, o in product(scorers, ratios, orders)]
    made += [condition("compressed", r, name, OWN_ORDER) for name, r in product(rivals, ratios)]
    return tuple(_at(c, position) for position in positions for c in made) if positions else tuple(made)


def _at(condition: Condition, position: float) -> Condition:
    start = f"position {position:.3f}, "
    versus = {key: start + name for key, name in condition.versus.items()}
    return Condition(start + condition.name, {"position": position, **condition.labels}, versus)


def study(
    methods: Mapping[str, Method],
    reader: Reader,
    counter: Tokenizer | Counter,
    wanted: Sequence[Condition],
) -> Study:
    """What a reader answers under every condition.

    Args:
        methods: by name.
        counter: what counts tokens for the budget.
        wanted: of ``conditions``; those that make the same context of a question are asked once.
    """
    name = "positions" if "position" in wanted[0].labels else "answers"
    title = "Is it lost in the middle?" if name == "positions" else "Does the answer survive?"
    return Study(name, title, tuple(wanted), _Asking(methods, reader, counter, wanted).measure, METRICS)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A question with its gold documents where they are wanted; all documents as one text, and its tokens."""

    example: Example
    full: str
    n_tokens: int


@dataclass(frozen=True, slots=True)
class _Question:
    """What was made of a question: by position of its gold documents, and the answers by context."""

    placed: dict[float | None, _Placed] = field(default_factory=dict)
    answers: dict[str, tuple[str, float]] = field(default_factory=dict)


class _Asking:
    """Asks a reader; contexts and answers of the latest question are made once."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        reader: Reader,
        counter: Tokenizer | Counter,
        wanted: Sequence[Condition],
    ) -> None:
        self._reader, self._count = reader, as_counter(counter)
        self._targets: dict[str, list[tuple[float, str]]] = {name: [] for name in methods}
        for condition in wanted:
            if condition.labels["context"] == "compressed":
                known, target = self._targets[str(condition.labels["scorer"])], _target(condition)
                known += [] if target in known else [target]
        self._compressed = {
            name: compress_once(
                methods[name],
                [Target(Budget(ratio=r), "source" if o == OWN_ORDER else o) for r, o in targets],
            )
            for name, targets in self._targets.items()
        }
        self._latest = once_per_question(lambda example: _Question())

    def measure(self, example: Example, condition: Condition) -> Row:
        """One answer and what it is worth.

        Raises:
            Refused: where the method can't compress, or question and context are longer than the window.
        """
        question, position = self._latest(example), condition.labels.get("position")
        assert position is None or isinstance(position, float)
        if position not in question.placed:
            question.placed[position] = self._place(example, position)
        placed = question.placed[position]
        context = self._context(placed, condition)
        if context not in question.answers:
            start = time.perf_counter()
            try:
                answer = self._reader.answer(example.question, context)
            except InputError as error:
                raise Refused(error) from error  # Any other error is the reader's, and ends the run.
            question.answers[context] = answer, time.perf_counter() - start
        answer, seconds = question.answers[context]
        tokens = self._count(context)
        evidence, place = _evidence(placed.example, context)
        return Row({
            "prediction": answer,
            "f1": f1(answer, example.answers),
            "em": exact_match(answer, example.answers),
            "answer_in_output": answer_in_output(answer, example.answers),
            "tokens": tokens,
            "ratio_kept": tokens / placed.n_tokens if placed.n_tokens else 1.0,
            "evidence": evidence,
            "place": place,
            "seconds": seconds,
        })  # fmt: skip

    def _place(self, example: Example, position: float | None) -> _Placed:
        placed = example if position is None else moved(example, position)
        full = full_text(placed)
        return _Placed(placed, full, self._count(full))

    def _context(self, placed: _Placed, condition: Condition) -> str:
        kind, ratio = condition.labels["context"], condition.labels["ratio"]
        if kind == "full":
            return placed.full
        if kind == "truncated":
            assert isinstance(ratio, float)
            return head(placed.full, Budget(ratio=ratio).limit(placed.n_tokens), self._count)
        name = str(condition.labels["scorer"])
        contexts = self._compressed[name](placed.example).contexts
        context = contexts[self._targets[name].index(_target(condition))]
        return context.text if context else ""


def _target(condition: Condition) -> tuple[float, str]:
    ratio = condition.labels["ratio"]
    assert isinstance(ratio, float)
    return ratio, str(condition.labels["order"])


def _evidence(example: Example, context: str) -> tuple[float | None, float | None]:
    """Share of the gold sentences that stand in a context, and where: 0 its beginning, 1 its end."""
    if not example.gold:
        return None, None
    gold = [example.segmentation.sentences[i].text for i in example.gold]
    found = [(context.find(text), len(text)) for text in gold]
    places = [at / max(1, len(context) - size) for at, size in found if at >= 0]
    return len(places) / len(gold), float(np.mean(places)) if places else None
