"""``ragcompress train --scorer evidence`` from files to weights that the scorer takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_probe import fake_probe
from pytest import MonkeyPatch
from shared import Letters
from typer.testing import CliRunner

from ragcompress import InputError, ProbeMismatch, given, probes
from ragcompress.cli.app import app
from ragcompress.probes import ProbeWeights
from ragcompress.proxy.base import ProxyInfo
from ragcompress.scorers.evidence import Scorer
from ragcompress.scorers.evidence.attention_probe import KEY, PREFIX, WEIGHT
from ragcompress.scorers.passage_probe.second_look import Recipe as SecondRecipe
from ragcompress.testing import FakeProxy
from ragcompress.training import evidence
from ragcompress.training.evidence_cases import Settings as FitSettings
from ragcompress.training.evidence_networks import Options
from ragcompress.training.evidence_recipe import Recipe
from ragcompress.training.evidence_second import Second
from ragcompress.training.examples import read_files

pytest.importorskip("sklearn")
SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"
SETTINGS = evidence.Settings(
    n_layers=1,
    passage_tokens=64,
    recipe=Recipe(questions=6, more=(), shaped_first=2, tokens=400),
    retrieved=None,
    fitting=FitSettings(components=8, question_folds=2, network=Options(hidden=2, networks=1, iterations=8)),
    second=Second(SecondRecipe(at_least=0.001, passages=3), spread=4, single=4),
)


def train(output: Path, store: Path) -> dict[str, Any]:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    paths = [output.parent / f"{kind}.train.jsonl" for kind in ("maps", "logs")]
    for k, path in enumerate(paths):
        path.write_text("".join(lines[k::2]), encoding="utf-8")
    files = read_files(paths)
    return evidence.run(
        files,
        output,
        proxy="fake",
        store=store,
        settings=SETTINGS,
        embedders=evidence.Embedders(Letters(), Letters()),
    )


@pytest.fixture
def proxy(monkeypatch: MonkeyPatch) -> FakeProxy:
    fake = FakeProxy()
    monkeypatch.setattr(evidence, "load_proxy", lambda *_, **__: fake)
    return fake


def test_the_head_of_the_shipped_probe_comes_along(
    proxy: FakeProxy, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "shipped_for", lambda info: fake_probe())
    card = train(tmp_path / "p", tmp_path / "store")
    assert card[KEY] == {
        "fingerprint": fake_probe().fingerprint(),
        "n_layers": proxy.info.n_layers,
        "trained_on": [],
    }
    weights = probes.load(tmp_path / "p")
    for name, array in fake_probe().arrays.items():
        assert np.array_equal(weights.arrays[f"{PREFIX}{name}"], array)
    assert weights.arrays[WEIGHT].tolist() == [1.0, 1.5, 0.5]
    made = Scorer(proxy=proxy, probe=weights, embedder=Letters())
    assert made.n_layers == proxy.info.n_layers > made.probe.n_layers
    found = made.look("Who?", given([["It rained."], ["Anna came."]], titles=["Rain", "Anna"]))
    assert np.isfinite(found.looks[0].opinion).all()


def test_without_a_shipped_probe_the_model_does_without_and_a_second_run_reads_nothing(
    proxy: FakeProxy, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    def none(info: ProxyInfo) -> ProbeWeights:
        raise ProbeMismatch("none ships")

    monkeypatch.setattr(evidence, "shipped_for", none)
    card = train(tmp_path / "p", tmp_path / "store")
    assert KEY not in card
    asked = len(proxy.prompts)
    assert train(tmp_path / "q", tmp_path / "store") == card
    assert len(proxy.prompts) == asked
    assert (tmp_path / "p.safetensors").read_bytes() == (tmp_path / "q.safetensors").read_bytes()


def test_kinds_that_are_alike_are_left_out_together_and_others_one_by_one() -> None:
    known = (("maps", "charts"), ("logs",))
    assert evidence.folds_of({"maps", "charts", "new", "b"}, known) == {
        "maps": 0,
        "charts": 0,
        "b": 2,
        "new": 3,
    }
    many = evidence.folds_of({f"k{n}" for n in range(30)}, known)
    assert len(set(many.values())) == 6


def test_one_kind_is_refused() -> None:
    for kinds in ({"maps"}, {"maps", "charts"}, set()):
        with pytest.raises(InputError, match="at least two"):
            evidence.folds_of(kinds, (("maps", "charts"),))


def test_an_embedder_is_refused_where_no_vectors_are_read(tmp_path: Path) -> None:
    options = [
        "train",
        str(tmp_path / "x.jsonl"),
        "-o",
        str(tmp_path / "probe"),
        "--embedder",
        "multilingual",
    ]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert "is for the scorer evidence, not for passage-probe" in " ".join(result.output.split())
