"""Options that several commands share, and their checks. What is wrong with them is wrong usage (exit 2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import scorers
from ..data import Budget
from ..errors import InputError
from ..proxy.loading import BACKENDS, DEFAULT_PROXY
from ..selection import ordering
from .console import byte_bar

if TYPE_CHECKING:
    from ..compressor import Compressor
    from ..proxy.reuse import KeyValueStore

DEFAULT_RATIO = 0.2
CONVERTING = "unpacking and converting it (once)"


class Format(StrEnum):
    """How a result is written."""

    text = "text"
    json = "json"
    md = "md"


class Told(StrEnum):
    """How an explanation is written."""

    text = "text"
    json = "json"


class Engine(StrEnum):
    """Where the workers of a batch are."""

    local = "local"
    ray = "ray"


SCORERS = tuple(scorers.available())


def _one_of(value: str | None, known: tuple[str, ...]) -> str | None:
    if value is not None and value not in known:
        raise typer.BadParameter(f"{value!r} is none of: {', '.join(known)}")
    return value


def _check_scorer(value: str) -> str | None:
    return _one_of(value, SCORERS)


def _check_compare(value: str | None) -> str | None:
    return _one_of(value, SCORERS)


def _check_order(value: str) -> str | None:
    return _one_of(value, ordering.ORDERS)


def _check_backend(value: str | None) -> str | None:
    return _one_of(value, BACKENDS)


def _check_output(value: Path | None) -> Path | None:
    if value is not None and (value.is_dir() or not value.absolute().parent.is_dir()):
        raise typer.BadParameter(f"{value} is not a file in a folder that exists")
    return value


BudgetTokens = Annotated[
    int | None,
    typer.Option("--budget", metavar="N", min=1, help="Keep at most N tokens of rendered text."),
]
Ratio = Annotated[
    float | None,
    typer.Option(
        "--ratio",
        metavar="R",
        help=f"Keep at most this share of the tokens, 0 < R <= 1 (if no budget is given: {DEFAULT_RATIO}).",
    ),
]
Recall = Annotated[
    float | None,
    typer.Option(
        "--recall",
        metavar="P",
        help="Keep the fewest sentences that are expected to hold this share of what is needed, 0 < P <= 1.",
    ),
]
Order = Annotated[
    str,
    typer.Option(
        "--order",
        metavar="NAME",
        callback=_check_order,
        help=f"Order of the kept sentences: {', '.join(ordering.ORDERS)}.",
    ),
]
ScorerName = Annotated[
    str,
    typer.Option(
        "--scorer",
        metavar="NAME",
        callback=_check_scorer,
        help=f"What ranks the sentences: {', '.join(SCORERS)}.",
    ),
]
ProxyName = Annotated[
    str,
    typer.Option(
        "--proxy",
        metavar="NAME",
        help="Small language model: a name of `models list`, a local folder, a .gguf file, or a hub id. "
        "Its tokenizer counts.",
    ),
]
Backend = Annotated[
    str | None,
    typer.Option("--backend", metavar="NAME", callback=_check_backend, help=f"{' or '.join(BACKENDS)}."),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", metavar="NAME", help="Of the proxy's products with weights: float32, int8 or int7."
    ),
]
ProbePath = Annotated[
    Path | None,
    typer.Option(
        "--probe", metavar="PROBE", help="Trained weights for the scorer (without: those that ship)."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", callback=_check_output, help="Write here, not to stdout."),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", callback=_check_output, help="Write a report too: what was kept, and why."
    ),
]
Compare = Annotated[
    str | None,
    typer.Option(
        "--compare", metavar="NAME", callback=_check_compare, help="Scorer to show beside in --html."
    ),
]
IndexPath = Annotated[
    Path | None,
    typer.Option("--index", metavar="IDX", help="Search this index, made by `index build`, for passages."),
]
DEFAULT_TOP_K = 50
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k",
        metavar="K",
        min=1,
        help=f"Passages to take from the index ({DEFAULT_TOP_K} if not given).",
    ),
]
OutputFormat = Annotated[
    Format,
    typer.Option(
        "--format", help="Plain text, JSON with source offsets and scores, or Markdown with citations."
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", metavar="N", min=1, help="Processes, each with the model and its share of the cores."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a run that was cut short, if there is one.")
]
EngineName = Annotated[
    Engine, typer.Option("--engine", help="Workers on this machine, or on a Ray cluster (extra `ray`).")
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="ADDRESS", help="Ray: the cluster's (without: one on this machine)."),
]
Cpus = Annotated[
    float, typer.Option("--cpus", metavar="N", min=0.1, help="Ray: cores that each worker takes.")
]
Gpus = Annotated[float, typer.Option("--gpus", metavar="N", min=0, help="Ray: GPUs that each worker takes.")]
MarkGaps = Annotated[bool, typer.Option("--mark-gaps", help="Write […] where sentences were left out.")]
KeepTogether = Annotated[
    bool, typer.Option("--keep-together", help="Put whole documents in order, not single sentences.")
]
Headings = Annotated[bool, typer.Option("--headings", help="Keep the heading above a kept sentence, too.")]
MaxFileSize = Annotated[
    int,
    typer.Option("--max-file-size", metavar="MB", min=1, help="Leave larger files out, packed or unpacked."),
]


@dataclass(frozen=True, slots=True)
class Setup:
    """How to compress: what ``load`` builds a compressor from."""

    scorer: str = scorers.DEFAULT
    proxy: str = DEFAULT_PROXY
    backend: str | None = None
    probe: Path | None = None
    order: str = "source"
    format: Format = Format.text
    mark_gaps: bool = False
    headings: bool = False
    precision: str | None = None
    keep_together: bool = False

    def load(self, *, threads: int | None = None, store: KeyValueStore | None = None) -> Compressor:
        """Build the compressor; a model that is not on this machine is fetched, with a bar."""
        from ..compressor import Compressor

        with byte_bar(f"downloading {self.proxy}", CONVERTING) as progress:
            return Compressor.from_pretrained(
                **self.arguments(), progress=progress, threads=threads, store=store
            )

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of ``Compressor.from_pretrained``."""
        return {
            "proxy": self.proxy,
            "scorer": self.scorer,
            "scorer_settings": {} if self.probe is None else {"probe": str(self.probe)},
            "backend": self.backend,
            "precision": self.precision,
            "order": self.order,
            "keep_together": self.keep_together,
            "format": "md" if self.format is Format.md else "text",
            "mark_gaps": self.mark_gaps,
            "headings": self.headings,
        }


def make_budget(max_tokens: int | None, ratio: float | None, recall: float | None = None) -> Budget:
    """The budget that the options name.

    Raises:
        typer.BadParameter: if more than one is given, or a value makes no sense.
    """
    missing = [max_tokens, ratio, recall].count(None)
    if missing == 3:
        return Budget(ratio=DEFAULT_RATIO)
    if missing < 2:
        raise typer.BadParameter("give one of --budget, --ratio and --recall")
    try:
        return Budget(max_tokens, ratio, recall)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


def check_question(question: str) -> None:
    """Refuse a blank question.

    Raises:
        typer.BadParameter: if it is one.
    """
    if not question.strip():
        raise typer.BadParameter("the question is empty")
