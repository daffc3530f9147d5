"""What does compressing cost? Contestants side by side, on the same passages and question.

Every contestant has a process of its own for every size, so that its peak of memory is its own. First each is
loaded and run once; then all run in turns, one at a time, so that whatever else the machine does meanwhile
falls on all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from typing import Annotated, Any

import typer

from ragcompress import Tokenizer, scorers
from ragcompress.cli.console import note
from ragcompress.cli.options import ProxyName
from ragcompress.models import ModelFolder
from ragcompress.proxy.loading import DEFAULT_PROXY

from ..bench.options import Ratio, check_names
from ..rivals.methods import check_rivals, parse
from ..rivals.processes import RIVALS, CannotRun, Worker, command
from .contestants import CONTESTANTS
from .options import Runs
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


EVERYONE = (*CONTESTANTS, *RIVALS)


def _check_scorer(value: str) -> str:
    return check_names([value], [n for n in scorers.available() if scorers.load(n).needs_proxy])[0]


Counts = Annotated[list[int], typer.Option("--passages", min=1, metavar="N", help="How many passages.")]
Lengths = Annotated[list[int], typer.Option("--tokens", min=1, metavar="N", help="Tokens of a passage.")]
Total = Annotated[
    int | None,
    typer.Option("--max-total", min=1, metavar="N", help="Leave out sizes of more tokens in all."),
]
Names = Annotated[
    list[str],
    typer.Option(
        "--contestant",
        callback=lambda values: check_names(values, EVERYONE),
        metavar="NAME",
        help=f"One of {', '.join(EVERYONE)}. Ratios are to the first.",
    ),
]
Rivals = Annotated[
    list[str],
    typer.Option(
        "--rival",
        callback=lambda values: check_rivals(values, tuple(RIVALS)),
        metavar="NAME=PYTHON",
        help=f"Interpreter of the environment of {', '.join(RIVALS)}.",
    ),
]
ScorerName = Annotated[
    str, typer.Option("--scorer", callback=_check_scorer, metavar="NAME", help="One that reads the proxy.")
]
Most = Annotated[
    int | None,
    typer.Option("--at-most", min=1, metavar="N", help="Keep at most N tokens, whatever the ratio."),
]
Questions = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Ask N questions about the same passages in each run, in turn."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is measured, the same for all sizes and contestants; a group of options."""

    passages: Counts = field(default_factory=lambda: [5, 20, 100])
    tokens: Lengths = field(default_factory=lambda: [100, 300, 1000])
    max_total: Total = None
    runs: Runs = 3
    contestant: Names = field(default_factory=lambda: list(EVERYONE))
    rival: Rivals = field(default_factory=list)
    scorer: ScorerName = scorers.DEFAULT
    ratio: Ratio = 0.2
    at_most: Most = None
    questions: Questions = 1
    proxy: ProxyName = DEFAULT_PROXY

    def sizes(self) -> list[Size]:
        """All combinations, without those that are too large: these are said.

        Raises:
            typer.BadParameter: if none is left.
        """
        sizes = [Size(p, t) for p, t in dict.fromkeys(product(self.passages, self.tokens))]
        fitting = [s for s in sizes if self.max_total is None or s.total <= self.max_total]
        for s in sizes:
            if s not in fitting:
                note(f"left out: {s.passages} × {s.tokens} tokens, more than --max-total {self.max_total}")
        if not fitting:
            raise typer.BadParameter(f"no size has at most {self.max_total} tokens in all")
        return fitting

    def target(self, n_tokens: int) -> int:
        """Tokens that may be kept of so many."""
        kept = max(1, int(n_tokens * self.ratio))
        return kept if self.at_most is None else min(kept, self.at_most)

    def settings(self, folder: ModelFolder, sizes: Sequence[Size]) -> dict[str, Any]:
        """What the results rest on, ready for JSON."""
        names = ("runs", "ratio", "at_most", "questions", "scorer")
        return {
            "sizes": [[s.passages, s.tokens] for s in sizes],
            "contestants": list(self.contestant),
            "reference": self.contestant[0],
            **{name: getattr(self, name) for name in names},
            "proxy": folder.name,
            "proxy_fingerprint": folder.fingerprint,
        }


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
    setup: Setup,
    folder: ModelFolder,
    source: Source,
    sizes: Sequence[Size],
    *,
    progress: Progress = lambda what, done, total: None,
) -> list[Measured]:
    """Measure every contestant at every size, in this order of sizes and, within each, of contestants.

    What can't be measured is in the result too, with the reason.

    Args:
        folder: the proxy's files.
    """
    tokenizer = Tokenizer.from_folder(folder.path)
    rounds = setup.runs + 1
    measured: list[Measured] = []
    for number, size in enumerate(sizes):
        passages = source.passages(tokenizer, size.passages, size.tokens)
        n_tokens = sum(tokenizer.count_all(passages))
        turns = [Measured(contestant, size, n_tokens) for contestant in setup.contestant]

        def say(round_: int, one: Measured, before: int = number * rounds) -> None:
            what = f"{one.size.passages} × {one.size.tokens} tokens: {one.contestant}"
            progress(what, before + round_, len(sizes) * rounds)

        job = _job(setup, source, passages, n_tokens) | {"model_folder": str(folder.path)}
        _take_turns(setup, job, turns, say)
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


def _job(setup: Setup, source: Source, passages: Sequence[str], n_tokens: int) -> dict[str, Any]:
    """What every contestant gets; ``rivals.run`` describes it."""
    return {
        "question": source.question,
        "other_question": source.other_question,
        "further_questions": [source.questions[n % len(source.questions)] for n in range(1, setup.questions)],
        "passages": passages,
        "target_tokens": setup.target(n_tokens),
        "model": setup.proxy,
        "scorer": setup.scorer,
    }


def _take_turns(
    setup: Setup, job: Mapping[str, Any], turns: Sequence[Measured], say: Callable[[int, Measured], None]
) -> None:
    """Load and run all once, then run them in turns; ``say`` is called with the round before each run."""
    pythons = parse(setup.rival)
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for one in turns:
            say(0, one)
            task = {**job, "contestant": one.contestant}
            try:
                worker = Worker(command(one.contestant, pythons), task, ours=one.contestant not in RIVALS)
            except CannotRun as reason:
                one.skipped = str(reason)
                continue
            workers[one.contestant] = stack.enter_context(worker)
            one.load(worker)
            one.run(worker)
        for round_ in range(1, setup.runs + 1):
            for one in turns:
                say(round_, one)
                if one.contestant in workers:
                    one.run(workers[one.contestant])
