"""Of what tools said, does what a person would keep survive? Logs, traces, diffs, JSON and pages."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ragcompress import Budget, BudgetTooSmall, Compressor, compress_tool_result, scorers, segment_tool_result
from ragcompress.cli.console import note, out
from ragcompress.errors import DataError
from ragcompress.plan import Plan
from ragcompress_eval.bench.options import ResultFile
from ragcompress_eval.bench.results import write_json

Method = Callable[["Case", int], str]
RATIOS = [0.1, 0.2]


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


@dataclass(frozen=True, slots=True)
class Row:
    """One case under one method.

    Attributes:
        kept: share of what is needed that stands in what came out; 0 for what came back whole.
        ratio: tokens that came out, of those that went in.
    """

    id: str
    kind: str
    method: str
    budget: float
    kept: float
    ratio: float


def read_cases(file: Path) -> list[Case]:
    """Read the labeled set: texts (``id``, ``text``, ``source``), and cases (``of`` a text, ``case`` …).

    Raises:
        DataError: if what is needed does not stand in the text.
    """
    texts: dict[str, dict[str, str]] = {}
    cases = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            if "text" in record:
                texts[record["id"]] = record
                continue
            of = texts[record["of"]]
            needed = tuple(record["needed"])
            cases.append(
                Case(record["case"], record["kind"], record["question"], of["text"], needed, of["source"])
            )
    for case in cases:
        if missing := [part for part in case.needed if part not in case.text]:
            raise DataError(f"{file.name}: {case.id} needs {missing[0]!r}, which is not in its text")
    return cases


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


def measure(cases: Sequence[Case], scorer: str, ratios: Sequence[float]) -> Iterator[Row]:
    """Every case under every method."""
    reading, found = methods(scorer)
    for done, case in enumerate(cases):
        before = reading.count(case.text)
        for ratio in ratios:
            limit = max(1, int(ratio * before))
            for name, method in found.items():
                text = method(case, limit)
                kept = sum(part in text for part in case.needed) / len(case.needed)
                if text == case.text:  # too small a budget for one unit: it came back whole
                    kept = 0.0
                yield Row(case.id, case.kind, name, ratio, kept, reading.count(text) / before)
        note(f"{done + 1} of {len(cases)}: {case.id}")


def tool_results_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The labeled set.", exists=True)],
    scorer: Annotated[str, typer.Option("--scorer", metavar="NAME", help="What reads.")] = scorers.DEFAULT,
    ratio: Annotated[
        list[float] | None, typer.Option("--ratio", metavar="R", help="Repeatable; 0.1 and 0.2.")
    ] = None,
    longest: Annotated[
        int | None, typer.Option("--longest", metavar="N", help="Leave out texts of more characters.")
    ] = None,
    json_file: ResultFile = None,
) -> None:
    """Of what tools said, does what a person would keep survive?"""
    cases = [case for case in read_cases(file) if longest is None or len(case.text) <= longest]
    rows = list(measure(cases, scorer, ratio or RATIOS))
    out().print(table(rows))
    if json_file is not None:
        content = {"scorer": scorer, "results": [asdict(row) for row in rows]}
        write_json(json_file, content)


def table(rows: Sequence[Row]) -> Table:
    """Means over all cases, and by kind at the first ratio."""
    kinds = sorted({row.kind for row in rows})
    budgets = sorted({row.budget for row in rows})
    titles = [f"at {budget:.0%}" for budget in budgets] + [f"{kind} at {budgets[0]:.0%}" for kind in kinds]
    made = Table("method", *titles, box=None, header_style="bold")
    for name in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == name]
        cells = [_mean([r.kept for r in own if r.budget == budget]) for budget in budgets]
        cells += [_mean([r.kept for r in own if (r.budget, r.kind) == (budgets[0], k)]) for k in kinds]
        made.add_row(name, *cells)
    return made


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.3f}" if values else ""
