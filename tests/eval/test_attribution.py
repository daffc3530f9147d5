"""The studies ``attribution`` and ``sufficiency``: metrics by hand, and the commands on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fake_probe import fake_probe

from ragcompress import Attention, Scores
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.testing import FakeProxy
from ragcompress.training.examples import Example, read_files
from ragcompress_eval.bench.runner import measure_all
from ragcompress_eval.bench.summary import summarise
from studies import attribution, cli, sufficiency

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"
EXAMPLES = read_files([SAMPLE])[0].examples


def test_metrics_by_hand() -> None:
    gold = np.array([True, False, False, True])
    assert attribution.rank(np.array([3.0, 2, 1, 0]), gold) == {"auc": 0.5, "precision_at_2": 0.5}
    assert attribution.rank(np.array([1.0, 0, 0, 1]), gold) == {"auc": 1.0, "precision_at_2": 1.0}
    alone = attribution.rank(np.array([3.0, 2, 1]), np.array([False, True, False]))
    assert alone["precision_at_2"] == 1.0, "there is but one to be found"


def test_signals_by_hand() -> None:
    mass = np.zeros((2, 1, 2, 2), dtype=np.float32)
    mass[1, 0] = [[0.1, 0.1], [0.3, 0.1]]  # the mean over the two heads is 0.2, 0.1
    attentions = [
        Attention(mass, np.array([3, 4]), ("last", "question"), "f"),
        Attention(mass[..., :1], np.array([3]), ("last", "question"), "f"),
    ]
    found = sufficiency.signals(Scores(np.array([0.5, 0.8, 0.0]), "probe"), attentions)
    assert found["highest"] == 0.8 and found["second"] == 0.5
    assert found["expected"] == pytest.approx(1.3)
    assert found["any"] == pytest.approx(0.9)
    assert found["mass"] == pytest.approx(0.3)
    shares = np.array([2, 1, 2]) / 5
    assert found["row focus"] == pytest.approx(1 + (shares * np.log(shares)).sum() / np.log(3))
    shares = np.array([3, 2]) / 5
    assert found["passage focus"] == pytest.approx(1 + (shares * np.log(shares)).sum() / np.log(2))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.id)
def test_without_gold_only_the_gold_documents_are_gone(example: Example) -> None:
    parts = example.segmentation
    gold = sorted({parts.sentences[i].document for i in example.gold})
    for removed, gone in (("all", gold), ("one", gold[-1:] if len(gold) > 1 else [])):
        found = sufficiency.without_gold(example, removed)
        if found is None:
            assert not gone or len(gone) == len(parts.documents)
        else:
            assert found.documents == tuple(d for n, d in enumerate(parts.documents) if n not in gone)
            texts = [s.text for s in parts.sentences if s.document not in gone]
            assert [s.text for s in found.sentences] == texts


def test_passages_are_read_once_and_alike(tmp_path: Path) -> None:
    proxy, plain = FakeProxy(), FakeProxy()
    study = sufficiency.study(Scorer(proxy=proxy, probe=fake_probe()), proxy, store=tmp_path)
    rows = measure_all(study, EXAMPLES)
    results = summarise(study, EXAMPLES, rows, seed=0)
    assert {r["removed"] for r in results} == set(sufficiency.REMOVED)
    assert {r["signal"] for r in results} == set(sufficiency.SIGNALS)
    assert all(0 <= r["auc"] <= 1 for r in results)
    first = [p for p in proxy.prompts if "facts" not in p.row_names]
    assert len(first) == sum(len(e.segmentation.documents) for e in EXAMPLES)
    index, example = next(
        (n, e)
        for n, e in enumerate(EXAMPLES)
        if len({e.segmentation.sentences[i].document for i in e.gold}) > 1
    )
    parts = sufficiency.without_gold(example, "one")
    assert parts is not None
    slow = Scorer(proxy=plain, probe=fake_probe()).score(example.question, parts)
    row = rows["one, expected"][index]
    assert row is not None and row.values["without"] == pytest.approx(slow.values.sum())


def test_without_evidence_there_is_nothing_to_measure() -> None:
    bare = [Example("i", "d", "q?", ("a",), EXAMPLES[0].segmentation, ())]
    study = sufficiency.study(Scorer(proxy=FakeProxy(), probe=fake_probe()), FakeProxy())
    assert summarise(study, bare, measure_all(study, bare), seed=0) == []


def test_attribution_on_a_tiny_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import tiny_models

    folder = tiny_models.save_model("llama", tmp_path / "tiny")
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    command = ["attribution", str(SAMPLE), "--scorer", "raw-attention", "--ratio", "0.6", "--limit", "2"]
    command += ["--proxy", str(folder), "--json", str(out)]
    assert cli.main(command) == 0
    first = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert [r["method"] for r in first] == list(attribution.METHODS)
    assert all(0 <= r[m] <= 1 for r in first for m in ("auc", "precision_at_2"))
    assert "precision at 2" in capsys.readouterr().out
    assert cli.main([*command, "--resume"]) == 0
    assert json.loads(out.read_text(encoding="utf-8"))["results"] == first, "rows are not made again"
