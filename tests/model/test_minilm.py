"""The embedding model itself, as it is fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ragcompress.errors import InputError
from ragcompress.models.embedding import EvidenceMiniLM, MiniLM
from ragcompress.scorers.evidence.late_interaction import compare
from ragcompress.training.examples import read_files

pytestmark = pytest.mark.model
ROOT = Path(__file__).parents[2]
TEXTS = ["Anna Lund built the bridge over the fjord in 1902.", "Wheat grows in the south.", "No"]


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


def test_states_are_of_the_tokens_alone(minilm: MiniLM) -> None:
    for ids in minilm.tokenizer.encode(TEXTS):
        states = minilm.states(ids)
        assert states.shape == (len(ids), 384)
        assert states.dtype == np.float32
        assert np.isfinite(states).all()


def test_a_token_of_another_meaning_has_another_state(minilm: MiniLM) -> None:
    river, money = minilm.tokenizer.encode(["the bank of the river", "the bank lent money"])
    ours, other = minilm.states(river)[1], minilm.states(money)[1]
    assert river[1] == money[1]
    assert ours @ other < 0.95 * np.linalg.norm(ours) * np.linalg.norm(other)


def test_no_tokens_no_states(minilm: MiniLM) -> None:
    assert minilm.states([]).shape == (0, 384)


def test_more_tokens_than_it_reads_are_refused(minilm: MiniLM) -> None:
    with pytest.raises(InputError, match="at most 254 tokens at once, not 255"):
        minilm.states([2000] * 255)


def test_the_encoder_of_the_evidence_model_is_another_and_close(minilm: MiniLM) -> None:
    tuned = EvidenceMiniLM()
    assert tuned.name != minilm.name
    for ids in minilm.tokenizer.encode(TEXTS):
        ours, theirs = tuned.states(ids), minilm.states(ids)
        cosines = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        assert cosines.max() < 0.9999
        assert cosines.mean() > 0.3


def test_its_tokens_find_more_of_the_evidence(minilm: MiniLM) -> None:
    """A few questions of many kinds: gold sentences come before others more often."""
    (file,) = read_files([ROOT / "eval" / "data" / "kinds.dev.jsonl.gz"])
    examples = [e for e in file.examples if e.gold][::16]

    def auc(encoder: MiniLM) -> float:
        found = []
        for e in examples:
            vectors = compare(e.question, e.segmentation, encoder)
            assert vectors is not None
            is_gold = np.isin(np.arange(len(e.segmentation.sentences)), e.gold)
            found.append(roc_auc_score(is_gold, vectors.matches @ vectors.weights))
        return float(np.mean(found))

    assert auc(EvidenceMiniLM()) > auc(minilm)
