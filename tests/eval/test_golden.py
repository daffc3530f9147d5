"""Stored results: the JSON of the studies keeps its keys, and the same questions give the same numbers.

The files under ``tests/data/golden`` were written by the harness before it became one bench (commit 1dd9b75).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from http_server import said, serving
from shared import written

from ragcompress import Tokenizer
from ragcompress_eval import cli
from ragcompress_eval.quality import retrieval

DATA = Path(__file__).parents[1] / "data"
SAMPLE = DATA / "questions.jsonl"
RETRIEVAL_KEYS = {
    "dataset", "n", "retrieval_recall", "retrieval_all", "recall", "all", "truncated_recall", "truncated_all",
    "seconds",
}  # fmt: skip


def flat(value: object, place: str = "") -> dict[str, object]:
    """Every leaf by its place, so that numbers can be compared with a tolerance."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in flat(inner, f"{place}/{key}").items()}
    if isinstance(value, list):
        return {k: v for n, inner in enumerate(value) for k, v in flat(inner, f"{place}/{n}").items()}
    return {place: value}


def compare(out: Path, name: str) -> None:
    found, golden = written(out), written(DATA / "golden" / f"{name}.json")
    assert all(set(golden["keys"]["results"]) <= set(r) for r in found["results"])
    assert set(golden["keys"]["provenance"]) <= set(found["provenance"])
    assert all(set(golden["keys"]["files"]) <= set(f) for f in found["provenance"]["files"])
    results, expected = flat(found["results"]), flat(golden["results"])
    assert set(expected) <= set(results)
    for place, value in expected.items():
        # The order in which a machine's BLAS adds up may turn the last digit.
        wanted = pytest.approx(value, rel=1e-12, abs=1e-12) if isinstance(value, float) else value
        assert results[place] == wanted, place


def test_evidence(tmp_path: Path, proxy: str) -> None:
    out = tmp_path / "out.json"
    command = ["evidence", str(SAMPLE), "--scorer", "bm25", "--scorer", "lead", "--scorer", "random"]
    command += ["--ratio", "0.3", "--ratio", "0.6", "--seed", "3", "--proxy", proxy, "--json", str(out)]
    assert cli.main(command) == 0
    compare(out, "evidence")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (
            "answers",
            ["--limit", "4", "--scorer", "bm25", "--scorer", "lead", "--ratio", "0.5", "--ratio", "0.3"],
        ),
        ("positions", ["--limit", "2", "--positions", "3", "--scorer", "bm25", "--ratio", "0.5"]),
    ],
)
def test_what_a_reader_says(name: str, options: list[str], tmp_path: Path, proxy: str) -> None:
    out = tmp_path / "out.json"
    orders = ["--order", "source", "--order", "best-last", "--seed", "3", "--proxy", proxy]
    replies = [said(("1931", "Tromvik", "no idea")[n % 3]) for n in range(200)]
    with serving(*replies) as server:
        reader = ["--reader", server.url, "--model", "m", "--json", str(out)]
        assert cli.main([name, str(SAMPLE), *options, *orders, *reader]) == 0
    compare(out, name)


class Letters:
    """An embedder without a model: a text's vector counts its letters."""

    name = "letters"

    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.from_folder(folder)

    def embed(self, texts: Sequence[str]) -> Any:
        found = np.array([np.bincount([ord(c) % 64 for c in t], minlength=64) for t in texts], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_retrieval(tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "MiniLM", lambda: Letters(Path(proxy)))
    out = tmp_path / "out.json"
    command = ["retrieval", str(SAMPLE), "--work", str(tmp_path / "work"), "--top-k", "6", "--budget", "150"]
    assert cli.main([*command, "--scorer", "bm25", "--proxy", proxy, "--json", str(out)]) == 0
    results = written(out)["results"]
    assert [r["dataset"] for r in results] == ["fable", "open", "zh"]
    assert all(set(r) >= RETRIEVAL_KEYS for r in results)
    compare(out, "retrieval")


def test_retrieval_of_several_scorers_budgets_and_shuffled_lists(
    tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retrieval, "MiniLM", lambda: Letters(Path(proxy)))
    out = tmp_path / "out.json"
    command = ["retrieval", str(SAMPLE), "--work", str(tmp_path / "work"), "--shuffle", "--proxy", proxy]
    command += ["--scorer", "bm25", "--scorer", "lead", "--budget", "150", "--budget", "400"]
    assert cli.main([*command, "--json", str(out)]) == 0
    content = written(out)
    fables = [r for r in content["results"] if r["dataset"] == "fable"]
    assert [(r["scorer"], r["budget"], r["list"]) for r in fables] == [
        (scorer, budget, kind)
        for scorer in ("bm25", "lead")
        for budget in (150, 400)
        for kind in ("ranked", "shuffled")
    ]
    for r in content["results"]:
        assert r["gain"] == pytest.approx(r["recall"] - r["truncated_recall"])
        assert r["of_found"] == pytest.approx(r["recall"] / r["retrieval_recall"])
        assert r["recall"] <= r["retrieval_recall"]
    assert fables[0]["versus"] == {}
    assert fables[1]["versus"]["list"] == "ranked"
    assert fables[4]["versus"]["scorer"] == "bm25"
    assert len(content["means"]) == 8
    assert "mean of sets" in capsys.readouterr().out


def test_a_budget_among_others_keeps_what_it_keeps_alone(
    tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "MiniLM", lambda: Letters(Path(proxy)))
    command = ["retrieval", str(SAMPLE), "--work", str(tmp_path / "work"), "--shuffle", "--proxy", proxy]
    command += ["--scorer", "bm25"]
    results = []
    for name, budgets in (("both", ["--budget", "400", "--budget", "150"]), ("one", ["--budget", "150"])):
        assert cli.main([*command, *budgets, "--json", str(tmp_path / f"{name}.json")]) == 0
        rows = written(tmp_path / f"{name}.json")["results"]
        results.append([(r["list"], r["recall"], r["tokens"]) for r in rows if r["budget"] == 150])
    assert results[0] == results[1]
    assert len(results[0]) > 1
