"""Does the answer survive? A reader answers from full, truncated and compressed contexts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ragcompress import Budget, InputError, Tokenizer
from ragcompress.text.tokenizing import Counter, as_counter
from ragcompress.training.examples import Example

from ..bench.metrics import answer_in_output, exact_match, f1
from ..bench.study import Condition, Refused, Row, Study, mean, plain
from .methods import Method, OncePerQuestion, Target, full_text, head
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
    made = [_condition("full")]
    made += [_condition("truncated", r) for r in ratios if truncated]
    made += [_condition("compressed", r, s, o) for s, r, o in product(scorers, ratios, orders)]
    made += [_condition("compressed", r, name, OWN_ORDER) for name, r in product(rivals, ratios)]
    names = {c.name for c in made}
    made = [
        Condition(c.name, c.labels, {key: other for key, other in c.versus.items() if other in names})
        for c in made
    ]
    return tuple(_at(c, position) for position in positions for c in made) if positions else tuple(made)


def _condition(
    context: str, ratio: float | None = None, scorer: str | None = None, order: str | None = None
) -> Condition:
    labels = {"context": context, "ratio": ratio, "scorer": scorer, "order": order}
    name = ", ".join(str(v) for v in labels.values() if v is not None)
    versus = {"full": "full", "truncated": f"truncated, {ratio}"}
    if context != "compressed":
        versus = {key: other for key, other in versus.items() if context == "truncated" and key == "full"}
    return Condition(name, labels, versus)


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


@dataclass(slots=True)
class _Now:
    """The question at hand, at one position.

    Attributes:
        source: as it came.
        example: with its gold documents where they are wanted.
        full, n_tokens: all its documents as one text, and its tokens.
    """

    source: Example
    position: float | None
    example: Example
    full: str
    n_tokens: int


class _Asking:
    """Asks a reader; contexts and answers of the question at hand are made once."""

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
        self._made = {
            name: OncePerQuestion(
                methods[name],
                [Target(Budget(ratio=r), "source" if o == OWN_ORDER else o) for r, o in targets],
            )
            for name, targets in self._targets.items()
        }
        self._now: _Now | None = None
        self._said: dict[str, tuple[str, float]] = {}

    def measure(self, example: Example, condition: Condition) -> Row:
        """One answer and what it is worth.

        Raises:
            Refused: where the method can't compress, or question and context are longer than the window.
        """
        now = self._turn_to(example, condition)
        context = self._context(now, condition)
        if context not in self._said:
            start = time.perf_counter()
            try:
                said = self._reader.answer(example.question, context)
            except InputError as error:
                raise Refused(error) from error  # Any other error is the reader's, and ends the run.
            self._said[context] = said, time.perf_counter() - start
        said, seconds = self._said[context]
        tokens, before = self._count(context), now.n_tokens
        evidence, place = _evidence(now.example, context)
        return Row({
            "prediction": said,
            "f1": f1(said, example.answers),
            "em": exact_match(said, example.answers),
            "answer_in_output": answer_in_output(said, example.answers),
            "tokens": tokens,
            "ratio_kept": tokens / before if before else 1.0,
            "evidence": evidence,
            "place": place,
            "seconds": seconds,
        })  # fmt: skip

    def _turn_to(self, example: Example, condition: Condition) -> _Now:
        found = condition.labels.get("position")
        position = found if isinstance(found, float) else None
        now = self._now
        if now is None or now.source is not example:
            self._said = {}
        if now is None or now.source is not example or now.position != position:
            placed = example if position is None else moved(example, position)
            full = full_text(placed)
            self._now = now = _Now(example, position, placed, full, self._count(full))
        return now

    def _context(self, now: _Now, condition: Condition) -> str:
        kind, ratio = condition.labels["context"], condition.labels["ratio"]
        if kind == "full":
            return now.full
        if kind == "truncated":
            assert isinstance(ratio, float)
            return head(now.full, Budget(ratio=ratio).limit(now.n_tokens), self._count)
        name = str(condition.labels["scorer"])
        made = self._made[name](now.example).contexts[self._targets[name].index(_target(condition))]
        return made.text if made else ""


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
