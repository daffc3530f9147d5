"""The embedding model itself, as it is fetched."""

from __future__ import annotations

import numpy as np
import pytest

from ragcompress.errors import InputError
from ragcompress.models.embedding import EvidenceMiniLM, MiniLM

pytestmark = pytest.mark.model
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


def test_its_tokens_of_evidence_are_more_like_the_questions(minilm: MiniLM) -> None:
    asked, evidence, other = minilm.tokenizer.encode(
        ["Who built the bridge over the fjord?", "It was built by Anna Lund.", "It is painted red."]
    )

    def margin(encoder: MiniLM) -> float:
        question, *sentences = (_unit(encoder.states(ids)) for ids in (asked, evidence, other))
        first, second = ((own @ question.T).max(0).mean() for own in sentences)
        return float(first - second)

    assert margin(EvidenceMiniLM()) > margin(minilm)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
