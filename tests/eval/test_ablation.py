"""Variants of the probe, fitted to attention that was read once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ragcompress.testing import FakeProxy
from ragcompress.training.extraction import extract
from ragcompress.training.train import evidenced, read
from studies import ablation
from studies.ablation import BASE, Variant, keep
from studies.cli import main

pytest.importorskip("sklearn")
SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> FakeProxy:
    fake = FakeProxy()
    monkeypatch.setattr(ablation, "load_proxy", lambda *_, **__: fake)
    return fake


def test_variants_are_fitted_and_nothing_is_read_twice(
    proxy: FakeProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "ablation",
        str(SAMPLE),
        "--limit",
        "6",
        "--train",
        str(SAMPLE),
        "--store",
        str(tmp_path / "kept"),
    ]
    variants = ["--variant", "stage=1", "--variant", "rows=last+question,layers=1,networks=1"]
    assert main([*command, *variants, "--json", str(tmp_path / "out.json")]) == 0
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [r["variant"] for r in results] == [BASE, "stage=1", "rows=last+question,layers=1,networks=1"]
    assert results[1]["versus"]["variant"] == BASE
    assert all(0.5 < r["auc"] <= 1 and r["all_0.2"] <= r["recall_0.2"] for r in results)
    assert results[0]["auc"] != results[1]["auc"] != results[2]["auc"]
    assert "stage=1" in capsys.readouterr().out
    n_prompts = len(proxy.prompts)
    assert main(command) == 0
    assert len(proxy.prompts) == n_prompts


@pytest.mark.parametrize(
    ("variant", "wrong"),
    [
        ("rows=first", "rows are last"),
        ("depth=3", "KEY=VALUE"),
        ("layers=two", "no value"),
        ("stage=3", "no value"),
    ],
)
def test_a_variant_that_is_none_is_refused(
    proxy: FakeProxy, tmp_path: Path, variant: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "ablation",
        str(SAMPLE),
        "--train",
        str(SAMPLE),
        "--store",
        str(tmp_path),
        "--variant",
        variant,
    ]
    assert main(command) == 2
    assert wrong in capsys.readouterr().err
    assert not proxy.prompts


def test_rows_and_layers_are_cut_out(proxy: FakeProxy) -> None:
    (reading, *_) = extract(evidenced([read(str(SAMPLE))])[:1], proxy, n_layers=2, passage_tokens=64)
    cut = Variant.parse("rows=question+last,layers=1").seen(reading)
    for whole, part in zip(reading.attentions, cut.attentions, strict=True):
        assert part.rows == ("question", "last")
        names = [whole.rows.index(name) for name in part.rows]
        np.testing.assert_array_equal(part.mass, whole.mass[names, :1])


def test_the_best_that_fit_are_kept(proxy: FakeProxy) -> None:
    (reading, *_) = extract(evidenced([read(str(SAMPLE))])[:1], proxy, n_layers=1, passage_tokens=64)
    n = len(reading.example.segmentation.sentences)
    scores = np.arange(n, dtype=np.float64)
    assert keep(reading, scores, 1.0) == set(range(n))
    few = keep(reading, scores, 0.5)
    assert n - 1 in few and len(few) < n
