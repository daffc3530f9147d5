"""The order attention-sort: documents, best last, under the budget (its oracle is with the joint scorers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from shared import QUESTION

from ragcompress import AttentionSort, Budget, Compressor, Document, InputError
from ragcompress.prompts.passages import Prompt
from ragcompress.scorers.lead import Scorer as Lead
from ragcompress.selection.ordering import order_as_documents
from ragcompress.testing import FakeProxy
from ragcompress.text.segmentation import given

DOCUMENTS = [
    Document("Anna Lund built the bridge. It is red.", title="One"),
    Document("Ferries leave at noon. The fjord is deep.", title="Two"),
    Document("The bridge is long. Nobody counts the boats.", title="Three"),
]


def compressor(**settings: Any) -> Compressor:
    return Compressor(Lead(), counter=len, proxy=FakeProxy(), **settings)


def documents_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line in ("One", "Two", "Three")]


def test_what_is_looked_at_most_comes_last() -> None:
    context = compressor(order="attention-sort")(QUESTION, DOCUMENTS, budget=Budget(ratio=1.0))
    assert documents_of(context.text) == ["Two", "Three", "One"]
    assert "Anna Lund built the bridge. It is red." in context.text, "inside a document, source order"
    assert context.order == "attention-sort"
    assert context.settings["order"] == {"name": "attention-sort", "repeats": 3, "pool": "sum"}
    assert context.seconds["order"] >= 0


def test_another_budget_keeps_the_order() -> None:
    context = compressor(order="attention-sort")(QUESTION, DOCUMENTS, budget=Budget(ratio=1.0))
    assert context.layout is not None and context.layout.documents == (1, 2, 0)


def test_it_reads_again_until_nothing_moves() -> None:
    proxy = FakeProxy()
    parts = given([["The bridge was built."], ["Boats."]])
    assert AttentionSort(repeats=9).documents(proxy, QUESTION, parts, (0, 1)) == (1, 0)
    assert len(proxy.prompts) == 2
    assert AttentionSort(repeats=1).documents(proxy, QUESTION, parts, (0, 1)) == (1, 0)
    assert len(proxy.prompts) == 3


def test_one_document_needs_no_reading() -> None:
    proxy = FakeProxy()
    assert AttentionSort().documents(proxy, QUESTION, given([["A."], ["B.", "C."]]), (1, 2)) == (1,)
    assert proxy.prompts == ()


def test_only_what_is_kept_is_read() -> None:
    proxy = FakeProxy()
    AttentionSort().documents(proxy, QUESTION, given([["Keep.", "Drop."], ["Keep too."]]), (0, 2))
    assert all(b"Drop" not in bytes(i % 256 for i in p.prefix) for p in proxy.prompts)


def test_documents_that_were_not_sorted_come_first() -> None:
    parts = given([["a.", "b."], ["c."], ["d."]])
    assert order_as_documents((2, 0), (3, 1, 0, 2), parts) == (2, 3, 0, 1)


def test_equal_attention_keeps_the_source_order() -> None:
    same = [Document("Same words.") for _ in range(4)]
    context = compressor(order="attention-sort")(QUESTION, same, budget=Budget(ratio=1.0))
    assert [p.sentence for p in context.pieces] == [0, 1, 2, 3]


class Borders:
    """Counts characters, and one more wherever the document One does not come first."""

    def __call__(self, text: str) -> int:
        return len(text) + ("\n\nOne\n" in text)


def test_an_order_that_costs_more_tokens_stays_under_the_budget() -> None:
    plain = Compressor(Lead(), counter=Borders())(QUESTION, DOCUMENTS, budget=Budget(ratio=1.0))
    exactly = Budget(max_tokens=plain.tokens_after)
    sorted_ = Compressor(Lead(), counter=Borders(), proxy=FakeProxy(), order="attention-sort")
    context = sorted_(QUESTION, DOCUMENTS, budget=exactly)
    assert context.tokens_after <= exactly.limit(0)
    assert len(context.selection.kept) < len(plain.selection.kept)


def test_what_does_not_fit_into_one_prompt_is_refused() -> None:
    small = Compressor(Lead(), counter=len, proxy=FakeProxy(max_tokens=150), order="attention-sort")
    with pytest.raises(InputError, match="in one prompt, and fake reads 150 tokens"):
        small(QUESTION, DOCUMENTS, budget=Budget(ratio=1.0))


def test_it_needs_a_proxy() -> None:
    with pytest.raises(InputError, match="reads a proxy"):
        Compressor(Lead(), counter=len, order="attention-sort")


@pytest.mark.parametrize("settings", [{"repeats": 0}, {"repeats": True}, {"pool": "max"}])
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be"):
        AttentionSort(**settings)


def test_a_proxy_may_be_anything_that_probes() -> None:
    class Flat(FakeProxy):
        def probe(self, prompts: Sequence[Prompt], **settings: Any) -> Any:
            return super().probe(prompts, **settings)

    sort = AttentionSort(repeats=1, pool="mean")
    made = Compressor(Lead(), counter=len, proxy=Flat(), order=sort)
    assert made.layout.order == "attention-sort"
    assert made(QUESTION, DOCUMENTS, budget=Budget(ratio=1.0)).settings["order"]["pool"] == "mean"
