"""Of what tools said, does what a person would keep survive? Logs, traces, diffs, JSON and pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer
from rich.table import Table

from ragcompress import Budget, BudgetTooSmall, Compressor, compress_tool_result, scorers, segment_tool_result
from ragcompress.cli.console import note, out
from ragcompress.cli.options import ScorerName
from ragcompress.errors import DataError
from ragcompress.plan import Plan
from ragcompress.training.examples import read_lines
from ragcompress_eval.bench.options import ResultFile
from ragcompress_eval.bench.results import write_results
from ragcompress_eval.bench.summary import describe, text_table

Method = Callable[["Case", int], str]
RATIOS = [0.1, 0.2]
ABOUT = describe(
    "tool-results",
    "Does what a person would keep survive?",
    ("id", "kind", "method", "budget"),
    {"kept": ("kept", ".3f"), "ratio": ("ratio", ".3f")},
    higher=["kept"],
)


@dataclass(frozen=True, slots=True)
class Case:
    """What a tool said, and what of it a person would keep for a question.

    Attributes:
        kind: ``build``, ``test``, ``trace``, ``service``, ``diff``, ``json`` or ``page``.
        needed: parts of the text, mostly lines, word for word.
        source: where the text is from, and its license.
    """

    id: str
    kind: str
    question: str
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
    texts: dict[str, dict[str, str]] = {}
    cases = []
    for _, line in read_lines(file):
        record = json.loads(line)
        if "text" in record:
            texts[record["id"]] = record
            continue
        of, needed = texts[record["of"]], tuple(record["needed"])
        cases.append(
            Case(record["case"], record["kind"], record["question"], of["text"], needed, of["source"])
        )
    for case in cases:
        if missing := [part for part in case.needed if part not in case.text]:
            raise DataError(f"{file.name}: {case.id} needs {missing[0]!r}, which is not in its text")
    return [case for case in cases if longest is None or len(case.text) <= longest]


def head(case: Case, limit: int, count: Callable[[str], int]) -> str:
    """The first lines that fit."""
    lines = case.text.splitlines(keepends=True)
    return "".join(lines[: _fitting(lines, limit, count)])


def tail(case: Case, limit: int, count: Callable[[str], int]) -> str:
    """The last lines that fit."""
    lines = case.text.splitlines(keepends=True)
    n = _fitting(lines[::-1], limit, count)
    return "".join(lines[len(lines) - n :])


def head_and_tail(case: Case, limit: int, count: Callable[[str], int]) -> str:
    """Half of the room for each end, as agents cut what is too long."""
    return head(case, limit // 2, count) + tail(case, limit // 2, count)


def _fitting(lines: Sequence[str], limit: int, count: Callable[[str], int]) -> int:
    for n, line in enumerate(lines):
        limit -= count(line)
        if limit < 0:
            return n
    return len(lines)


def methods(scorer: str) -> tuple[Compressor, dict[str, Method]]:
    """What is compared, by name; and who counts."""
    reading = Compressor.from_plan(Plan(scorer=scorer))
    words = Compressor(scorers.make("bm25"), counter=reading.count)

    def words_alone(case: Case, limit: int) -> str:
        parts = segment_tool_result(case.text)
        try:
            return words(case.question, parts, budget=Budget(max_tokens=limit)).text
        except BudgetTooSmall:
            return ""

    def whole(compressor: Compressor) -> Method:
        return lambda case, limit: (
            compress_tool_result(compressor, case.text, case.question, budget=Budget(max_tokens=limit)).text
        )

    def cut(how: Callable[[Case, int, Callable[[str], int]], str]) -> Method:
        return lambda case, limit: how(case, limit, reading.count)

    found = {
        "head": cut(head),
        "tail": cut(tail),
        "head and tail": cut(head_and_tail),
        "bm25 alone": words_alone,
        "tool results, words": whole(words),
    }
    if scorer != "bm25":
        found[f"tool results, {scorer}"] = whole(reading)  # alone it would read all of each log
    return reading, found


def measure(cases: Sequence[Case], scorer: str, ratios: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Every case under every method.

    Returns:
        Rows with ``kept``: the share of what is needed that stands in what came out, 0 for what came back
        whole; and ``ratio``: tokens that came out, of those that went in.
    """
    reading, found = methods(scorer)
    for done, case in enumerate(cases):
        before = reading.count(case.text)
        for ratio, (name, method) in product(ratios, found.items()):
            text = method(case, max(1, int(ratio * before)))
            # Where the budget is too small for one unit, the text comes back whole.
            kept = 0.0 if text == case.text else fmean(part in text for part in case.needed)
            about = {"id": case.id, "kind": case.kind, "method": name, "budget": ratio}
            yield {**about, "kept": kept, "ratio": reading.count(text) / before}
        note(f"{done + 1} of {len(cases)}: {case.id}")


CasesFile = Annotated[Path, typer.Argument(metavar="FILE", help="The labeled set.", exists=True)]
Longest = Annotated[
    int | None, typer.Option("--longest", metavar="N", help="Leave out texts of more characters.")
]


def tool_results_command(
    file: CasesFile,
    scorer: ScorerName = scorers.DEFAULT,
    ratio: Annotated[list[float], typer.Option("--ratio", metavar="R", help="Repeatable.")] = RATIOS,
    longest: Longest = None,
    json_file: ResultFile = None,
) -> None:
    """Of what tools said, does what a person would keep survive?"""
    rows = list(measure(read_cases(file, longest), scorer, ratio))
    out().print(table(rows))
    write_results(json_file, rows, about=ABOUT, settings={"scorer": scorer}, scorer=scorer)


def table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Means over all cases, and by kind at the first ratio."""
    kinds = sorted({row["kind"] for row in rows})
    budgets = sorted({row["budget"] for row in rows})
    columns = [
        *((f"at {budget:.0%}", budget, kinds) for budget in budgets),
        *((f"{kind} at {budgets[0]:.0%}", budgets[0], [kind]) for kind in kinds),
    ]
    kept: dict[str, list[str]] = {}
    for name, (_, budget, chosen) in product(dict.fromkeys(row["method"] for row in rows), columns):
        own = [r for r in rows if (r["method"], r["budget"]) == (name, budget) and r["kind"] in chosen]
        kept.setdefault(name, [name]).append(f"{fmean(r['kept'] for r in own):.3f}")
    return text_table(["method", *(title for title, _, _ in columns)], list(kept.values()))
