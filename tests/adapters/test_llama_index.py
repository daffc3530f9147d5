"""The LlamaIndex adapter: nodes, offsets, the query engine, and bad input."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from llama_index.core import Document, QueryBundle, SummaryIndex
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import (
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeWithScore,
    TextNode,
)
from pydantic import ValidationError
from shared import words

from ragcompress import InputError
from ragcompress.scorers.bm25 import Scorer as Bm25
from ragcompress_adapters.llama_index import RagCompressPostprocessor

QUESTION = "What did Berit Holm build?"
SOURCE = "Skarn. " * 5 + "The bridge is of larch. Berit Holm built it. It is red. Tolls were lifted."
NODES = [
    NodeWithScore(
        node=TextNode(
            id_="a",
            text=SOURCE[35:],
            start_char_idx=35,
            end_char_idx=len(SOURCE),
            metadata={"title": "Bridge"},
        ),
        score=0.9,
    ),
    NodeWithScore(node=ImageNode(id_="picture", image_path="bridge.png"), score=0.8),
    NodeWithScore(node=TextNode(id_="blank", text=" \n"), score=0.7),
    NodeWithScore(
        node=IndexNode(id_="a", text="Ferries leave. A bridge was built.", index_id="x"), score=None
    ),
]


def postprocessor(**settings: Any) -> RagCompressPostprocessor:
    return RagCompressPostprocessor(**{"scorer": Bm25(), "counter": words, "ratio": 0.5} | settings)


def test_ids_scores_and_offsets_stay_right() -> None:
    before = copy.deepcopy(NODES)
    found = postprocessor(max_per_document=1).postprocess_nodes(NODES, query_str=QUESTION)
    assert before == NODES
    assert [(n.node.node_id, n.score) for n in found] == [("a", 0.9), ("picture", 0.8), ("a", None)]
    node = found[0].node
    assert isinstance(node, TextNode)
    assert node.text == "Berit Holm built it." == SOURCE[node.start_char_idx : node.end_char_idx]
    (span,) = node.metadata["ragcompress"]["spans"]
    assert SOURCE[span["start_char"] : span["end_char"]] == node.text
    assert found[1].node == NODES[1].node
    assert isinstance(found[2].node, IndexNode)
    assert found[2].node.metadata["ragcompress"]["index"] == 3
    assert found[2].node.index_id == "x"  # type: ignore[attr-defined]


def test_a_text_with_a_hole_has_no_single_place() -> None:
    (node,) = postprocessor(ratio=0.7).postprocess_nodes([NODES[0]], query_str="larch Tolls")
    assert isinstance(node.node, TextNode)
    assert (node.node.start_char_idx, node.node.end_char_idx) == (None, None)
    for s in node.node.metadata["ragcompress"]["spans"]:
        assert node.node.text[s["start"] : s["end"]] == SOURCE[s["start_char"] : s["end_char"]]


def test_what_is_ours_reaches_neither_the_llm_nor_the_embedding() -> None:
    for found in postprocessor().postprocess_nodes(NODES, query_str=QUESTION):
        assert "tokens_before" not in found.node.get_content(MetadataMode.LLM)
        assert "tokens_before" not in found.node.get_content(MetadataMode.EMBED)


def test_awaited_and_plain_calls_agree() -> None:
    bundle = QueryBundle(QUESTION)

    async def together() -> list[list[NodeWithScore]]:
        return await asyncio.gather(*(postprocessor().apostprocess_nodes(NODES, bundle) for _ in range(16)))

    plain = postprocessor().postprocess_nodes(NODES, bundle)
    assert asyncio.run(together()) == [plain] * 16


def test_orders_put_other_nodes_last() -> None:
    found = postprocessor(order="best-first", ratio=1).postprocess_nodes(NODES, query_str="Ferries leave")
    assert [n.node.node_id for n in found] == ["a", "a", "picture"]
    assert found[0].node.get_content().startswith("Ferries")


def test_a_query_engine() -> None:
    nodes = SentenceSplitter(chunk_size=64, chunk_overlap=0).get_nodes_from_documents(
        [Document(text="The quay is full. Boats leave at noon. " * 6 + "Berit Holm built the bridge.")]
    )
    engine = SummaryIndex(nodes).as_query_engine(
        llm=MockLLM(), node_postprocessors=[postprocessor(ratio=None, max_tokens=12)]
    )
    answers = [engine.query(QUESTION), asyncio.run(engine.aquery(QUESTION))]
    for answer in answers:
        assert "Berit Holm built the bridge." in str(answer)
        assert sum(words(n.node.get_content()) for n in answer.source_nodes) <= 12


def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the model broke")


class Broken(Bm25):
    score = fails


def test_a_passthrough_is_marked() -> None:
    found = postprocessor(scorer=Broken(), on_error="passthrough").postprocess_nodes(
        NODES, query_str=QUESTION
    )
    assert [n.node.get_content() for n in found] == [n.node.get_content() for n in NODES]
    assert {n.node.metadata["ragcompress"]["passthrough"] for n in found} == {"RuntimeError: the model broke"}
    with pytest.raises(RuntimeError, match="the model broke"):
        postprocessor(scorer=Broken()).postprocess_nodes(NODES, query_str=QUESTION)


def test_nothing_in_nothing_out() -> None:
    assert postprocessor().postprocess_nodes([], query_str=QUESTION) == []
    assert postprocessor().postprocess_nodes(NODES[1:3], query_str=QUESTION) == NODES[1:2]
    with pytest.raises(InputError, match="needs a query"):
        postprocessor().postprocess_nodes(NODES)


def test_media_stay_with_or_without_text() -> None:
    picture, text = MediaResource(url="http://example.org/a.png"), MediaResource(text=SOURCE[35:])
    parts = [
        Node(id_="both", text_resource=text, image_resource=picture),
        Node(id_="picture", image_resource=picture),
        Node(id_="nothing"),
        Document(text=" ", id_="blank"),
    ]
    nodes = [NodeWithScore(node=node) for node in parts]
    found = postprocessor(max_per_document=1).postprocess_nodes(nodes, query_str=QUESTION)
    assert [n.node.node_id for n in found] == ["both", "picture"]
    both = found[0].node
    assert isinstance(both, Node)
    assert both.get_content() == "Berit Holm built it."
    assert both.image_resource == picture


def test_settings_are_written_and_read_back() -> None:
    made = RagCompressPostprocessor(max_tokens=800, order="edges", timeout=3)
    assert made.to_dict()["class_name"] == "RagCompressPostprocessor"
    assert RagCompressPostprocessor.from_dict(made.to_dict()).model_dump() == made.model_dump()
    assert RagCompressPostprocessor.from_json(made.to_json()).model_dump() == made.model_dump()
    with pytest.raises(ValidationError, match="did you mean 'max_tokens'"):
        RagCompressPostprocessor(max_token=3)  # type: ignore[call-arg]


def test_a_window_around_a_sentence_has_no_place_in_the_file() -> None:
    node = TextNode(text="A boat. Holm built the bridge. A mill.", start_char_idx=8, end_char_idx=31)
    (found,) = postprocessor(ratio=0.7).postprocess_nodes([NodeWithScore(node=node)], query_str=QUESTION)
    spans = found.node.metadata["ragcompress"]["spans"]
    assert {(s["start_char"], s["end_char"]) for s in spans} == {(None, None)}
    assert (found.node.start_char_idx, found.node.end_char_idx) == (None, None)
    assert spans[0]["end"] <= len(found.node.get_content())


def test_the_budget_holds_for_what_the_llm_sees() -> None:
    about = {"file_name": "manual of the mill.html", "title": "A mill", "page": "12"}
    texts = [f"Berit Holm built mill {k}. It is of oak. The wheel turns. Rye is ground." for k in range(8)]
    nodes = [NodeWithScore(node=TextNode(text=t, metadata=about), score=1.0) for t in texts]

    def seen(found: list[NodeWithScore]) -> int:
        return words("\n\n".join(n.node.get_content(MetadataMode.LLM) for n in found))

    for limit in (12, 20, 40, 60, 100):
        found = postprocessor(max_tokens=limit, ratio=None).postprocess_nodes(nodes, query_str=QUESTION)
        assert 0 < seen(found) <= limit
        again = asyncio.run(
            postprocessor(max_tokens=limit, ratio=None).apostprocess_nodes(nodes, query_str=QUESTION)
        )
        assert [n.text for n in again] == [n.text for n in found]
    assert seen(found) > 60 and "title: A mill" in found[0].node.get_content(MetadataMode.LLM)
    few = postprocessor(max_tokens=8, ratio=None).postprocess_nodes(nodes, query_str=QUESTION)
    assert few and 0 < seen(few) <= 8  # without their metadata, which is longer
    assert few[0].node.metadata["title"] == "A mill"
    half = postprocessor().postprocess_nodes(nodes, query_str=QUESTION)
    assert seen(half) <= seen(nodes) / 2
    free = postprocessor(count_metadata=False, max_tokens=40, ratio=None)
    assert seen(free.postprocess_nodes(nodes, query_str=QUESTION)) > 40
