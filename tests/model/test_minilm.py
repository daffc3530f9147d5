"""The embedding model itself, as it is fetched."""

from __future__ import annotations

import numpy as np
import pytest

from ragcompress.errors import InputError
from ragcompress.models.embedding import MiniLM

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
