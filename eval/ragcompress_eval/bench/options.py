"""Options that several commands share, and their checks. What is wrong with them is wrong usage (exit 2)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ragcompress import InputError, Proxy, Scorer, Tokenizer, load_proxy, models, scorers
from ragcompress.cli.console import byte_bar
from ragcompress.cli.options import (
    CONVERTING,
    Backend,
    Precision,
    ProxyName,
    check_name,
    check_output,
    parse_setting,
)
from ragcompress.models import ModelFolder
from ragcompress.proxy.loading import BACKENDS, DEFAULT_PROXY
from ragcompress.training.examples import OnBad


def check_ratios(values: list[float]) -> list[float]:
    """Refuse ratios outside (0, 1]; those given twice count once."""
    for value in values:
        if not 0 < value <= 1:
            raise typer.BadParameter(f"{value} is not in (0, 1]")
    return list(dict.fromkeys(values))


def check_names(
    values: list[str], known: Collection[str], name: Callable[[str], str] = lambda value: value
) -> list[str]:
    """Refuse what is none of those known; those given twice count once.

    Args:
        name: what of a value has to be known.
    """
    for value in values:
        check_name(name(value), known)
    return list(dict.fromkeys(values))


def check_scorers(values: list[str]) -> list[str]:
    """Refuse names that are none, and settings that are not ``KEY=VALUE``; those given twice count once."""
    for value in values:
        _parse(value)
    return check_names(values, scorers.available(), lambda value: _parse(value)[0])


Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="Records, .jsonl or .jsonl.gz.")]
ScorerNames = Annotated[
    list[str],
    typer.Option(
        "--scorer",
        callback=check_scorers,
        metavar="NAME",
        help=f"One of {', '.join(scorers.available())}; with settings, NAME:KEY=VALUE,KEY=VALUE.",
    ),
]
Ratios = Annotated[
    list[float],
    typer.Option(
        "--ratio",
        callback=check_ratios,
        metavar="R",
        help="Share of the tokens to keep, in (0, 1] (without --recall: 0.2).",
    ),
]
Ratio = Annotated[
    float,
    typer.Option(
        callback=lambda value: check_ratios([value])[0],
        metavar="R",
        help="Share of the tokens to keep, in (0, 1].",
    ),
]
Recalls = Annotated[
    list[float],
    typer.Option(
        "--recall",
        callback=check_ratios,
        metavar="P",
        help="Recall to aim at, in (0, 1]; for scorers whose scores are probabilities.",
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Read only the first N records of each file.")
]
Skip = Annotated[int, typer.Option(min=0, metavar="N", help="Pass over the first N records of each file.")]
By = Annotated[
    Literal["dataset", "lang", "all"],
    typer.Option(help="What the questions of one line of the table have in common."),
]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        callback=check_output,
        metavar="OUT",
        help="Write results and provenance here; each row goes at once to OUT.rows.jsonl.",
    ),
]
ResultFile = Annotated[
    Path | None,
    typer.Option("--json", callback=check_output, metavar="OUT", help="Write results and provenance here."),
]
PlotFile = Annotated[
    Path | None, typer.Option("--plot", callback=check_output, metavar="PNG", help="Draw the results.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue with the rows of an earlier run of --json OUT.")
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of the bootstrap, and of scorers that draw.")]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", help="Where the default scorer's attention is kept, as for train."
    ),
]
BadRecords = Annotated[
    OnBad, typer.Option(help="What a malformed record, or a question that can't be compressed, does.")
]


def check_apart(option: str, target: Path | None, files: Sequence[Path]) -> None:
    """See that a result overwrites no file of questions.

    Raises:
        typer.BadParameter: if it would.
    """
    if target and any(target.resolve() == f.resolve() for f in files):
        raise typer.BadParameter(f"{option} would overwrite a file of questions")


def build_scorers(names: Sequence[str], loaded: Callable[[], Proxy], seed: int) -> dict[str, Scorer]:
    """Build the scorers.

    Args:
        loaded: gives the proxy, the same each time; called only if one of them needs it.

    Returns:
        By what was asked for; a path among the settings is shortened to its last part.

    Raises:
        InputError: for a setting that a scorer doesn't have, or two scorers that would go by one name.
    """
    built: dict[str, Scorer] = {}
    for spec in names:
        name, settings = _parse(spec)
        if "seed" in inspect.signature(scorers.load(name)).parameters:
            settings.setdefault("seed", seed)
        label = re.sub(r"(?<==)[^,]*", lambda text: Path(text[0]).name, spec)
        if label in built:
            raise InputError(f"two scorers would both be called {label!r}: rename a file")
        built[label] = scorers.make(name, proxy=loaded, **settings)
    return built


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxied:
    """Which proxy; a group of options (``runner.study_command``)."""

    proxy: ProxyName = DEFAULT_PROXY
    backend: Backend = None
    precision: Precision = None

    def find(self) -> ProxyModel:
        """Find the proxy's files, or fetch them with a bar."""
        folder = find_model(self.proxy)
        settings = {
            "proxy": folder.name,
            "proxy_fingerprint": folder.fingerprint,
            "backend": self.backend or BACKENDS[0],
            **({"precision": self.precision} if self.precision else {}),
        }
        load = cache(partial(load_proxy, self.proxy, backend=self.backend, precision=self.precision))
        names = {self.proxy: folder.name}
        return ProxyModel(folder, Tokenizer.from_folder(folder.path), load, settings, names)


@dataclass(frozen=True, slots=True)
class ProxyModel:
    """The proxy of a study: its files at once, the model itself when a scorer first reads it.

    Attributes:
        settings: for the results.
        names: what stands in results instead of a path that the user gave.
    """

    folder: ModelFolder
    counter: Tokenizer
    load: Callable[[], Proxy]
    settings: Mapping[str, Any]
    names: Mapping[str, str]


def find_model(name: str) -> ModelFolder:
    """Find a model's files, or fetch them with a bar."""
    with byte_bar(f"downloading {name}", CONVERTING) as progress:
        return models.resolve(name, progress=progress)


def _parse(spec: str) -> tuple[str, dict[str, Any]]:
    """A scorer's name and settings."""
    name, _, settings = spec.partition(":")
    return name, dict(map(parse_setting, settings.split(","))) if settings else {}
