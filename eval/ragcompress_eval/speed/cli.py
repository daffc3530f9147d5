"""``ragcompress-eval speed``: its options, and what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Annotated, Any

import typer

from ragcompress import RagCompressError, scorers
from ragcompress.cli.console import note, out, phase_bar
from ragcompress.cli.options import ProxyName
from ragcompress.proxy.loading import DEFAULT_PROXY

from ..bench.options import check_names, find_model
from ..bench.runner import study_command
from ..rivals.methods import check_rivals, parse
from ..rivals.processes import RIVALS
from . import measure as speed
from . import report
from .contestants import CONTESTANTS
from .options import Ratio, Runs, Timing

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
class Asked:
    """What is measured; a group of options."""

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

    def sizes(self) -> list[speed.Size]:
        """All combinations, without those that are too large: these are said.

        Raises:
            typer.BadParameter: if none is left.
        """
        sizes = [speed.Size(p, t) for p, t in dict.fromkeys(product(self.passages, self.tokens))]
        fitting = [s for s in sizes if self.max_total is None or s.total <= self.max_total]
        for s in sizes:
            if s not in fitting:
                note(f"left out: {s.passages} × {s.tokens} tokens, more than --max-total {self.max_total}")
        if not fitting:
            raise typer.BadParameter(f"no size has at most {self.max_total} tokens in all")
        return fitting

    def settings(self, plan: speed.Plan, sizes: Sequence[speed.Size]) -> dict[str, Any]:
        """What the results rest on, ready for JSON."""
        return {
            "sizes": [[s.passages, s.tokens] for s in sizes],
            "contestants": list(self.contestant),
            "reference": self.contestant[0],
            "runs": plan.runs,
            "ratio": plan.ratio,
            "at_most": plan.most,
            "questions": plan.questions,
            "scorer": plan.scorer,
            "proxy": plan.folder.name,
            "proxy_fingerprint": plan.folder.fingerprint,
        }


@study_command
def speed_command(asked: Asked, timing: Timing) -> None:
    """What does it cost? Time and memory of contestants side by side, on the same passages and question."""
    sizes = asked.sizes()
    source, read = timing.read()
    folder, pythons = find_model(asked.proxy), parse(asked.rival)
    plan = speed.Plan(
        asked.proxy, folder, asked.scorer, asked.ratio, asked.runs, pythons, asked.at_most, asked.questions
    )
    with phase_bar() as advance:
        measured = speed.measure(plan, source, sizes, asked.contestant, progress=advance)
    results = speed.summarize(measured, ratio=asked.ratio)
    settings = {**asked.settings(plan, sizes), "seed": timing.seed}
    timing.write(results, report.costs, about=report.ABOUT, settings=settings, files=read)
    out().print(report.table(results))
    for line in (*report.growth(results), *report.reasons(results)):
        note(line)
    if all(r["skipped"] is not None for r in results):
        raise RagCompressError("nothing could be measured")
