"""``ragcompress calibrate``, end to end over the fake proxy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_probe import fake_probe
from pytest import MonkeyPatch
from typer.testing import CliRunner

from ragcompress.calibration import load
from ragcompress.cli.app import app
from ragcompress.proxy import loading
from ragcompress.testing import FakeProxy

pytest.importorskip("sklearn")
SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


@pytest.fixture
def probe(monkeypatch: MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr(loading, "load_proxy", lambda *_, **__: FakeProxy())
    fake_probe().save(tmp_path / "probe")
    return str(tmp_path / "probe")


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["calibrate", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, result.stderr


def test_a_calibration_is_made_and_read_from_the_store(probe: str, tmp_path: Path) -> None:
    made = tmp_path / "made.json"
    common = ["--recall", "0.7", "--store", tmp_path / "store", "--scorer", "passage-probe", "--probe", probe]
    code, told, _ = run(SAMPLE, "-o", made, *common)
    assert code == 0
    summary = json.loads(told)
    evidence = [c for c in load(made).cases if c.evidence and c.group.ranked == "unranked"]
    assert summary["with_evidence"] == len(evidence) > 0
    assert [row["recall"] for row in summary["promises"]] == [0.8, 0.9, 0.95, 0.98]
    assert list((tmp_path / "store").rglob("*.safetensors"))
    assert run(SAMPLE, "-o", tmp_path / "again.json", *common)[0] == 0
    assert load(tmp_path / "again.json") == load(made)


def test_what_no_calibration_can_be_made_of_is_refused(probe: str, tmp_path: Path) -> None:
    common = ["--scorer", "passage-probe", "--probe", probe]
    code, _, told = run(SAMPLE, "-o", tmp_path / "x.json", "--recall", "0.999", *common)
    assert code == 1 and "at least 999" in told
    code, _, told = run(SAMPLE, "-o", tmp_path / "x.json", "--scorer", "bm25")
    assert code == 1 and "no probabilities" in told
    code, _, told = run(SAMPLE, "-o", tmp_path / "x.json", "--recall", "1", *common)
    assert code == 2 and "between 0 and 1" in told
    assert not (tmp_path / "x.json").exists()


def test_an_output_that_cannot_be_is_refused_before_any_work(probe: str, tmp_path: Path) -> None:
    questions = tmp_path / "mine.jsonl"
    questions.write_bytes(SAMPLE.read_bytes())
    common = ["--recall", "0.7", "--store", tmp_path / "store", "--scorer", "passage-probe", "--probe", probe]
    code, _, told = run(questions, "-o", tmp_path / "no" / "x.json", *common)
    assert code == 2 and "is not a file in a folder that exists" in told
    code, _, told = run(questions, "-o", questions, *common)
    assert code == 2 and "would be written over a document that is read" in told
    assert questions.read_bytes() == SAMPLE.read_bytes()
    assert not (tmp_path / "store").exists()


def test_answers_stand_in_for_marks(probe: str, tmp_path: Path) -> None:
    made = tmp_path / "made.json"
    code, told, _ = run(
        SAMPLE, "-o", made, "--answers", "--recall", "0.5", "--scorer", "passage-probe", "--probe", probe
    )
    assert code == 0 and json.loads(told)["labels"] == "answers"
