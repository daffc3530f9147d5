"""Does the answer survive? A reader answers from full, truncated and compressed contexts.

``positions`` moves the gold documents through the context: is it lost in the middle (arXiv 2307.03172)?
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Annotated

import numpy as np
import typer

from ragcompress import Budget, InputError, Segmentation, Tokenizer, scorers, segment
from ragcompress.cli.console import note
from ragcompress.cli.options import DEFAULT_RATIO
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.selection import ordering
from ragcompress.text.tokenizing import Counter, as_counter
from ragcompress.training.examples import Example

from ..bench import options
from ..bench.methods import ALONE, TOGETHER, Method, Target, base_order, compress_once, full_text, head
from ..bench.metrics import answer_in_output, exact_match, f1, gold_sentences
from ..bench.runner import Questions, Run, study_command
from ..bench.study import Condition, Refused, Row, Study, mean, once_per_question, plain
from ..rivals.methods import NAMES, Rivals, build_methods
from . import readers

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
KEY = "OPENAI_API_KEY"


def conditions(
    scorers: Sequence[str],
    ratios: Sequence[float],
    orders: Sequence[str],
    *,
    rivals: Sequence[str] = (),
    full: bool = True,
    truncated: bool = True,
    positions: Sequence[float] = (),
) -> tuple[Condition, ...]:
    """Full; truncated to every ratio, both where wanted; compressed by every scorer, ratio and order.

    Rivals have an order of their own. With positions, all of it at each of them.
    """

    def condition(
        context: str, ratio: float | None = None, scorer: str | None = None, order: str | None = None
    ) -> Condition:
        labels = {"context": context, "ratio": ratio, "scorer": scorer, "order": order}
        versus = {"full": "full"} if full and context != "full" else {}
        if context == "compressed" and truncated:
            versus["truncated"] = f"truncated, {ratio}"
        if order and f"{order}{ALONE}" in orders:
            versus["alone"] = f"compressed, {ratio}, {scorer}, {order}{ALONE}"
        return Condition(", ".join(str(v) for v in labels.values() if v is not None), labels, versus)

    made = [condition("full")] if full else []
    made += [condition("truncated", r) for r in ratios if truncated]
    made += [condition("compressed", r, s, o) for s, r, o in product(scorers, ratios, orders)]
    made += [condition("compressed", r, name, OWN_ORDER) for name, r in product(rivals, ratios)]
    if not positions:
        return tuple(made)
    return tuple(_move_condition(c, position) for position in positions for c in made)


def _move_condition(condition: Condition, position: float) -> Condition:
    start = f"position {position:.3f}, "
    versus = {key: start + name for key, name in condition.versus.items()}
    return Condition(start + condition.name, {"position": position, **condition.labels}, versus)


def study(
    methods: Mapping[str, Method],
    reader: readers.Reader,
    counter: Tokenizer | Counter,
    compared: Sequence[Condition],
) -> Study:
    """What a reader answers under every condition.

    Args:
        methods: by name.
        counter: what counts tokens for the budget.
        compared: of ``conditions``; those that make the same context of a question are asked once.
    """
    name = "positions" if "position" in compared[0].labels else "answers"
    title = "Is it lost in the middle?" if name == "positions" else "Does the answer survive?"
    return Study(name, title, tuple(compared), _Asking(methods, reader, counter, compared).measure, METRICS)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A question with its gold documents where they are wanted; all documents as one text, and its tokens."""

    example: Example
    full: str
    n_tokens: int


