"""``ragcompress-eval batch``: real runs of ``ragcompress batch``, killed and compared. Never how fast."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragcompress.training.examples import read_files
from ragcompress_eval import batch_runs, cli
from ragcompress_eval.batch_runs import Run

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


def test_runs_are_measured_killed_and_compared(
    tmp_path: Path, counting_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    settings = ["--requests", "60", "--workers", "1", "--kills", "1", "--scorer", "bm25", "--json", str(out)]
    arguments = ["batch", str(SAMPLE), "--work", str(tmp_path / "work"), "--proxy", str(counting_folder)]
    assert cli.main([*arguments, *settings]) == 0
    said = capsys.readouterr().out
    assert said.count("the same, byte for byte, but for the seconds") == 2
    assert "DIFFERENT" not in said
    results = json.loads(out.read_text())["results"]
    assert [(r["workers"], r["n_requests"]) for r in results["runs"]] == [(1, 60)]
    assert len(results["kills"]) <= 1


def test_requests_have_documents_of_their_question_and_depend_on_the_seed_alone(tmp_path: Path) -> None:
    read = read_files([SAMPLE])
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        batch_runs.write_requests(read, path, 50, seed=seed)
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
    requests = [json.loads(line) for line in paths[0].read_text().splitlines()]
    assert len({r["id"] for r in requests}) == len(requests) == 50
    assert {len(r["documents"]) for r in requests} <= {1, 2, 3}
    by_question = {e.question: {d.text for d in e.segmentation.documents} for e in read[0].examples}
    assert all(d["text"] in by_question[r["question"]] for r in requests for d in r["documents"])


def test_only_the_seconds_may_differ(tmp_path: Path) -> None:
    lines = ['{"id": 1, "text": "a", "seconds": {"score": 1.5}}\n', '{"id": 1, "text": "b", "seconds": {}}\n']
    lines.append(lines[0].replace("1.5", "2e-05"))
    found = []
    for number, line in enumerate(lines):
        (tmp_path / str(number)).write_text(line)
        found.append(batch_runs.fingerprint(tmp_path / str(number)))
    assert found[0] == found[2] != found[1]


def test_peaks_are_those_of_equal_parts_of_the_run() -> None:
    run = Run(1, 10, 0, 8.0, 8.0, ((0.5, 3), (1.5, 7), (4.5, 5), (8.0, 9)))
    assert run.peaks() == [7, 0, 5, 9]
