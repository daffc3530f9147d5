"""What would the probe be without this, or with that?

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

from ragcompress import Attention, load_proxy
from ragcompress.cli.console import phase_bar
from ragcompress.cli.options import Backend, ProxyName
from ragcompress.prompts.passages import ROWS
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.scorers.passage_probe.looks import attention_logits
from ragcompress.training import fitting
from ragcompress.training.augment import augmented
from ragcompress.training.examples import Example
from ragcompress.training.extraction import Reading, extract
from ragcompress.training.train import evidenced, read
from ragcompress_eval.bench.metrics import FloatArray, recall
from ragcompress_eval.bench.runner import Questions, Run, study_command
from ragcompress_eval.bench.study import Condition, Row, Study, mean, pooled_auc

RATIOS = (0.1, 0.2)
METRICS = (
    pooled_auc(),
    *(mean(f"{what}_{ratio}", f"{what} at {ratio:.0%}") for ratio in RATIOS for what in ("recall", "all")),
)
"""AUC over all parts; sentences kept at ``RATIOS``."""
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


class _Fitting:
    """Fits each variant when its first question comes.

    Args:
        train, dev: attention of the questions to fit to, and to measure on.
    """

    def __init__(self, variants: Sequence[Variant], train: Sequence[Reading], dev: Sequence[Reading]) -> None:
        self._variants = {v.name: v for v in variants}
        self._train, self._dev = train, {r.example.id: r for r in dev}
        self._scores: dict[str, dict[str, FloatArray]] = {}

    def measure(self, example: Example, condition: Condition) -> Row:
        """A question's parts and sentences as a variant scores them."""
        if condition.name not in self._scores:
            found = fit(self._variants[condition.name], self._train, list(self._dev.values()))
            self._scores[condition.name] = dict(zip(self._dev, found, strict=True))
        reading, scores = self._dev[example.id], self._scores[condition.name][example.id]
        kept = {ratio: recall(example.gold, keep(reading, scores, ratio)) for ratio in RATIOS}
        values = {f"recall_{ratio}": share for ratio, share in kept.items()}
        values |= {f"all_{ratio}": share == 1 for ratio, share in kept.items()}
        return Row(values, scores.tolist(), fitting.part_labels(reading).tolist())


def fit(variant: Variant, train: Sequence[Reading], dev: Sequence[Reading]) -> list[FloatArray]:
    """Fit a variant; the scores of the parts of each question of ``dev``."""
    n = min(variant.n_questions or len(train), len(train))
    chosen = [train[i * len(train) // n] for i in range(n)]
    shown, asked = [variant.seen(r) for r in chosen], [variant.seen(r) for r in dev]
    if variant.stage == 1:
        arrays = fitting.fit_regressions(shown, variant.settings)
        return [attention_logits(arrays, r.attentions)[:, 0] for r in asked]
    arrays = fitting.fit(shown, replace(variant.settings, outside=0)).arrays
    return [look.probabilities for look in fitting.first_looks(asked, arrays)]


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


@study_command
def ablation_command(
    run: Run,
    train: Annotated[
        list[str],
        typer.Option(
            "--train", metavar="FILE[:N]", help="Training records; with :N the first N; repeatable."
        ),
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
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
) -> None:
    """What would the probe be without this, or with that? Its first look, fitted and measured in variants."""
    variants = [Variant(), *map(Variant.parse, variant)]
    questions = run.read()
    model = load_proxy(proxy, backend=backend, reuse_bytes=0)
    base = fitting.Settings()
    n_layers = fitting.layers_of(base, model.info.n_layers)
    if wide := [v.name for v in variants if (v.n_layers or 1) > n_layers]:
        raise typer.BadParameter(f"{n_layers} layers are read, fewer than {', '.join(wide)}")
    fitted = evidenced([read(name) for name in train])
    asked = tuple(e for e in questions.examples if e.gold)
    with phase_bar() as progress:
        shown, dev = (
            extract(
                examples, model, n_layers=n_layers, passage_tokens=base.passage_tokens, store=store,
                advance=partial(progress, what),
            )
            for what, examples in (
                ("reading training questions", [*fitted, *augmented(fitted, base)]),
                ("reading the questions asked", asked),
            )
        )  # fmt: skip
    conditions = tuple(
        Condition(v.name, {"variant": v.name}, {"": BASE} if v.name != BASE else {}) for v in variants
    )
    study = Study(
        "ablation", "What is it worth?", conditions, _Fitting(variants, shown, dev).measure, METRICS
    )
    settings = {"proxy": model.info.name, "precision": model.info.precision, "n_layers": n_layers}
    run.carry_out(
        study, Questions(questions.files, asked), {**settings, "train": [Path(t).name for t in train]}
    )