class _Asking:
    """Asks a reader; contexts and answers of the latest question are made once."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        reader: readers.Reader,
        counter: Tokenizer | Counter,
        compared: Sequence[Condition],
    ) -> None:
        self._reader, self._count = reader, as_counter(counter)
        self._targets: dict[str, list[Target]] = {
            name: list(dict.fromkeys(_target(c) for c in compared if c.labels["scorer"] == name))
            for name in methods
        }
        self._compressed = {
            name: compress_once(methods[name], targets) for name, targets in self._targets.items()
        }
        positions = dict.fromkeys(c.labels.get("position") for c in compared)
        self._placed = {p: once_per_question(partial(self._place, position=p)) for p in positions}

        @once_per_question
        def answers(example: Example) -> dict[str, tuple[str, float]]:
            return {}

        self._answers = answers

    def measure(self, example: Example, condition: Condition) -> Row:
        """One answer and what it is worth.

        Raises:
            Refused: where the method can't compress, or question and context are longer than the window.
        """
        placed = self._placed[condition.labels.get("position")](example)
        context = self._context(placed, condition)
        answer, seconds = self._answer(example, context)
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

    def _place(self, example: Example, *, position: object) -> _Placed:
        placed = move_gold(example, position) if isinstance(position, float) else example
        full = full_text(placed)
        return _Placed(placed, full, self._count(full))

    def _context(self, placed: _Placed, condition: Condition) -> str:
        kind, name = condition.labels["context"], str(condition.labels["scorer"])
        if kind == "full":
            return placed.full
        target = _target(condition)
        if kind == "truncated":
            return head(placed.full, target.budget.limit(placed.n_tokens), self._count)
        context = self._compressed[name](placed.example).contexts[self._targets[name].index(target)]
        return context.text if context else ""

    def _answer(self, example: Example, context: str) -> tuple[str, float]:
        """The answer, and the seconds that it took."""
        known = self._answers(example)
        if context not in known:
            start = time.perf_counter()
            try:
                answer = self._reader.answer(example.question, context)
            except InputError as error:
                raise Refused(error) from error  # Any other error is the reader's, and ends the run.
            known[context] = answer, time.perf_counter() - start
        return known[context]


def _target(condition: Condition) -> Target:
    ratio, order = condition.labels["ratio"], str(condition.labels["order"])
    assert isinstance(ratio, float)
    return Target(Budget(ratio=ratio), "source" if order == OWN_ORDER else order)


def _evidence(example: Example, context: str) -> tuple[float | None, float | None]:
    """Share of the gold sentences that stand in a context, and where: 0 its beginning, 1 its end."""
    if not example.gold:
        return None, None
    spans = [(context.find(s.text), len(s.text)) for s in gold_sentences(example)]
    places = [at / max(1, len(context) - size) for at, size in spans if at >= 0]
    return len(places) / len(spans), float(np.mean(places)) if places else None


def cut_anew(example: Example) -> Example:
    """The question with our own units in place of the data's sentences: names, headings, rows and lead-ins.

    Evidence is each unit with a part of a sentence that is.
    """
    made = segment(example.segmentation.documents)
    gold = gold_sentences(example)
    evidence = tuple(
        i
        for i, unit in enumerate(made.sentences)
        if any(
            s.document == unit.document and s.start_char < unit.end_char and unit.start_char < s.end_char
            for s in gold
        )
    )
    return replace(example, id=f"{example.id}@own-units", segmentation=made, gold=evidence)


def places(n: int) -> list[float]:
    """Evenly spaced places, the first and the last included; ``n`` is at least 2."""
    return [k / (n - 1) for k in range(n)]


def movable(example: Example) -> bool:
    """Whether there is evidence, an answer, and other documents to move the gold ones through."""
    gold = _gold_documents(example)
    return bool(example.answers and gold) and len(gold) < len(example.segmentation.documents)


def move_gold(example: Example, position: float) -> Example:
    """The question with its gold documents, together and in their order, at one place among the others.

    Args:
        position: share of the other documents that come before, in [0, 1].
    """
    parts, gold = example.segmentation, _gold_documents(example)
    others = [d for d in range(len(parts.documents)) if d not in gold]
    before = round(position * len(others))
    sequence = [*others[:before], *gold, *others[before:]]
    place = {document: index for index, document in enumerate(sequence)}
    order = sorted(range(len(parts.sentences)), key=lambda i: (place[parts.sentences[i].document], i))
    sentences = tuple(replace(s, document=place[s.document]) for s in (parts.sentences[i] for i in order))
    return replace(
        example,
        id=f"{example.id}@{position:.3f}",
        segmentation=Segmentation(tuple(parts.documents[d] for d in sequence), sentences),
        gold=tuple(new for new, old in enumerate(order) if old in example.gold),
    )


def _gold_documents(example: Example) -> list[int]:
    return sorted({s.document for s in gold_sentences(example)})


ReaderName = Annotated[
    str,
    typer.Option(
        metavar="READER",
        help="What answers: a name of `models list`, a folder of a causal language model, or the http(s) "
        f"address of an OpenAI-compatible server, up to /v1 (its key: {KEY}).",
    ),
]
Patience = Annotated[
    float, typer.Option(min=0, metavar="S", help="Seconds to keep asking a server that doesn't answer.")
]
Orders = Annotated[
    list[str],
    typer.Option(
        callback=lambda values: options.check_names(values, ordering.ORDERS, base_order),
        metavar="NAME",
        help=f"One of {', '.join(ordering.ORDERS)}; with {TOGETHER} behind it, of whole documents; "
        f"with {ALONE}, every unit by itself, without the name or the heading that it needs.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(options.Proxied):
    """Who is asked, and about what contexts: options of both commands."""

    reader: ReaderName = DEFAULT_PROXY
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model's name on the server.")] = None
    scorer: options.ScorerNames = field(default_factory=lambda: [scorers.DEFAULT])
    ratio: options.Ratios = field(default_factory=lambda: [DEFAULT_RATIO])
    rival: Rivals = field(default_factory=list)
    baselines: Annotated[
        bool,
        typer.Option("--baselines/--no-baselines", help="Ask full and truncated contexts, too."),
    ] = True
    max_answer_tokens: Annotated[int, typer.Option(min=1, metavar="N", help="Longest answer.")] = (
        readers.MAX_ANSWER_TOKENS
    )
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="Seconds for one request to a server.")
    ] = readers.TIMEOUT_SECONDS
    patience: Patience = readers.PATIENCE_SECONDS

    def carry_out(
        self,
        run: Run,
        questions: Questions,
        orders: Sequence[str],
        positions: Sequence[float] = (),
        *,
        more: Mapping[str, object] = {},
    ) -> None:
        """Ask everything under all combinations of the options; ``more`` is settings of the command's own."""
        reader, model = self.build_reader(), self.find()
        with build_methods(self.scorer, self.rival, model, seed=run.seed) as methods:
            ours, rivals = ([m for m in methods if (m in NAMES) == compared] for compared in (False, True))
            compared = conditions(
                ours,
                self.ratio,
                orders,
                rivals=rivals,
                full=self.baselines,
                truncated=self.baselines and not positions,
                positions=positions,
            )
            made = study(methods, reader, model.counter, compared)
            run.carry_out(made, questions, {"reader": dict(reader.settings), **model.settings, **more})

    def build_reader(self) -> readers.Reader:
        """The reader that the options name.

        Raises:
            typer.BadParameter: if they don't go together.
            ModelError, MissingExtra: if it can't be loaded.
        """
        if not self.reader.startswith(("http://", "https://")):
            if self.model:
                raise typer.BadParameter("--model goes with a --reader that is an address")
            folder = options.find_model(self.reader)
            about = {"name": folder.name, "fingerprint": folder.fingerprint}
            return readers.TransformersReader(folder.path, **about, max_answer_tokens=self.max_answer_tokens)
        if not self.model:
            raise typer.BadParameter("--reader with an address needs --model")
        return readers.EndpointReader(
            self.reader,
            self.model,
            key=os.environ.get(KEY),
            max_answer_tokens=self.max_answer_tokens,
            timeout=self.timeout,
            patience=self.patience,
        )


