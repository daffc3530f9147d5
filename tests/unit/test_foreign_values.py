"""Numbers and lists of other libraries are taken for what they are; what is none is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from promises import by_words

from ragcompress import Budget, Compressor, Document, InputError, Plan, read_documents
from ragcompress.scorers import bm25
from ragcompress.stopping import Stop

DOCUMENTS = [Document("The fee is 12 crowns. Larks sing."), Document("It rains a lot.")]


@pytest.mark.parametrize("share", [np.float32(0.5), np.float64(0.5), Decimal("0.5"), Fraction(1, 2), 0.5])
def test_shares_of_any_type_of_numbers(share: Any) -> None:
    for budget in (Budget(ratio=share), Budget(recall=share)):
        assert 0.5 in (budget.ratio, budget.recall)
        assert all(type(v) in (float, type(None)) for v in (budget.ratio, budget.recall))


@pytest.mark.parametrize(
    "share",
    ["0.5", True, np.bool_(True), Decimal("nan"), Decimal("sNaN"), [0.5], 10**400, Fraction(10**400), 1 + 1j],
)
def test_shares_that_are_none_are_refused(share: Any) -> None:
    with pytest.raises(InputError, match="ratio must lie in"):
        Budget(ratio=share)


@pytest.mark.parametrize("half", [np.float32(0.5), Decimal("0.5"), Fraction(1, 2)])
def test_numbers_of_a_plan_may_be_of_any_type(half: Any) -> None:
    plan = Plan(near_repeats=half, abstain_below=half, timeout=half, deadline=half)
    assert plan == Plan(near_repeats=0.5, abstain_below=0.5, timeout=0.5, deadline=0.5)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert 0 < (Stop(half).seconds_left() or 0) <= 0.5


def test_a_name_or_a_path_in_place_of_a_list_is_said_to_be_one() -> None:
    with pytest.raises(InputError, match=r"write \['notes'\]"):
        read_documents("notes")
    with pytest.raises(InputError, match="by name it is made by"):
        Compressor("bm25", counter=by_words)  # type: ignore[arg-type]


def test_scores_that_are_none_are_refused() -> None:
    compressor = Compressor(bm25.Scorer(), counter=by_words)
    with pytest.raises(InputError, match=r"context\.scores\), got list"):
        compressor("Fee?", DOCUMENTS, budget=Budget(max_tokens=5), scores=[1.0, 2.0, 3.0])  # type: ignore[arg-type]


def test_whole_numbers_of_numpy() -> None:
    two = np.int64(2)
    budget = Budget(max_tokens=two, min_per_document=two, max_per_document=two, max_documents=two)  # type: ignore[arg-type]
    assert budget == Budget(max_tokens=2, min_per_document=2, max_per_document=2, max_documents=2)
    assert type(budget.max_tokens) is int
    with pytest.raises(InputError, match="max_documents"):
        Budget(max_tokens=2, max_documents=np.float64(2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [tuple, iter, lambda d: (x for x in d), lambda d: np.array(d, dtype=object)],
)
def test_documents_may_come_in_anything_that_lists_them(make: Callable[[list[Document]], Any]) -> None:
    compressor = Compressor(bm25.Scorer(), counter=by_words, budget=Budget(max_tokens=5))
    assert compressor("What is the fee?", make(DOCUMENTS)).text == "The fee is 12 crowns."


@pytest.mark.parametrize("documents", [5, "text", {"text": "a"}, [["a"]], None, object()])
def test_what_are_no_documents_is_refused(documents: Any) -> None:
    compressor = Compressor(bm25.Scorer(), counter=by_words, budget=Budget(max_tokens=5))
    with pytest.raises(InputError, match="documents"):
        compressor("What is the fee?", documents)


@pytest.mark.parametrize("question", [None, 5, b"fee?", ["fee?"]])
def test_a_question_is_a_text(question: Any) -> None:
    compressor = Compressor(bm25.Scorer(), counter=by_words, budget=Budget(max_tokens=5))
    with pytest.raises(InputError, match="must be a text"):
        compressor(question, DOCUMENTS)
