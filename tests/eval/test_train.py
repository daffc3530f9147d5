"""Training on the sample with the fake proxy: a probe that loads, resumes, and says what it was made of."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from pytest import MonkeyPatch

from ragcompress import InputError, segment
from ragcompress.data import Document
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.scorers.passage_probe.second_look import Recipe
from ragcompress.testing import FakeProxy
from ragcompress.training import fitting, train

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
    written = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert written == {**card, "checksum": written["checksum"]}
    assert card["n_layers"] == 2 and card["proxy"]["fingerprint"] == proxy.info.fingerprint
    assert all(result["auc"] > 0.8 for result in card["dev"].values())
    assert card["second_look"] == asdict(Recipe()) and card["settings"]["second_questions"] == 150
    scorer = Scorer(proxy=proxy, probe=tmp_path / "p")
    assert scorer.probe.arrays["second.look.weight"].shape == (3, 3 * 8 * 2 * 2), (
        "experts; kinds, rows, layers, heads"
    )
    scores = scorer.score("Who built the bridge?", segment([Document("Ann built the bridge. It rained.")]))
    assert np.argmax(scores.values) == 0


def test_without_a_second_look_there_are_no_weights_for_it(proxy: FakeProxy, tmp_path: Path) -> None:
    once = replace(SETTINGS, second_look=None)
    card = train.run([str(SAMPLE)], tmp_path / "p", proxy="fake", settings=once)
    assert "second_look" not in card
    assert not any(
        name.startswith("second.") for name in Scorer(proxy=proxy, probe=tmp_path / "p").probe.arrays
    )
    assert all("facts" not in p.row_names for p in proxy.prompts)


def test_the_second_look_is_fitted_to_so_many_questions_of_each_set(proxy: FakeProxy, tmp_path: Path) -> None:
    few = replace(SETTINGS, second_questions=3, untitled_every=0)
    train.run([str(SAMPLE)], tmp_path / "p", proxy="fake", settings=few)
    asked = {p.tail[-60:] for p in proxy.prompts if "facts" in p.row_names}
    sets = {json.loads(line)["dataset"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()}
    assert 0 < len(asked) <= 3 * len(sets)


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
