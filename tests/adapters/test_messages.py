"""Message lists: only the fresh block is compressed, and what stood before stays as it was."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from pydantic import TypeAdapter
from shared import words as words_of

from ragcompress import Budget, Compressor, Document, InputError
from ragcompress.places import Places
from ragcompress.scorers.bm25 import Scorer as Bm25
from ragcompress_adapters.messages import awith_context, with_context

COMPRESSOR = Compressor(Bm25(), counter=lambda text: len(text.split()))
DOCUMENTS = [
    "The bridge is of larch. Berit Holm built it. It is red.",
    Document("A boat. A quay.", title="Boats"),
]
HISTORY: list[dict[str, Any]] = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": "The bridge is of larch.\n\nWhat is it made of?"},
    {"role": "assistant", "content": "Larch."},
]
BUDGET = Budget(max_tokens=5)


def placed(messages: list[dict[str, Any]]) -> Any:
    before = copy.deepcopy(messages)
    found = with_context(messages, DOCUMENTS, compressor=COMPRESSOR, budget=BUDGET)
    assert messages == before
    assert asyncio.run(awith_context(messages, DOCUMENTS, compressor=COMPRESSOR, budget=BUDGET)) == found
    return found


def test_the_context_stands_before_the_question_and_all_else_is_the_same_object() -> None:
    messages = [*HISTORY, {"role": "user", "content": "What did Berit Holm build?", "name": "ann"}]
    found = placed(messages)
    assert all(a is b for a, b in zip(found[:-1], messages[:-1], strict=True))
    assert found[-1] == {
        "role": "user", "content": "Berit Holm built it.\n\nWhat did Berit Holm build?", "name": "ann"
    }  # fmt: skip


def test_parts_stay_and_a_tools_result_stays_first() -> None:
    result = {"type": "tool_result", "tool_use_id": "1", "content": "ok"}
    question = {"type": "text", "text": "Who built it?", "cache_control": {"type": "ephemeral"}}
    found = placed([*HISTORY, {"role": "user", "content": [result, question]}])
    assert found[-1]["content"] == [result, {"type": "text", "text": "Berit Holm built it."}, question]


@pytest.mark.parametrize(
    ("format", "words", "part"),
    [
        ("md", 9, "### [1] log.pdf\n\n[p. 3] Berit Holm built it."),
        (
            "xml",
            14,
            '<documents>\n<document index="1">\n<source>log.pdf</source>\n<document_content>\n'
            "[p. 3] Berit Holm built it.\n</document_content>\n</document>\n</documents>",
        ),
    ],
)
def test_a_part_can_be_cited_and_says_no_folder_of_the_machine(format: Any, words: int, part: str) -> None:
    text = "The bridge is of larch. Berit Holm built it. It is red."
    about = {"source": "/home/ann/docs/log.pdf"}
    document = Document(text, metadata=about, places=Places("page", (0, 24), (2, 3)))
    compressor = Compressor(Bm25(), counter=lambda text: len(text.split()), format=format)
    messages = [{"role": "user", "content": [{"type": "text", "text": "Who built it, Berit Holm?"}]}]
    found = with_context(messages, [document], compressor=compressor, budget=Budget(max_tokens=words))
    assert found[-1]["content"][0] == {"type": "text", "text": part}


def test_parts_of_openais_responses_stay_of_their_kind() -> None:
    question = {"type": "input_text", "text": "Who built it?"}
    found = placed([*HISTORY, {"role": "user", "content": [question]}])
    assert found[-1]["content"] == [{"type": "input_text", "text": "Berit Holm built it."}, question]


def test_turn_after_turn_the_prefix_is_stable() -> None:
    first = with_context(
        [*HISTORY, {"role": "user", "content": "Who built it?"}],
        DOCUMENTS,
        compressor=COMPRESSOR,
        budget=BUDGET,
    )
    second = with_context(
        [*first, {"role": "assistant", "content": "Holm."}, {"role": "user", "content": "A quay?"}],
        DOCUMENTS,
        compressor=COMPRESSOR,
        budget=BUDGET,
    )
    assert second[: len(first)] == first


def test_without_documents_nothing_changes() -> None:
    messages = [{"role": "user", "content": "Who?"}]
    assert with_context(messages, [], compressor=COMPRESSOR, budget=BUDGET) == messages
    assert asyncio.run(awith_context(messages, [], compressor=COMPRESSOR, budget=BUDGET)) == messages


@pytest.mark.parametrize(
    "messages",
    [[], HISTORY, [{"role": "user", "content": " "}], [{"role": "user", "content": [{"type": "image"}]}],
     [{"role": "user", "content": None}], [{"role": "user", "content": 5}], ["Who built it?"], [None],
     [{"role": "user", "content": [{"type": "text"}, {"type": "text", "text": None}, 5, None]}],
     [{"role": "user", "content": {"type": "text", "text": "Who?"}}]],
)  # fmt: skip
def test_what_ends_with_no_question_is_refused(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="last message"):
        with_context(messages, DOCUMENTS, compressor=COMPRESSOR, budget=BUDGET)


def test_a_part_may_be_a_text_and_another_may_have_none() -> None:
    parts = [{"type": "text"}, "Who built it?", {"type": "text", "text": "Say who."}]
    (message,) = placed([{"role": "user", "content": parts}])
    assert message["content"][0] == parts[0]
    assert "Berit Holm built it." in message["content"][1]
    assert message["content"][2:] == parts[1:]


def test_options_of_the_call_reach_the_compressor() -> None:
    messages = [{"role": "user", "content": "Who built it?"}]
    found = with_context(
        messages, DOCUMENTS, compressor=COMPRESSOR, budget=Budget(max_tokens=1), on_error="passthrough"
    )
    assert "It is red." in found[-1]["content"]


MILL = (
    "# Mill\n\nThe mill was built by Berit Holm. It is red.\n\n```\nmill\n\n-l\n```\n\nIt is of <b>oak</b>."
)
CITED = [
    Document(MILL, title="A & B <mill>", metadata={"source": "/home/anna/notes/mill.md"}),
    Document("Ferries leave. Berit Holm built the pier.", metadata={"source": "/home/anna/notes/town.md"}),
    Document("Nothing of it is known. Berit Holm built </document_content> it."),
]


def test_sources_are_search_results_that_the_model_cites() -> None:
    types = pytest.importorskip("anthropic.types")
    kind = TypeAdapter(types.SearchResultBlockParam)
    compressor = Compressor(Bm25(), counter=words_of, format="xml")
    asked = [{"role": "user", "content": "What did Berit Holm build?"}]
    for limit in (40, 60, 200):
        call = {"compressor": compressor, "budget": Budget(max_tokens=limit)}
        (last,) = with_context(asked, CITED, citations=True, **call)
        assert asyncio.run(awith_context(asked, CITED, citations=True, **call)) == [last]
        *found, question = last["content"]
        assert question == {"type": "text", "text": "What did Berit Holm build?"}
        for part in found:
            assert set(kind.validate_python(part)) == set(part)
        texts = [[c["text"] for c in part["content"]] for part in found]
        whole = "\n\n".join(t for several in texts for t in several)
        assert words_of(whole) <= limit
        assert "built by Berit Holm" in whole and "/home" not in str(found)
        assert all("```" not in t or t.count("```") == 2 for several in texts for t in several)
    assert [(part["source"], part["title"]) for part in found] == [
        ("mill.md", "A & B <mill>"), ("town.md", "town.md"), ("document 3", "document 3"),
    ]  # fmt: skip
    assert texts[0][-1] == "It is of <b>oak</b>." and len(texts[0]) > 2
    assert texts[2] == ["Nothing of it is known. Berit Holm built </document_content> it."]


def test_citations_ask_for_a_format_that_has_sources() -> None:
    asked = [{"role": "user", "content": "Who?"}]
    with pytest.raises(InputError, match='format="xml"'):
        with_context(asked, [], compressor=COMPRESSOR, budget=Budget(ratio=0.5), citations=True)
