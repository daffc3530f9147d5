"""A study of cases that are no records of questions is run as all others are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from shared import words, written

from ragcompress import Compressor, scorers
from ragcompress_eval.bench.runner import Run
from ragcompress_eval.bench.study import Study
from studies import tool_results

LOG = "".join(f"2026-01-02 11:00:{i % 60:02} INFO heartbeat {i}\n" for i in range(40))
CULPRIT = "2026-01-02 11:05:00 ERROR build failed: no space left on device\n"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    texts = [
        {"id": "log", "text": LOG + CULPRIT + LOG, "source": "made here"},
        {
            "id": "page",
            "text": "The fee is 12 crowns. " + "Boats leave at nine. " * 30,
            "source": "made here",
        },
    ]
    cases = [
        {"of": "log", "case": "log-why", "kind": "build", "question": "Why did the build fail?",
         "needed": [CULPRIT.strip()]},
        {"of": "page", "case": "page-fee", "kind": "page", "question": "How much is the fee?",
         "needed": ["12 crowns"]},
    ]  # fmt: skip
    path = tmp_path / "tool_results.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in [*texts, *cases]), encoding="utf-8")
    return path


@pytest.fixture
def compressor() -> Compressor:
    return Compressor(scorers.make("bm25"), counter=words)


def carry_out(made: Study, path: Path, parse: Any, **options: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows by case and method."""
    run = Run(files=[path], json_file=path.with_name("out.json"), **options)
    run.carry_out(made, run.read(parse=parse), {})
    label = next(iter(made.conditions[-1].labels.keys() - {"ratio", "budget"}))
    return {(row["id"], row[label]): row for row in written(path.with_name("out.json"))["rows"]}


def test_tool_results_are_kept_by_the_words_and_not_by_their_ends(logs: Path, compressor: Compressor) -> None:
    made = tool_results.study(compressor, [0.2])
    rows = carry_out(made, logs, tool_results.read_cases)
    kept = {key: row["kept"] for key, row in rows.items()}
    assert kept["log-why", "tool results, words"] == 1
    assert kept["log-why", "head"] == kept["log-why", "tail"] == 0
    assert kept["page-fee", "tool results, words"] == 1
    assert {row["dataset"] for row in rows.values()} == {"build", "page"}
    assert carry_out(made, logs, tool_results.read_cases, resume=True) == rows
    assert {case for case, _ in carry_out(made, logs, tool_results.read_cases, skip=1)} == {"page-fee"}
    assert len(tool_results.read_cases(logs, longest=1_000)) == 1
