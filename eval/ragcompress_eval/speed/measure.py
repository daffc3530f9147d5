"""What does compressing cost? Contestants side by side, on the same passages and question.

Every contestant has a process of its own for every size, so that its peak of memory is its own. First each is
loaded and run once; then all run in turns, one at a time, so that whatever else the machine does meanwhile
falls on all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from ragcompress import Tokenizer
from ragcompress.models import ModelFolder

from .processes import RIVALS, CannotRun, Worker, command
from .texts import Source

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
    """

    model: str
    folder: ModelFolder
    scorer: str
    ratio: float
    runs: int
    pythons: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Measured:
    """One contestant at one size. Times in seconds of wall time, memory in bytes resident.

    Attributes:
        n_tokens: of all passages together, by the proxy's tokenizer.
        runs: the timed ones; none where it was skipped.
        load: building it, with its model.
        first: its first run.
        peak_loaded: memory until it was ready; what another question leaves for reuse is in it.
        peak: memory until the end.
        about: what its timings rest on.
        skipped: why there are no timings; None where there are.
    """

    contestant: str
    size: Size
    n_tokens: int
    runs: tuple[float, ...] = ()
    load: float | None = None
    first: float | None = None
    peak_loaded: int | None = None
    peak: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    skipped: str | None = None


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
    found: list[Measured] = []
    for number, size in enumerate(sizes):
        passages = source.passages(tokenizer, size.passages, size.tokens)
        n_tokens = sum(tokenizer.count_all(passages))
        job = _job(plan, source, passages, n_tokens)
        tell = partial(_tell, progress, size, number * rounds, len(sizes) * rounds)
        found += [t.measured(size, n_tokens) for t in _take_turns(plan, job, contestants, tell)]
    return found


def summarise(measured: Sequence[Measured], *, ratio: float) -> list[dict[str, Any]]:
    """Turn what was measured into results, ready for JSON; ratios are to the first contestant.

    Args:
        measured: of ``measure``.
        ratio: kept ÷ original, as asked for.
    """
    reference = {
        m.size: median(m.runs) for m in measured if m.contestant == measured[0].contestant and m.runs
    }
    return [_result(m, reference.get(m.size), ratio) for m in measured]


def _job(plan: Plan, source: Source, passages: Sequence[str], n_tokens: int) -> dict[str, Any]:
    """What every contestant is told; ``rivals.run`` describes it."""
    return {
        "question": source.question,
        "other_question": source.other_question,
        "passages": passages,
        "target_tokens": max(1, int(n_tokens * plan.ratio)),
        "model": plan.model,
        "model_folder": str(plan.folder.path),
        "scorer": plan.scorer,
    }


def _tell(progress: Progress, size: Size, before: int, total: int, round_: int, contestant: str) -> None:
    progress(f"{size.passages} × {size.tokens} tokens: {contestant}", before + round_, total)


@dataclass(slots=True)
class _Turns:
    """What one contestant's process has answered so far."""

    contestant: str
    worker: Worker | None = None
    loaded: dict[str, Any] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)
    skipped: str | None = None

    def start(self, plan: Plan, job: Mapping[str, Any], stack: ExitStack) -> None:
        """Start the process, load and run once."""
        try:
            own = {**job, "contestant": self.contestant}
            worker = Worker(command(self.contestant, plan.pythons), own, ours=self.contestant not in RIVALS)
            self.worker = stack.enter_context(worker)
            self.loaded = worker.load()
        except CannotRun as reason:
            self.skipped = str(reason)
        self.run()

    def run(self) -> None:
        """Run once, unless it can't."""
        if self.worker is None or self.skipped is not None:
            return
        try:
            self.answers.append(self.worker.run())
        except CannotRun as reason:
            self.skipped = str(reason)

    def measured(self, size: Size, n_tokens: int) -> Measured:
        """The result; a contestant that failed in one run has no timings at all."""
        if self.skipped is not None:
            return Measured(self.contestant, size, n_tokens, skipped=self.skipped)
        first, *rest = self.answers
        return Measured(
            self.contestant,
            size,
            n_tokens,
            tuple(answer["seconds"] for answer in rest),
            self.loaded["seconds"],
            first["seconds"],
            self.loaded["peak_bytes"],
            rest[-1]["peak_bytes"],
            self.loaded["about"],
        )


def _take_turns(
    plan: Plan, job: Mapping[str, Any], contestants: Sequence[str], tell: Callable[[int, str], None]
) -> list[_Turns]:
    """Run all contestants at one size; ``tell`` is called with (round, contestant) before each run."""
    turns = [_Turns(contestant) for contestant in contestants]
    with ExitStack() as stack:
        for one in turns:
            tell(0, one.contestant)
            one.start(plan, job, stack)
        for round_ in range(1, plan.runs + 1):
            for one in turns:
                tell(round_, one.contestant)
                one.run()
    return turns


def _result(m: Measured, reference: float | None, ratio: float) -> dict[str, Any]:
    seconds = median(m.runs) if m.runs else None
    return {
        "contestant": m.contestant,
        "passages": m.size.passages,
        "tokens": m.size.tokens,
        "n_tokens": m.n_tokens,
        "ratio": ratio,
        "n": len(m.runs),
        "seconds": seconds,
        "versus_reference": seconds / reference if seconds is not None and reference else None,
        "tokens_per_second": m.n_tokens / seconds if seconds else None,
        "seconds_runs": list(m.runs),
        "seconds_load": m.load,
        "seconds_first": m.first,
        "peak_bytes_loaded": m.peak_loaded,
        "peak_bytes": m.peak,
        "about": dict(m.about),
        "skipped": m.skipped,
    }
