"""``python -m studies askers``: every way does all requests, and is compared with one of its kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragcompress import models
from studies import cli
from studies.askers import rows_of

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


def test_each_way_is_compared_with_the_first_of_its_name() -> None:
    ways = [("a", 1, lambda: 4.0), ("a", 2, lambda: 2.0), ("b", 1, lambda: 8.0)]
    rows = list(rows_of(ways, 8, lambda what, done, total: None))
    assert [(r["way"], r["n"], r["per_second"], r["versus_one"]) for r in rows] == [
        ("a", 1, 2.0, 1.0),
        ("a", 2, 4.0, 2.0),
        ("b", 1, 1.0, 1.0),
    ]


@pytest.mark.model
def test_threads_processes_and_joint_reading_run(default_folder: models.ModelFolder, tmp_path: Path) -> None:
    out = tmp_path / "askers.json"
    few = ["--requests", "2", "--askers", "2", "--workers", "1", "--json", str(out)]
    assert cli.main(["askers", str(SAMPLE), *few]) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert [(r["way"], r["n"]) for r in rows] == [
        ("askers", 2),
        ("together", 1),
        ("together", 2),
        ("together", 4),
        ("workers", 1),
    ]
    assert all(r["requests"] == 2 and r["seconds"] > 0 for r in rows)
