"""Training of the joint scorers on the sample with the fake proxy, and what it is made of."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from pytest import MonkeyPatch

from ragcompress import InputError, given
from ragcompress.scorers import retrieval_heads, sentinel
from ragcompress.testing import FakeProxy
from ragcompress.training import train, train_joint
from ragcompress.training.examples import read_files

pytest.importorskip("sklearn")
SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"
SCORERS = {"sentinel": sentinel.Scorer, "retrieval-heads": retrieval_heads.Scorer}


@pytest.fixture
def proxy(monkeypatch: MonkeyPatch) -> FakeProxy:
    fake = FakeProxy(n_layers=5, n_heads=4, max_tokens=4096)
    monkeypatch.setattr(train_joint, "load_proxy", lambda *_, **__: fake)
    monkeypatch.setattr(train_joint, "N_HEADS", 3)
    return fake


@pytest.mark.parametrize("name", SCORERS)
def test_weights_are_written_load_again_and_rank_the_evidence(
    proxy: FakeProxy, tmp_path: Path, name: str
) -> None:
    store = tmp_path / "store"
    files, dev = train.read_all([f"{SAMPLE}:8"]), train.read_all([f"{SAMPLE}:4"])
    card = train_joint.run(name, files, tmp_path / "p", proxy="fake", dev=dev, store=store)
    written = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert written == {**card, "checksum": written["checksum"]}
    assert card["scorer"] == name and card["trained_on"][0]["questions"] == 7  # one of the 8 has no evidence
    scorer = SCORERS[name](proxy=proxy, probe=tmp_path / "p")
    (measured,) = card["dev"].values()
    assert measured.pop("questions") == 4
    assert all((0.6 if name == "sentinel" else 0) < value <= 1 for value in measured.values())
    assert scorer.score("Who?", given([["It rained."]])).values.shape == (1,)
    asked = len(proxy.prompts)
    again = train_joint.run(name, files, tmp_path / "q", proxy="fake", store=store)
    assert len(proxy.prompts) == asked, "everything comes from the store"
    # Sums of equal numbers differ in their last digits where BLAS has another place for them in memory.
    assert again | {"settings": None} == card | {"dev": {}, "settings": None}
    assert (tmp_path / "p.safetensors").read_bytes() == (tmp_path / "q.safetensors").read_bytes()


def test_weights_are_those_of_the_regression(proxy: FakeProxy) -> None:
    """Scaled features give the same decisions as the weights that are stored."""
    draw = np.random.default_rng(0)
    seen = []
    for _ in range(12):
        values = draw.random((9, 6)).astype(np.float32) / 50
        gold = values[:, 2] > np.sort(values[:, 2])[-3]
        seen.append(train_joint.Seen(values, np.full(9, 50.0), gold, "d"))
    arrays, _ = train_joint.KINDS["sentinel"].fit(seen, proxy)
    for name in ("plain", "invariant"):
        assert int(np.argmax(arrays[f"{name}.weight"])) == 2
    # The features differ by the factor 50 alone, and the regression standardizes them.
    assert arrays["plain.weight"] == pytest.approx(50 * arrays["invariant.weight"], rel=1e-3)
    measured = train_joint.KINDS["sentinel"].measure(seen, arrays)
    assert measured["auc_plain"] == measured["auc_invariant"] > 0.95


def test_the_heads_that_rank_the_evidence_are_chosen(proxy: FakeProxy) -> None:
    draw = np.random.default_rng(1)
    seen = []
    for _ in range(6):
        values = draw.random((12, 20)).astype(np.float32)
        gold = np.arange(12) < 2
        values[:2, [3, 9, 17]] += 1
        seen.append(train_joint.Seen(values, np.full(12, 50.0), gold, "d"))
    arrays, about = train_joint.KINDS["retrieval-heads"].fit(seen, proxy)
    assert np.argwhere(arrays["heads"]).tolist() == [[0, 3], [2, 1], [4, 1]]
    assert about["layer_head_ndcg"] == [[0, 3, 1.0], [2, 1, 1.0], [4, 1, 1.0]]


def test_ndcg_by_hand() -> None:
    gold = np.array([False, True, False, True] + [False] * 9)
    values = np.array([3.0, 2.0, 1.0, -9.0] + [0.0] * 9)  # evidence at ranks 2 and 13
    assert train_joint.ndcg(values, gold) == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))
    assert train_joint.ndcg(-values, gold) == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert train_joint.ndcg(values, np.zeros(13, dtype=np.bool_)) == 0


def test_contexts_are_short_and_keep_their_evidence() -> None:
    tokenizer = FakeProxy().tokenizer
    for example in read_files([SAMPLE])[0].examples:
        short = train_joint.capped(example, tokenizer, 250)
        old, new = example.segmentation, short.segmentation
        assert [new.sentences[i].text for i in short.gold] == [old.sentences[i].text for i in example.gold]
        needed = {new.sentences[i].document for i in short.gold}
        extra = [d for n, d in enumerate(new.documents) if n not in needed]
        size = sum(tokenizer.count(f"{d.title or ''} {d.text}") for d in new.documents)
        assert not extra or size <= 250
        assert [d for d in old.documents if d in new.documents] == list(new.documents)
        assert train_joint.capped(example, tokenizer, 10**6).segmentation == old


def test_sentences_are_shuffled_within_their_documents_and_evidence_goes_along() -> None:
    for example in read_files([SAMPLE])[0].examples:
        parts, gold = train_joint.shuffled(example, 0)
        assert train_joint.shuffled(example, 0) == (parts, gold)
        old = example.segmentation
        for d in range(len(old.documents)):
            texts = [sorted(s.text for s in p.sentences if s.document == d) for p in (old, parts)]
            assert texts[0] == texts[1]
        marked = sorted(parts.sentences[i].text for i in gold)
        assert marked == sorted(old.sentences[i].text for i in example.gold)


def test_files_without_evidence_teach_nothing(proxy: FakeProxy, tmp_path: Path) -> None:
    record = json.loads(SAMPLE.read_text(encoding="utf-8").splitlines()[0]) | {"supporting": []}
    (tmp_path / "none.jsonl").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match="nothing to learn"):
        train_joint.run(
            "sentinel", train.read_all([str(tmp_path / "none.jsonl")]), tmp_path / "p", proxy="fake"
        )
