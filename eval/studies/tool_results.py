"""Of what tools said, does what a person would keep survive? Logs, traces, diffs, JSON and pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

from ragcompress import Budget, BudgetTooSmall, Compressor, compress_tool_result, scorers, segment_tool_result
from ragcompress.cli.options import ScorerName
from ragcompress.errors import DataError
from ragcompress.plan import Plan
from ragcompress.training.examples import Example, read_lines
from ragcompress_eval.bench.runner import Run, study_command
from ragcompress_eval.bench.study import Condition, Row, Study, mean, once_per_question, plain

Method = Callable[["Case", int], str]
RATIOS = [0.1, 0.2]
METRICS = (mean("kept", "kept"), plain("ratio", "ratio"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Example):
    """What a tool said, and what of it a person would keep for a question.

    Its data set is the kind: ``build``, ``test``, ``trace``, ``service``, ``diff``, ``json`` or ``page``.

    Attributes:
        text: what it said.
        needed: parts of the text, mostly lines, word for word.
        source: where the text is from, and its license.
    """

    text: str
    needed: tuple[str, ...]
    source: str


def read_cases(file: Path, longest: int | None = None) -> list[Case]:
    """Read the labeled set: texts (``id``, ``text``, ``source``), and cases (``of`` a text, ``case`` …).

    Args:
        longest: characters; cases of longer texts are left out.

    Raises:
        DataError: if what is needed does not stand in the text.
    """
    records = [json.loads(line) for _, line in read_lines(file)]
    texts = {r["id"]: r for r in records if "text" in r}
    cases = [
        Case(
            id=r["case"],
            dataset=r["kind"],
            question=r["question"],
            answers=tuple(r["needed"]),
            segmentation=segment_tool_result(texts[r["of"]]["text"]),
            gold=(),
            text=texts[r["of"]]["text"],
            needed=tuple(r["needed"]),
            source=texts[r["of"]]["source"],
        )
        for r in records
        if "of" in r
    ]
    for case in cases:
        if missing := [part for part in case.needed if part not in case.text]:
            raise DataError(f"{file.name}: {case.id} needs {missing[0]!r}, which is not in its text")
    return [case for case in cases if longest is None or len(case.text) <= longest]


def ends(text: str, limit: int, count: Callable[[str], int], *, last: bool = False) -> str:
    """The first lines that fit, or the last ones."""
    step = -1 if last else 1
    kept: list[str] = []
    for line in text.splitlines(keepends=True)[::step]:
        limit -= count(line)
        if limit < 0:
            break
        kept.append(line)
    return "".join(kept[::step])


def methods(reading: Compressor) -> dict[str, Method]:
    """What is compared, by name; ``reading`` counts for all."""
    words, count = Compressor(scorers.make("bm25"), counter=reading.count), reading.count

    def words_alone(case: Case, limit: int) -> str:
        try:
            return words(case.question, case.segmentation, budget=Budget(max_tokens=limit)).text
        except BudgetTooSmall:
            return ""

    def whole(compressor: Compressor) -> Method:
        return lambda case, limit: (
            compress_tool_result(compressor, case.text, case.question, budget=Budget(max_tokens=limit)).text
        )

    by_name: dict[str, Method] = {
        "head": lambda case, limit: ends(case.text, limit, count),
        "tail": lambda case, limit: ends(case.text, limit, count, last=True),
        "head and tail": lambda case, limit: (  # as agents cut what is too long
            ends(case.text, limit // 2, count) + ends(case.text, limit // 2, count, last=True)
        ),
        "bm25 alone": words_alone,
        "tool results, words": whole(words),
    }
    if (scorer := reading.scorer.name) != "bm25":
        by_name[f"tool results, {scorer}"] = whole(reading)  # alone it would read all of each log
    return by_name


def study(reading: Compressor, ratios: Sequence[float]) -> Study:
    """Methods × ratios.

    A row has ``kept``: the share of what is needed that stands in what came out, 0 for what came back whole;
    and ``ratio``: tokens that came out, of those that went in.
    """
    by_name = methods(reading)
    conditions = tuple(
        Condition(f"{name}, {ratio:g}", {"method": name, "budget": ratio})
        for ratio, name in product(dict.fromkeys(ratios), by_name)
    )

    @once_per_question
    def tokens(case: Case) -> int:
        return reading.count(case.text)

    def measure(case: Case, condition: Condition) -> Row:
        name, ratio = condition.labels.values()
        text = by_name[str(name)](case, max(1, int(float(ratio or 1) * tokens(case))))
        # Where the budget is too small for one unit, the text comes back whole.
        kept = 0.0 if text == case.text else fmean(part in text for part in case.needed)
        return Row({"kept": kept, "ratio": reading.count(text) / tokens(case)})

    return Study("tool-results", "Does what a person would keep survive?", conditions, measure, METRICS)


Longest = Annotated[
    int | None, typer.Option("--longest", metavar="N", help="Leave out texts of more characters.")
]


@study_command
def tool_results_command(
    run: Run,
    scorer: ScorerName = scorers.DEFAULT,
    ratio: Annotated[list[float], typer.Option("--ratio", metavar="R", help="Repeatable.")] = RATIOS,
    longest: Longest = None,
) -> None:
    """Of what tools said, does what a person would keep survive?"""
    questions = run.read(parse=lambda path: read_cases(path, longest))
    made = study(Compressor.from_plan(Plan(scorer=scorer)), ratio)
    run.carry_out(made, questions, {"scorer": scorer, "longest": longest})
