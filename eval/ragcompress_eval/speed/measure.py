"""What does compressing cost? Contestants side by side, on the same passages and question.

Every contestant has a process of its own for every size, so that its peak of memory is its own. First each is
loaded and run once; then all run in turns, one at a time, so that whatever else the machine does meanwhile
falls on all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from ragcompress import Tokenizer
from ragcompress.models import ModelFolder

from ..rivals.processes import RIVALS, CannotRun, Worker, command
from .texts import Source

_MEBIBYTE = 1 << 20
_FIGURES = (
    "seconds", "versus_reference", "tokens_per_second", "seconds_load", "seconds_first", "seconds_cold",
    "peak_bytes_loaded", "peak_bytes", "peak_mebibytes",
)  # fmt: skip
Progress = Callable[[str, int, int], None]
"""Called with (what is being done, rounds done, rounds in all)."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much text: passages, and tokens of each as asked for."""

    passages: int
    tokens: int

    @property
    def total(self) -> int:
        """Tokens in all, as asked for."""
        return self.passages * self.tokens


@dataclass(frozen=True, slots=True)
class Plan:
    """What is the same for all sizes and contestants.

    Attributes:
        model: name of the proxy, as the user gave it.
        folder: the proxy's files.
        scorer: what ranks the sentences in our own whole calls; one that reads the proxy.
        ratio: kept ÷ original.
        runs: timed runs of each contestant at each size.
        pythons: interpreters of the rivals' environments, by contestant.
        most: tokens that are kept at most, whatever the ratio; None: there is no such limit.
        questions: that each run asks about the same passages, one after the other.
    """

    model: str
    folder: ModelFolder
    scorer: str
    ratio: float
    runs: int
    pythons: Mapping[str, Path]
    most: int | None = None
    questions: int = 1

    def target(self, n_tokens: int) -> int:
        """Tokens that may be kept of so many."""
        kept = max(1, int(n_tokens * self.ratio))
        return kept if self.most is None else min(kept, self.most)


@dataclass(slots=True)
class Measured:
    """One contestant at one size, by what its process has answered. Seconds of wall time, bytes resident.

    Attributes:
        n_tokens: of all passages together, by the proxy's tokenizer.
        loaded: ``seconds`` of building it with its model, ``peak_bytes`` until it was ready (what another
            question leaves for reuse is in it), ``about``: what its timings rest on.
        answers: ``seconds`` and ``peak_bytes`` of each run; the first is not among the timed ones.
        skipped: why there are no timings; None where there are.
    """

    contestant: str
    size: Size
    n_tokens: int
    loaded: Mapping[str, Any] = field(default_factory=dict)
    answers: list[Mapping[str, Any]] = field(default_factory=list)
    skipped: str | None = None

    @property
    def runs(self) -> list[float]:
        """Seconds of the timed runs; none where one of them failed."""
        return [answer["seconds"] for answer in self.answers[1:]] if self.skipped is None else []

    def load(self, worker: Worker) -> None:
        """Let its process load, unless it can't."""
        try:
            self.loaded = worker.load()
        except CannotRun as reason:
            self.skipped = str(reason)

    def run(self, worker: Worker) -> None:
        """Let its process run once, unless it can't."""
        if self.skipped is None:
            try:
                self.answers.append(worker.run())
            except CannotRun as reason:
                self.skipped = str(reason)

    def result(self, reference: float | None, ratio: float) -> dict[str, Any]:
        """Ready for JSON; ``reference``: the seconds that it is compared with."""
        result: dict[str, Any] = {
            "contestant": self.contestant,
            "passages": self.size.passages,
            "tokens": self.size.tokens,
            "n_tokens": self.n_tokens,
            "ratio": ratio,
            "n": len(self.runs),
            "seconds_runs": self.runs,
            "about": {},
            "skipped": self.skipped,
            **dict.fromkeys(_FIGURES),
        }
        if self.skipped is not None:
            return result
        seconds, first, peak = median(self.runs), self.answers[0]["seconds"], self.answers[-1]["peak_bytes"]
        return result | {
            "seconds": seconds,
            "versus_reference": seconds / reference if reference else None,
            "tokens_per_second": self.n_tokens / seconds,
            "seconds_load": self.loaded["seconds"],
            "seconds_first": first,
            "seconds_cold": self.loaded["seconds"] + first,
            "peak_bytes_loaded": self.loaded["peak_bytes"],
            "peak_bytes": peak,
            "peak_mebibytes": peak / _MEBIBYTE,
            "ci": {"seconds": [min(self.runs), max(self.runs)]},
            "about": self.loaded["about"],
        }


def measure(
    plan: Plan,
    source: Source,
    sizes: Sequence[Size],
    contestants: Sequence[str],
    *,
    progress: Progress = lambda what, done, total: None,
) -> list[Measured]:
    """Measure every contestant at every size, in this order of sizes and, within each, of contestants.

    What can't be measured is in the result too, with the reason.
    """
    tokenizer = Tokenizer.from_folder(plan.folder.path)
    rounds = plan.runs + 1
    measured: list[Measured] = []
    for number, size in enumerate(sizes):
        passages = source.passages(tokenizer, size.passages, size.tokens)
        n_tokens = sum(tokenizer.count_all(passages))
        turns = [Measured(contestant, size, n_tokens) for contestant in contestants]

        def say(round_: int, one: Measured, before: int = number * rounds) -> None:
            what = f"{one.size.passages} × {one.size.tokens} tokens: {one.contestant}"
            progress(what, before + round_, len(sizes) * rounds)

        _take_turns(plan, _job(plan, source, passages, n_tokens), turns, say)
        measured += turns
    return measured


def summarize(measured: Sequence[Measured], *, ratio: float) -> list[dict[str, Any]]:
    """Turn what was measured into results, ready for JSON; ratios are to the first contestant.

    Args:
        measured: of ``measure``.
        ratio: kept ÷ original, as asked for.
    """
    reference = {
        m.size: median(m.runs) for m in measured if m.contestant == measured[0].contestant and m.runs
    }
    return [m.result(reference.get(m.size), ratio) for m in measured]


def _job(plan: Plan, source: Source, passages: Sequence[str], n_tokens: int) -> dict[str, Any]:
    """What every contestant gets; ``rivals.run`` describes it."""
    return {
        "question": source.question,
        "other_question": source.other_question,
        "further_questions": [source.questions[n % len(source.questions)] for n in range(1, plan.questions)],
        "passages": passages,
        "target_tokens": plan.target(n_tokens),
        "model": plan.model,
        "model_folder": str(plan.folder.path),
        "scorer": plan.scorer,
    }


def _take_turns(
    plan: Plan, job: Mapping[str, Any], turns: Sequence[Measured], say: Callable[[int, Measured], None]
) -> None:
    """Load and run all once, then run them in turns; ``say`` is called with the round before each run."""
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for one in turns:
            say(0, one)
            own = {**job, "contestant": one.contestant}
            try:
                worker = Worker(command(one.contestant, plan.pythons), own, ours=one.contestant not in RIVALS)
            except CannotRun as reason:
                one.skipped = str(reason)
                continue
            workers[one.contestant] = stack.enter_context(worker)
            one.load(worker)
            one.run(worker)
        for round_ in range(1, plan.runs + 1):
            for one in turns:
                say(round_, one)
                if one.contestant in workers:
                    one.run(workers[one.contestant])
