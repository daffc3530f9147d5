"""``ragcompress-eval ablation``: what would the probe be without this, or with that?

Each variant is fitted to the same questions and measured on the same others. Their attention is read once and
kept (``--store``, which ``ragcompress train`` shares), so that a variant costs no more than its fit. Only the
first look is fitted: what the second reads depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.table import Table

from ragcompress import Attention, load_proxy
from ragcompress.cli.console import out, phase_bar
from ragcompress.cli.options import Backend, ProxyName
from ragcompress.prompts.passages import ROWS
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.scorers.passage_probe.looks import attention_logits
from ragcompress.training import fitting
from ragcompress.training.augment import augmented
from ragcompress.training.extraction import Reading, extract
from ragcompress.training.metrics import auc
from ragcompress.training.train import Progress, evidenced, read

from .bench import options
from .bench.metrics import FloatArray, recall
from .bench.provenance import provenance
from .report import page as report

RATIOS = (0.1, 0.2)
BASE = "as trained"
# Settings that the fit of a first look depends on; the rest is about reading, or about the second look.
_FITTED = {
    "regularisation": float,
    "penalty": float,
    "hidden": int,
    "networks": int,
    "folds": int,
    "seed": int,
}
_NUMBERS = {"layers": "n_layers", "questions": "n_questions", "stage": "stage"}
_KEYS = ("rows", *_NUMBERS, *_FITTED)


@dataclass(frozen=True, slots=True)
class Variant:
    """What is changed.

    Attributes:
        name: as given.
        settings: of the fit.
        rows: those that are looked at.
        n_layers: layers that are, from the first; None: all that were read.
        n_questions: so many of the training questions, evenly chosen; None: all.
        stage: 1: the regression for all questions alone; 2: the networks on all three.
    """

    name: str = BASE
    settings: fitting.Settings = fitting.Settings()  # noqa: RUF009 - frozen
    rows: tuple[str, ...] = ROWS
    n_layers: int | None = None
    n_questions: int | None = None
    stage: int = 2

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read ``KEY=VALUE,KEY=VALUE``; rows are joined with ``+``.

        Raises:
            typer.BadParameter: for what is none.
        """
        found = cls(text)
        for part in text.split(","):
            key, separator, value = part.partition("=")
            if not separator or key not in _KEYS:
                raise typer.BadParameter(f"{part!r} is not KEY=VALUE with one of {', '.join(_KEYS)}")
            try:
                found = found._with(key, value)
            except ValueError:
                raise typer.BadParameter(f"{value!r} is no value for {key}") from None
        return found

    def _with(self, key: str, value: str) -> Variant:
        if key == "rows":
            rows = tuple(value.split("+"))
            if not set(rows) <= set(ROWS):
                raise typer.BadParameter(f"rows are {', '.join(ROWS)}, not {value!r}")
            return replace(self, rows=rows)
        if key in _FITTED:
            settings: dict[str, Any] = {key: _FITTED[key](value)}
            return replace(self, settings=replace(self.settings, **settings))
        number = int(value)
        if number < 1 or (key == "stage" and number > 2):
            raise ValueError
        own: dict[str, Any] = {_NUMBERS[key]: number}
        return replace(self, **own)

    def seen(self, reading: Reading) -> Reading:
        """The reading, with the rows and layers that the variant looks at."""
        return replace(reading, attentions=tuple(self._cut(a) for a in reading.attentions))

    def _cut(self, attention: Attention) -> Attention:
        rows = [attention.rows.index(name) for name in self.rows]
        return replace(attention, mass=attention.mass[rows, : self.n_layers], rows=self.rows)


