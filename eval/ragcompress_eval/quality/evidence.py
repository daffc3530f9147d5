"""Does the evidence survive compression? Methods against data sets that say which sentences are evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import typer

from ragcompress import Budget, scorers
from ragcompress.cli.options import DEFAULT_RATIO
from ragcompress.training.augment import joined, untitled
from ragcompress.training.examples import Example

from ..bench import options
from ..bench.methods import Context, Method, Target, compress_once
from ..bench.metrics import answer_kept, gold_sentences, recall, survival, words
from ..bench.runner import Run, study_command
from ..bench.study import Condition, Row, Study, count, mean, plain, pooled_auc
from ..rivals.methods import Rivals, build_methods

DEFAULT_SCORERS = (scorers.DEFAULT, "bm25", "lead", "random")
METRICS = (
    plain("ratio_kept", "kept"),
    mean("evidence_recall", "evidence recall"),
    mean("evidence_all", "all evidence"),
    mean("evidence_words"),
    mean("answer_kept", "answer kept"),
    pooled_auc(),
    plain("seconds", "s/question", better="lower"),
    count("n_evidence", "evidence_recall"),
    count("n_answers", "answer_kept"),
    count("n_nothing_fits", "nothing_fits", true=True),
    count("n_too_long", "too_long", true=True),
)
"""Evidence and AUC are over the questions with a gold sentence, answers over those with an answer."""


def study(
    methods: Mapping[str, Method], budgets: Sequence[Budget], near_repeats: Sequence[float] = ()
) -> Study:
    """Methods × budgets × shares that near repeats lose (none: they count in full).

    Differences are from the first share of the same method, and between methods from the first one, at the
    same budget.
    """
    targets = [Target(b, near_repeats=w) for b in budgets for w in near_repeats or (0.0,)]
    compress = {name: compress_once(method, targets) for name, method in methods.items()}
    first = next(iter(methods))
    places: dict[str, tuple[str, int]] = {}
    conditions = []
    for name in methods:
        for index, target in enumerate(targets):
            budget, share = target.budget, target.near_repeats if near_repeats else None
            plain = near_repeats[0] if near_repeats else None
            reference = _name(name if share != plain else first, budget, plain)
            full_name = _name(name, budget, share)
            labels = {"scorer": name, "ratio": budget.ratio, "recall": budget.recall, "near_repeats": share}
            conditions.append(Condition(full_name, labels, {} if full_name == reference else {"": reference}))
            places[full_name] = name, index

    def measure(example: Example, condition: Condition) -> Row | None:
        name, index = places[condition.name]
        compressed = compress[name](example)
        context = compressed.contexts[index]
        if context is None:
            return None
        scores = () if compressed.scores is None else compressed.scores.tolist()
        gold = np.isin(np.arange(len(scores)), example.gold).tolist()
        return Row(_look(example, context), scores, gold, compressed.settings)

    return Study("evidence", "Does the evidence survive?", tuple(conditions), measure, METRICS)


def _name(scorer: str, budget: Budget, near_repeats: float | None) -> str:
    aim = f"recall {budget.recall:g}" if budget.ratio is None else f"ratio {budget.ratio:g}"
    return f"scorer {scorer!r}, {aim}" + ("" if near_repeats is None else f", near repeats {near_repeats:g}")


def _look(example: Example, context: Context) -> dict[str, float | bool | None]:
    """Look for the evidence and the answers.

    Returns:
        ``evidence_recall``: share of the gold sentences kept; where the method doesn't keep the data's
        sentences, of those whose words all stand in the text, in order and with nothing between.
        ``evidence_words``: mean over the gold sentences of ``metrics.survival``, from the text alone.
        ``answer_kept``: whether an answer occurs in the text (``metrics.answer_kept``).
    """
    share = surviving = None
    if example.gold:
        inside = words(context.text)
        shares = [survival(words(s.text), inside) for s in gold_sentences(example)]
        surviving = float(np.mean(shares))
        whole = [i for i, s in zip(example.gold, shares, strict=True) if s == 1]
        share = recall(example.gold, whole if context.kept is None else context.kept)
    return {
        "evidence_recall": share,
        "evidence_all": None if share is None else share == 1,
        "evidence_words": surviving,
        "answer_kept": answer_kept(context.text, example.answers),
        "ratio_kept": context.ratio,
        "seconds": context.seconds,
        "nothing_fits": not context.fits and not context.ratio,
        "too_long": not context.fits and context.ratio > 0,
    }


@study_command
def evidence_command(
    run: Run,
    proxied: options.Proxied,
    scorer: options.ScorerNames = list(DEFAULT_SCORERS),  # noqa: B006 - typer copies it
    ratio: options.Ratios = [],  # noqa: B006
    recall: options.Recalls = [],  # noqa: B006
    near_repeats: Annotated[
        list[float],
        typer.Option(
            "--near-repeats",
            metavar="W",
            min=0,
            max=1,
            help="What near repeats lose, in [0, 1]; above 0: scorers with vectors.",
        ),
    ] = [],  # noqa: B006
    rival: Rivals = [],  # noqa: B006
    join: Annotated[
        int,
        typer.Option(
            "--join", metavar="N", min=1, help="Make every N documents one long one, without title."
        ),
    ] = 1,
    titles: Annotated[
        bool, typer.Option("--titles/--no-titles", help="Whether the documents keep their titles.")
    ] = True,
) -> None:
    """Does the evidence survive? Compress every question with every scorer, and look."""

    def shape(example: Example) -> Example:
        example = example if titles else untitled(example)
        return joined(example, join) if join > 1 else example

    questions = run.read(change=shape)
    ratios = ratio or ([] if recall else [DEFAULT_RATIO])
    budgets = [*(Budget(ratio=r) for r in ratios), *(Budget(recall=r) for r in recall)]
    model = proxied.find()
    settings: dict[str, object] = {"ratios": ratios, "recalls": recall, "join": join, "titles": titles}
    settings |= {"order": "source", **({"near_repeats": near_repeats} if near_repeats else {})}
    with build_methods(scorer, rival, model, seed=run.seed) as methods:
        run.carry_out(study(methods, budgets, near_repeats), questions, {**settings, **model.settings})
