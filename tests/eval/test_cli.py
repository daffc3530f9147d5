"""``ragcompress-eval`` from end to end: what it writes, where, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shared import written

from ragcompress.training.examples import Example
from ragcompress_eval import cli
from ragcompress_eval.bench import methods, provenance
from ragcompress_eval.quality import evidence

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "tests" / "data" / "questions.jsonl"
CONTRACT = (
    "dataset", "scorer", "ratio", "n", "evidence_recall", "evidence_all", "answer_kept", "auc", "ratio_kept",
    "seconds",
)  # fmt: skip
FREE = ("--scorer", "bm25", "--scorer", "lead", "--scorer", "random")


def evaluate(*arguments: object) -> int:
    return cli.main(["evidence", *map(str, arguments)])


def test_results_hold_the_contract(tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    code = evaluate(SAMPLE, *FREE, "--ratio", 0.3, "--ratio", 0.6, "--proxy", proxy, "--json", out)
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    results = written(out)["results"]
    assert [(r["dataset"], r["scorer"], r["ratio"]) for r in results] == [
        (dataset, scorer, ratio)
        for dataset in ("fable", "open", "zh")
        for scorer in ("bm25", "lead", "random")
        for ratio in (0.3, 0.6)
    ]
    for r in results:
        assert set(CONTRACT) <= set(r)
        assert all(low <= r[m] <= high for m, (low, high) in r["ci"].items())
        assert r["ratio_kept"] <= r["ratio"]
    assert sum(r["n"] for r in results if r["scorer"] == "bm25" and r["ratio"] == 0.3) == 10
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []
    for shown in ("fable", "bm25", "evidence recall", "0.3", "seed 0"):
        assert shown in said.out


def test_provenance_says_what_it_rests_on_and_no_path(tmp_path: Path, proxy: str) -> None:
    out = tmp_path / "out.json"
    assert evaluate(SAMPLE, *FREE, "--limit", 7, "--seed", 5, "--proxy", proxy, "--json", out) == 0
    about = written(out)["provenance"]
    (file,) = about["files"]
    assert (file["name"], file["n_asked"], file["n_read"], file["n_used"]) == ("questions.jsonl", 7, 7, 7)
    assert len(file["sha256"]) == 64
    assert about["settings"]["scorers"]["random"] == {"seed": 5}
    assert about["settings"]["proxy"] == "tiny-model"
    assert about["bootstrap"]["seed"] == 5
    assert {"ragcompress", "numpy", "onnxruntime", "python"} <= set(about["versions"])
    text = out.read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert str(ROOT) not in text


def test_the_same_call_gives_the_same_results(tmp_path: Path, proxy: str) -> None:
    found = []
    for name in ("one.json", "two.json"):
        assert evaluate(SAMPLE, *FREE, "--proxy", proxy, "--json", tmp_path / name) == 0
        found.append([{**r, "seconds": 0} for r in written(tmp_path / name)["results"]])
    assert found[0] == found[1]


def test_joined_documents_are_what_is_compressed(tmp_path: Path, proxy: str) -> None:
    found = []
    for n in (1, 100):
        out = tmp_path / f"{n}.json"
        assert evaluate(SAMPLE, "--scorer", "lead", "--join", n, "--proxy", proxy, "--json", out) == 0
        content = written(out)
        assert content["provenance"]["settings"]["join"] == n
        found.append([r["evidence_recall"] for r in content["results"]])
    assert found[0] != found[1], "the first sentences of one long document are others"


def test_repeated_options_count_once(tmp_path: Path, proxy: str) -> None:
    out = tmp_path / "out.json"
    twice = ("--scorer", "lead", "--scorer", "lead", "--ratio", 0.5, "--ratio", 0.5)
    assert evaluate(SAMPLE, *twice, "--limit", 1, "--proxy", proxy, "--json", out) == 0
    assert len(written(out)["results"]) == 1


def test_bad_records_stop_or_are_skipped(
    tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.jsonl"
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()[:2]
    path.write_text("\n".join([lines[0], *["{"] * 7, lines[1]]), encoding="utf-8")
    assert evaluate(path, "--scorer", "lead", "--proxy", proxy) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "q.jsonl, line 2: not a JSON object" in said.err
    assert said.err.count("\n") == 1
    assert evaluate(path, "--scorer", "lead", "--proxy", proxy, "--on-bad", "skip") == 0
    said = capsys.readouterr()
    assert [line.split(": ")[0] for line in said.err.splitlines()] == ["skipped"] * 6
    assert said.err.endswith("skipped: 2 more\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ratio", "0"), "not in (0, 1]"),
        (("--ratio", "1.5"), "not in (0, 1]"),
        (("--ratio", "nan"), "not in (0, 1]"),
        (("--ratio", "half"), "--ratio"),
        (("--scorer", "bm52"), "bm25"),
        (("--limit", "0"), "--limit"),
        (("--backend", "abacus"), "'onnx', 'torch'"),
        (("--on-bad", "ignore"), "ignore"),
        (("--json", "no-such-folder/out.json"), "folder that exists"),
        (("--json", str(SAMPLE)), "overwrite"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_wrong_usage_ends_with_2(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(SAMPLE, *options) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err


@pytest.mark.parametrize("arguments", [[], ["evidence"], ["evidences"]])
def test_half_a_command_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    capsys.readouterr()


def test_failures_end_with_1_and_one_line(
    tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n", encoding="utf-8")
    for arguments, message in (
        ((tmp_path / "none.jsonl",), "can't be read"),
        ((empty,), "no question that can be used"),
        ((SAMPLE, "--scorer", "lead", "--proxy", str(tmp_path / "none")), "no file or folder"),
        ((SAMPLE, "--scorer", "raw-attention", "--proxy", proxy), "onnx backend"),
    ):
        assert evaluate(*arguments) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert message in said.err
        assert said.err.count("\n") == 1, said.err
    monkeypatch.setattr(evidence, "study", lambda *_, **__: 1 / 0)
    assert evaluate(SAMPLE, "--scorer", "lead", "--proxy", proxy) == 1
    last = capsys.readouterr().err
    assert last.startswith("error: ZeroDivisionError: division by zero")
    assert last.count("\n") == 1


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left(
    tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    out = tmp_path / "results" / "out.json"
    out.parent.mkdir()
    out.write_text("before", encoding="utf-8")
    assert evaluate(SAMPLE, "--scorer", "lead", "--proxy", proxy, "--json", out) == 1
    assert "out.json can't be written: No space left on device" in capsys.readouterr().err
    assert sorted(p.name for p in out.parent.iterdir()) == ["out.json", "out.rows.jsonl"]
    assert out.read_text(encoding="utf-8") == "before"


def test_help_names_the_scorers(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evidence", "--help"]) == 0
    assert "bm25" in capsys.readouterr().out


def test_as_a_module(proxy: str) -> None:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "eval")])
    command = [sys.executable, "-m", "ragcompress_eval", "evidence", str(SAMPLE), "--scorer", "lead"]
    done = subprocess.run(
        [*command, "--proxy", proxy],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "fable" in done.stdout


def test_provenance_without_git_has_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_git", lambda *_: None)
    about = provenance.provenance([], settings={})
    assert about["code"] == {"commit": None}
    assert about["platform"]["cpu"]


def test_an_interrupted_run_goes_on_where_it_was(
    tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "out.json", tmp_path / "whole.json"
    command = (SAMPLE, *FREE, "--ratio", 0.3, "--ratio", 0.6, "--proxy", proxy, "--json")
    assert evaluate(*command, whole) == 0
    compress = methods.ScorerMethod.compress
    asked: list[str] = []

    def until_the_twelfth(self: methods.ScorerMethod, example: Example, targets: Any) -> Any:
        asked.append(example.id)
        if len(asked) == 12:
            raise KeyboardInterrupt
        return compress(self, example, targets)

    monkeypatch.setattr(methods.ScorerMethod, "compress", until_the_twelfth)
    assert evaluate(*command, out) == 130
    assert not out.exists()
    rows = out.with_name("out.rows.jsonl")
    with rows.open("ab") as file:
        file.write(b'{"key":["lead","torn')  # what a killed process leaves
    capsys.readouterr()
    assert evaluate(*command, out) == 1
    assert "out.rows.jsonl holds the rows of an unfinished run" in capsys.readouterr().err
    assert evaluate(*command, out, "--ratio", 0.7, "--resume") == 1
    assert "was begun with ratios = [0.3, 0.6]" in capsys.readouterr().err
    assert evaluate(*command, out, "--resume") == 0
    assert len(asked) == 12 + 30 - 11

    def timeless(path: Path) -> Any:
        content = written(path)
        return [[{**r, "seconds": 0} for r in content[key]] for key in ("results", "rows")]

    assert timeless(out) == timeless(whole)
    assert len(written(out)["provenance"]["sessions"]) == 2
    assert evaluate(*command, out) == 0, "a finished run may be done anew"
    assert len(asked) == 12 + 19 + 30


def test_scorers_take_settings(tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    specs = ("--scorer", "bm25", "--scorer", "bm25:k1=2.5,b=0")
    assert evaluate(SAMPLE, *specs, "--proxy", proxy, "--json", out) == 0
    assert written(out)["provenance"]["settings"]["scorers"] == {
        "bm25": {"k1": 1.2, "b": 0.75},
        "bm25:k1=2.5,b=0": {"k1": 2.5, "b": 0},
    }
    capsys.readouterr()
    assert evaluate(SAMPLE, "--scorer", "bm25:k9=1", "--proxy", proxy) == 1
    assert "'k9'" in capsys.readouterr().err
    assert evaluate(SAMPLE, "--scorer", "bm25:k1", "--proxy", proxy) == 2
    assert evaluate(SAMPLE, "--resume") == 2
