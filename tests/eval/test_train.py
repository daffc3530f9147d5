"""Training on the sample with the fake proxy: a probe that loads, resumes, and says what it was made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pytest import MonkeyPatch

from ragcompress import InputError, segment
from ragcompress.data import Document
from ragcompress.scorers.passage_probe import Scorer
from ragcompress.testing import FakeProxy
from ragcompress_eval import fitting, train

pytest.importorskip("sklearn")
SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"
SETTINGS = fitting.Settings(n_layers=2, networks=2, folds=3)


@pytest.fixture
def proxy(monkeypatch: MonkeyPatch) -> FakeProxy:
    fake = FakeProxy()
    monkeypatch.setattr(train, "load_proxy", lambda *_, **__: fake)
    return fake


def test_a_trained_probe_ranks_the_evidence_and_loads_again(proxy: FakeProxy, tmp_path: Path) -> None:
    card = train.run([str(SAMPLE)], tmp_path / "p", proxy="fake", dev=[f"{SAMPLE}:6"], settings=SETTINGS)
    assert json.loads((tmp_path / "p.json").read_text(encoding="utf-8")) == card
    assert card["n_layers"] == 2 and card["proxy"]["fingerprint"] == proxy.info.fingerprint
    assert all(result["auc"] > 0.8 for result in card["dev"].values())
    scorer = Scorer(proxy=proxy, probe=tmp_path / "p")
    scores = scorer.score("Who built the bridge?", segment([Document("Ann built the bridge. It rained.")]))
    assert np.argmax(scores.values) == 0


def test_an_interrupted_run_goes_on_with_what_it_has_read(proxy: FakeProxy, tmp_path: Path) -> None:
    first = train.run([f"{SAMPLE}:8"], tmp_path / "a", proxy="fake", store=tmp_path / "s", settings=SETTINGS)
    asked = len(proxy.prompts)
    again = train.run([f"{SAMPLE}:8"], tmp_path / "b", proxy="fake", store=tmp_path / "s", settings=SETTINGS)
    assert asked > 0 and len(proxy.prompts) == asked, "everything comes from the store"
    assert first == again
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_files_without_evidence_teach_nothing(proxy: FakeProxy, tmp_path: Path) -> None:
    record = json.loads(SAMPLE.read_text(encoding="utf-8").splitlines()[0]) | {"supporting": []}
    (tmp_path / "none.jsonl").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match="nothing to learn"):
        train.run([str(tmp_path / "none.jsonl")], tmp_path / "p", proxy="fake", settings=SETTINGS)
