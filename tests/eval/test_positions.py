"""The gold documents moved through the context: nothing but their place changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from http_server import said, serving

from ragcompress.training.examples import Example, read_files
from ragcompress_eval import cli
from ragcompress_eval.quality.answers import movable, move_gold, places

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"
EXAMPLES = read_files([SAMPLE])[0].examples


def gold_texts(example: Example) -> list[str]:
    return [example.segmentation.sentences[i].text for i in example.gold]


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.gold], ids=lambda e: e.id)
@pytest.mark.parametrize("position", [0, 0.3, 0.5, 1])
def test_only_the_place_changes(example: Example, position: float) -> None:
    other = move_gold(example, position)
    assert gold_texts(other) == gold_texts(example)
    assert sorted(d.text for d in other.segmentation.documents) == sorted(
        d.text for d in example.segmentation.documents
    )
    gold = sorted({other.segmentation.sentences[i].document for i in other.gold})
    n_others = len(other.segmentation.documents) - len(gold)
    assert gold == list(range(round(position * n_others), round(position * n_others) + len(gold)))
    assert (other.question, other.answers) == (example.question, example.answers)


def test_questions_without_evidence_or_other_documents_are_left_out() -> None:
    usable = [e for e in EXAMPLES if e.gold and len(e.segmentation.documents) > 1]
    assert [e for e in EXAMPLES if movable(e)] == usable
    assert places(3) == [0.0, 0.5, 1.0]


def test_the_curve_is_measured_and_drawn(
    tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, folder = tmp_path / "out.json", tmp_path / "report"
    with serving(*[said("1931")] * 9) as server:
        code = cli.main([
            "positions", str(SAMPLE), "--limit", "1", "--positions", "3", "--scorer", "bm25",
            "--ratio", "0.5", "--order", "source", "--order", "best-last", "--proxy", proxy,
            "--json", str(out), "--reader", server.url, "--model", "m",
        ])  # fmt: skip
        asked = [body["messages"][0]["content"] for _, body, _ in server.requests]
    assert code == 0
    assert len(set(asked)) == len(asked) < 9, "the same context is not read twice"
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [(r["position"], r["context"], r["order"]) for r in content["results"]] == [
        (place, *condition)
        for place in (0.0, 0.5, 1.0)
        for condition in (("full", None), ("compressed", "source"), ("compressed", "best-last"))
    ]
    full = [r["place"] for r in content["results"] if r["context"] == "full"]
    assert full == sorted(full)
    assert len(content["rows"]) == 9
    assert cli.main(["report", str(out), "-o", str(folder)]) == 0
    assert sorted(p.name for p in folder.iterdir()) == [
        "positions-answer_in_output-fable.png", "positions-f1-fable.png", "report.md",
    ]  # fmt: skip
    capsys.readouterr()