@study_command
def answers_command(
    run: Run,
    reading: Reading,
    order: Orders = ["source"],  # noqa: B006 - typer copies it
    own_units: Annotated[
        bool, typer.Option("--own-units", help="Cut the documents as ragcompress does, not as the data does.")
    ] = False,
) -> None:
    """Does the answer survive? A reader answers from full, truncated and compressed contexts."""
    questions = run.read(change=cut_anew) if own_units else run.read()
    if unanswerable := [e.id for e in questions.examples if not e.answers]:
        raise InputError(
            f"{len(unanswerable)} questions have no answer to compare with: {unanswerable[0]!r} …"
        )
    reading.carry_out(run, questions, order, more={"own_units": True} if own_units else {})


@study_command
def positions_command(
    run: Run,
    reading: Reading,
    positions: Annotated[
        int,
        typer.Option(min=2, metavar="N", help="Places of the gold documents, the first and last included."),
    ] = 5,
    order: Orders = list(ordering.ORDERS),  # noqa: B006 - typer copies it
) -> None:
    """Lost in the middle? The gold documents moved through the context, before and after every order."""
    read = run.read()
    usable = tuple(e for e in read.examples if movable(e))
    if not usable:
        raise InputError("no question has marked evidence, an answer, and other documents to move it through")
    if left_out := len(read.examples) - len(usable):
        note(f"left out: {left_out} questions without evidence, answer, or other documents")
    reading.carry_out(run, Questions(read.files, usable), order, places(positions))
