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

from .speed_processes import RIVALS, CannotRun, Worker, command
from .speed_texts import Source

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


@dataclass(slots=True)
class Measured:
    """One contestant at one size. Times in seconds of wall time, memory in bytes resident.

    Attributes:
        n_tokens: of all passages together, by the proxy's tokenizer.
        load: building it, with its model.
        first: its first run.
        runs: those after.
        peak_loaded: memory until it was ready; what another question leaves for reuse is in it.
        peak: memory until the end.
        about: what its timings rest on.
        skipped: why there are no timings; None where there are.
    """

    contestant: str
    size: Size
    n_tokens: int
    load: float | None = None
    first: float | None = None
    runs: list[float] = field(default_factory=list)
    peak_loaded: int | None = None
    peak: int | None = None
    about: dict[str, Any] = field(default_factory=dict)
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
    found: list[Measured] = []
    rounds = plan.runs + 1
    for number, size in enumerate(sizes):

        def tell(round_: int, contestant: str, number: int = number, size: Size = size) -> None:
            what = f"{size.passages} × {size.tokens} tokens: {contestant}"
            progress(what, number * rounds + round_, len(sizes) * rounds)

        passages = source.passages(tokenizer, size.passages, size.tokens)
        n_tokens = sum(tokenizer.count_all(passages))
        job = _job(plan, source, passages, n_tokens)
        found += _measure_size(plan, job, [Measured(c, size, n_tokens) for c in contestants], tell)
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


def _measure_size(
    plan: Plan, job: Mapping[str, Any], measured: list[Measured], tell: Callable[[int, str], None]
) -> list[Measured]:
    """Fill in what is measured at one size; ``tell`` is called with (round, contestant) before each run."""
    with ExitStack() as stack:
        running: list[tuple[Measured, Worker]] = []
        for m in measured:
            tell(0, m.contestant)
            try:
                worker = _start(plan, job, m.contestant)
                running.append((m, stack.enter_context(worker)))
                _first(m, worker)
            except CannotRun as reason:
                m.skipped = str(reason)
        for round_ in range(1, plan.runs + 1):
            for m, worker in running:
                if m.skipped is None:
                    tell(round_, m.contestant)
                    _again(m, worker)
    return measured


def _start(plan: Plan, job: Mapping[str, Any], contestant: str) -> Worker:
    own = {**job, "contestant": contestant}
    return Worker(command(contestant, plan.pythons), own, ours=contestant not in RIVALS)


def _first(m: Measured, worker: Worker) -> None:
    loaded = worker.load()
    m.load, m.peak_loaded, m.about = loaded["seconds"], loaded["peak_bytes"], loaded["about"]
    m.first = worker.run()["seconds"]


def _again(m: Measured, worker: Worker) -> None:
    """One timed run; a contestant that fails in one has no timings at all."""
    try:
        answer = worker.run()
    except CannotRun as reason:
        m.skipped, m.runs = str(reason), []
        return
    m.runs.append(answer["seconds"])
    m.peak = answer["peak_bytes"]


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
        "seconds_runs": m.runs,
        "seconds_load": m.load,
        "seconds_first": m.first,
        "peak_bytes_loaded": m.peak_loaded,
        "peak_bytes": m.peak,
        "about": m.about,
        "skipped": m.skipped,
    }