def measure(
    variant: Variant, train: Sequence[Reading], dev: Sequence[Reading], advance: Progress
) -> list[dict[str, Any]]:
    """Fit a variant; one result per data set of ``dev``."""
    advance(variant.name, 0, 1)
    n = min(variant.n_questions or len(train), len(train))
    chosen = [train[i * len(train) // n] for i in range(n)]
    shown, asked = [variant.seen(r) for r in chosen], [variant.seen(r) for r in dev]
    if variant.stage == 1:
        arrays = fitting.fit_regressions(shown, variant.settings)
        found = [attention_logits(arrays, r.attentions)[:, 0] for r in asked]
    else:
        arrays = fitting.fit(shown, replace(variant.settings, outside=0)).arrays
        found = [look.probabilities for look in fitting.first_looks(asked, arrays)]
    advance(variant.name, 1, 1)
    return summarise(variant.name, dev, found)


def summarise(name: str, readings: Sequence[Reading], scores: Sequence[FloatArray]) -> list[dict[str, Any]]:
    """AUC over all parts, and evidence recall at ``RATIOS``, per data set."""
    results = []
    for dataset in dict.fromkeys(r.example.dataset for r in readings):
        own = [(r, s) for r, s in zip(readings, scores, strict=True) if r.example.dataset == dataset]
        gold = np.concatenate([fitting.part_labels(r) for r, _ in own])
        result = {"variant": name, "dataset": dataset, "n": len(own)}
        result["auc"] = auc(np.concatenate([s for _, s in own]), gold)
        for ratio in RATIOS:
            kept = [recall(r.example.gold, keep(r, s, ratio)) for r, s in own]
            result[f"recall_{ratio}"] = float(np.mean(kept))
            result[f"all_{ratio}"] = float(np.mean([k == 1 for k in kept]))
        results.append(result)
    return results


def keep(reading: Reading, scores: FloatArray, ratio: float) -> set[int]:
    """Sentences that fit into a share of the tokens, best first, their lengths simply added up."""
    sentence = np.array([i for p in reading.passages for i in p.sentences])
    tokens = np.array([end - start for p in reading.passages for start, end in p.spans])
    n = len(reading.example.segmentation.sentences)
    best, length = np.full(n, -np.inf), np.bincount(sentence, tokens, n)
    np.maximum.at(best, sentence, scores)
    left, kept = length.sum() * ratio, set()
    for i in np.argsort(-best, kind="stable"):
        if length[i] <= left:
            left -= length[i]
            kept.add(int(i))
    return kept


def ablation_command(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE[:N]", help="Training records; with :N the first N of them."),
    ],
    dev: Annotated[
        list[str], typer.Option("--dev", metavar="FILE[:N]", help="Records to measure on; repeatable.")
    ],
    store: Annotated[
        Path, typer.Option("--store", metavar="DIR", help="Where attention is kept; train's will do.")
    ],
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant",
            metavar="KEY=VALUE,…",
            help=f"What is changed, of {', '.join(_KEYS)}; repeatable.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    json_file: Annotated[
        Path | None, typer.Option("--json", callback=options.check_output, metavar="OUT", help="Write here.")
    ] = None,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
) -> None:
    """What would the probe be without this, or with that? Its first look, fitted and measured in variants."""
    variants = [Variant(), *map(Variant.parse, variant)]
    model = load_proxy(proxy, backend=backend, reuse_bytes=0)
    base = fitting.Settings()
    n_layers = fitting.layers_of(base, model.info.n_layers)
    wide = [one.name for one in variants if (one.n_layers or 1) > n_layers]
    if wide:
        raise typer.BadParameter(f"{n_layers} layers are read, fewer than {', '.join(wide)}")
    sources, held_out = ([read(name) for name in names] for names in (files, dev))
    questions = evidenced(sources)
    groups = {
        "reading training questions": [*questions, *augmented(questions, base)],
        "reading dev questions": evidenced(held_out),
    }
    results = []
    with phase_bar() as progress:
        train, asked = (
            extract(
                examples, model, n_layers=n_layers, passage_tokens=base.passage_tokens, store=store,
                advance=partial(progress, what),
            )
            for what, examples in groups.items()
        )  # fmt: skip
        for one in variants:
            results += measure(one, train, asked, progress)
    if json_file:
        settings = {"proxy": model.info.name, "precision": model.info.precision, "n_layers": n_layers}
        about = provenance([*sources, *held_out], limit=None, seed=base.seed, settings=settings)
        report.write_json(json_file, {"results": results, "readings": len(train), "provenance": about})
    out().print(table(results))


def table(results: Sequence[dict[str, Any]]) -> Table:
    """Lay out results of ``summarise``."""
    laid = Table(box=box.SIMPLE_HEAD)
    for heading in ("variant", "dataset"):
        laid.add_column(heading)
    for heading in (
        "n",
        "AUC",
        *(f"{what} at {ratio:.0%}" for ratio in RATIOS for what in ("recall", "all")),
    ):
        laid.add_column(heading, justify="right")
    for r in results:
        numbers = [r["auc"], *(r[f"{what}_{ratio}"] for ratio in RATIOS for what in ("recall", "all"))]
        laid.add_row(r["variant"], r["dataset"], str(r["n"]), *(f"{number:.3f}" for number in numbers))
    return laid
