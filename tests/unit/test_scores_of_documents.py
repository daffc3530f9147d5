"""The retriever's score of a document."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ragcompress import Document, InputError, score_by_rank


@pytest.mark.parametrize("score", [0, -3, 0.5, np.float32(0.5), np.int64(2)])
def test_any_real_number_is_a_score(score: float) -> None:
    document = Document("A.", score=score)
    assert document.score == float(score) and type(document.score) is float


@pytest.mark.parametrize("score", [math.nan, math.inf, True, np.True_, "1", 1j])
def test_anything_else_is_refused(score: object) -> None:
    with pytest.raises(InputError, match="finite number"):
        Document("A.", score=score)  # type: ignore[arg-type]


def test_a_ranked_list_without_numbers_gets_some() -> None:
    documents = [Document("A."), Document("B.", score=7.0), Document("C.", metadata={"k": 1})]
    ranked = score_by_rank(documents)
    assert [d.score for d in ranked] == [1.0, 1 / 2, 1 / 3]
    assert [d.text for d in ranked] == ["A.", "B.", "C."] and ranked[2].metadata == {"k": 1}
    assert documents[1].score == 7.0
