"""Options of ``speed`` and ``savings``: which text is taken, how often it is timed, where results go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragcompress.training.examples import DataFile, read_files

from ..bench.options import PlotFile, ResultFile, check_apart
from ..bench.plots import figure_class, save
from ..bench.results import Result, write_results
from .texts import Source, from_files, from_samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Records to take text from (without: the package's samples)."),
]
Runs = Annotated[int, typer.Option(min=1, metavar="N", help="Timed runs of each, after a first.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of the order of the documents.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Which text is taken, and where results go; a group of options."""

    files: Files = None
    json_file: ResultFile = None
    plot_file: PlotFile = None
    seed: Seed = 0

    def read(self) -> tuple[Source, tuple[DataFile, ...]]:
        """Read the text to cut passages from, and see first that what is asked for can be written.

        Raises:
            typer.BadParameter: if a result would overwrite what is read.
            MissingExtra: if the plot needs it.
            InputError: if the files hold no question.
        """
        for option, target in (("--json", self.json_file), ("--plot", self.plot_file)):
            check_apart(option, target, self.files or ())
        if self.plot_file:
            figure_class()
        read = read_files(self.files or ())
        return from_files(read, seed=self.seed) if read else from_samples(seed=self.seed), read

    def write(
        self,
        results: Sequence[Result],
        draw: Callable[[Sequence[Result]], Figure],
        **content: Any,
    ) -> None:
        """Write what is wanted of the JSON (``write_results``) and the plot."""
        write_results(self.json_file, results, **content)
        if self.plot_file and results:
            save(draw(results), self.plot_file)
