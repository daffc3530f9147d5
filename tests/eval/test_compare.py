"""``ragcompress-eval compare``: what is worse is told from what chance gives."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ragcompress import InputError
from ragcompress_eval import cli
from ragcompress_eval.bench.compare import compare
from ragcompress_eval.speed import report as speed_report

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


@pytest.fixture
def result(tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str]) -> Path:
    out = tmp_path / "before.json"
    command = ["evidence", str(SAMPLE), "--scorer", "bm25", "--ratio", "0.5", "--proxy", proxy]
    assert cli.main([*command, "--json", str(out)]) == 0
    capsys.readouterr()
    return out


def worsened(before: dict[str, Any]) -> dict[str, Any]:
    """The same run with nothing kept of the fables, three times as slow."""
    after = copy.deepcopy(before)
    for r in (*after["results"], *after["rows"]):
        r["seconds"] *= 3
        if r["dataset"] == "fable" and r["evidence_recall"] is not None:
            r["evidence_recall"] = 0.0
    return after


def test_the_same_run_twice_is_no_change(result: Path) -> None:
    content = json.loads(result.read_text(encoding="utf-8"))
    changes = compare(content, content)
    assert changes and all(c.verdict == "" and c.before == c.after for c in changes)


def test_what_got_worse_is_told_paired_and_times_as_ratios(
    result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads(result.read_text(encoding="utf-8"))
    changes = {c.what: c for c in compare(before, worsened(before))}
    kept = changes["fable, bm25, 0.5: evidence_recall"]
    assert (kept.verdict, kept.after) == ("worse", 0.0)
    assert "5 pairs" in kept.note
    assert changes["open, bm25, 0.5: evidence_recall"].verdict == ""
    assert changes["zh, bm25, 0.5: seconds"].note == "× 3.00"
    back = {c.what: c.verdict for c in compare(worsened(before), before)}
    assert back["fable, bm25, 0.5: evidence_recall"] == "better"
    other = tmp_path / "after.json"
    other.write_text(json.dumps(worsened(before)), encoding="utf-8")
    assert cli.main(["compare", str(result), str(other)]) == 0
    said = capsys.readouterr().out
    assert "numbers got worse, 0 got better" in said and "× 3.00" in said and "open" in said


def test_results_of_other_things_are_refused(
    result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads(result.read_text(encoding="utf-8"))
    for r in (other := copy.deepcopy(before))["results"]:
        r["ratio"] = 0.4
    with pytest.raises(InputError, match="no result in common"):
        compare(before, other)
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    assert cli.main(["compare", str(result), str(tmp_path / "bad.json")]) == 1
    assert "bad.json holds no results" in capsys.readouterr().err


def speed_run(**seconds: float | None) -> dict[str, Any]:
    """What ``speed --json`` writes of one size."""
    size = {"passages": 10, "tokens": 110, "ratio": 0.2}
    results = [{**size, "contestant": name.replace("_", "-"), "seconds": s} for name, s in seconds.items()]
    return {"results": results, "provenance": {}, "study": speed_report.ABOUT}


def test_speed_is_compared_by_the_forward_pass_of_its_own_run() -> None:
    before = speed_run(onnx=1.0, forward_onnx=0.8, minilm=None)
    on_a_slower_machine = speed_run(onnx=3.0, forward_onnx=2.4, minilm=None)
    assert {c.verdict for c in compare(before, on_a_slower_machine)} == {""}
    slower_itself = speed_run(onnx=1.3, forward_onnx=0.8, minilm=None)
    (change,) = [c for c in compare(before, slower_itself) if c.verdict]
    assert (change.what, change.verdict) == ("10, 110, onnx: times_forward_pass", "worse")
    assert change.note == "× 1.30"


def test_without_a_forward_pass_seconds_are_compared() -> None:
    (change,) = compare(speed_run(onnx=1.0), speed_run(onnx=2.0))
    assert (change.what, change.verdict) == ("10, 110, onnx: seconds", "worse")
