"""Documents that are kept or dropped whole, such as worked examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from shared import tries, words
from typer.testing import Result

from ragcompress import (
    Budget,
    BudgetTooSmall,
    Compressor,
    Document,
    InputError,
    Plan,
    Scores,
    Segmentation,
    scorers,
    segment,
)
from ragcompress.data import Progress
from ragcompress.selection.ordering import ATTENTION_SORT, ORDERS
from ragcompress.tool_results import compress_tool_result

EXAMPLES = [
    Document("Question: How tall is Mount Kenya?\nType: number", id="tall"),
    Document("Question: Who painted the ceiling of the chapel?\nType: person", id="ceiling"),
    Document("Question: Who painted the walls of the chapel?\nType: person", id="walls"),
    Document("Question: Where is the chapel?\nType: place", id="where"),
]
CASE = "Who built the chapel?"


def whole(**options: Any) -> Compressor:
    return Compressor(scorers.make("bm25"), counter=words, whole_documents=True, **options)


@pytest.mark.parametrize("order", [order for order in ORDERS if order != ATTENTION_SORT])
def test_no_document_is_kept_in_part(order: str) -> None:
    context = whole(order=order)(CASE, EXAMPLES, budget=Budget(max_tokens=20))
    assert len(context.pieces) == 2 and context.tokens_after <= 20
    for piece in context.to_dict()["pieces"]:
        assert context.text[piece["start"] : piece["end"]] == EXAMPLES[piece["document"]].text


def test_a_segmentation_is_made_whole_too() -> None:
    cut = segment(EXAMPLES)
    assert len(cut.sentences) > len(EXAMPLES)
    asked = whole()
    of_cut = asked(CASE, cut, budget=Budget(max_tokens=20))
    assert of_cut.text == asked(CASE, EXAMPLES, budget=Budget(max_tokens=20)).text


def test_a_budget_that_holds_no_document_is_refused() -> None:
    with pytest.raises(BudgetTooSmall) as caught:
        whole()(CASE, EXAMPLES, budget=Budget(max_tokens=6))
    assert caught.value.smallest == 7  # "Question: Where is the chapel? Type: place"
    assert whole()(CASE, EXAMPLES, budget=Budget(max_tokens=7)).text == EXAMPLES[3].text


class Alike:
    """The given scores, and vectors that say which documents are alike."""

    name = "alike"
    makes_vectors = True

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        vectors = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.6, 0.8]])
        return Scores(np.array([0.1, 0.9, 0.8, 0.5]), self.name, calibrated=True, vectors=vectors)


def test_the_next_example_is_chosen_beside_those_kept() -> None:
    def kept(near_repeats: float) -> tuple[int, ...]:
        compressor = Compressor(Alike(), counter=words, whole_documents=True, near_repeats=near_repeats)
        return compressor(CASE, EXAMPLES, budget=Budget(max_tokens=20)).selection.kept

    assert kept(0.0) == (1, 2)
    assert kept(1.0) == (1, 3)


@tries(60)
@for_all(
    texts=st.lists(
        st.sampled_from(["A. B.", "# T\n\nOne two. Three.", "- a\n- b c", "x | y", " \n", "q: a"])
    ),
    limit=st.integers(1, 25),
    order=st.sampled_from([order for order in ORDERS if order != ATTENTION_SORT]),
    titled=st.booleans(),
)
def test_it_is_greedy_over_documents(texts: list[str], limit: int, order: str, titled: bool) -> None:
    documents = [Document(t, title=f"T{n}" if titled else None) for n, t in enumerate(texts)]
    compressor = Compressor(
        scorers.make("lead"), counter=words, whole_documents=True, order=order, format="plain"
    )
    try:
        context = compressor("Which?", documents, budget=Budget(max_tokens=limit))
    except (BudgetTooSmall, InputError):
        assert all(not t.strip() or len(t.split()) > limit for t in texts)
        return
    left, expected = limit, []
    seen: set[str] = set()
    for d, text in enumerate(texts):  # "lead" scores every first sentence alike, so they come in order
        if text.strip() and words(text) <= left and not (len(text.split()) >= 5 and text in seen):
            left -= words(text)
            expected.append(d)
            seen.add(text)
    kept = [context.segmentation.sentences[i].document for i in context.selection.kept]
    assert kept == expected
    assert all(
        p.end - p.start == len(texts[d].strip())
        for p, d in zip(
            context.pieces,
            [context.segmentation.sentences[p.sentence].document for p in context.pieces],
            strict=True,
        )
    )


def test_the_command_line_keeps_whole_files(invoke: Callable[..., Result], tmp_path: Path) -> None:
    for document in EXAMPLES:
        (tmp_path / f"{document.id}.txt").write_text(document.text)
    result = invoke("compress", CASE, tmp_path, "--whole-documents", "--budget", "150", "--format", "json")
    if result.exit_code:
        raise AssertionError(result.output)
    found = json.loads(result.stdout)
    texts = {d.text for d in EXAMPLES}
    assert found["pieces"] and all(found["text"][p["start"] : p["end"]] in texts for p in found["pieces"])


def test_a_tool_result_is_cut_all_the_same() -> None:
    text = (
        "\n\n".join(f"Paragraph {n} is about the harbour." for n in range(30)) + "\n\nBerit built the chapel."
    )
    found = compress_tool_result(whole(), text, CASE, budget=Budget(max_tokens=30))
    assert found.reason is None and "Berit" in found.text


def test_it_is_true_or_false() -> None:
    with pytest.raises(InputError, match="whole_documents must be true or false"):
        Plan(whole_documents="yes")  # type: ignore[arg-type]
