"""The Haystack adapter: in a pipeline, written and read back, awaited, and bad input."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.core.errors import SerializationError
from haystack.dataclasses import ByteStream
from haystack.document_stores.in_memory import InMemoryDocumentStore
from shared import QUESTION, words

from ragcompress_adapters.haystack import RagCompressor

DOCUMENTS = [
    Document(
        id="a", content="The bridge is of larch. Berit Holm built it. It is red.", meta={"n": [1]}, score=0.9
    ),
    Document(id="b", content="Ferries leave at noon. The quay is full. The bridge was built late."),
    Document(id="c", content=""),
]


def made(**settings: Any) -> RagCompressor:
    return RagCompressor(**{"scorer": "bm25", "counter": words, "ratio": 0.5} | settings)


def test_ids_scores_meta_and_exact_spans() -> None:
    before = copy.deepcopy(DOCUMENTS)
    found = made().run(QUESTION, DOCUMENTS)["documents"]
    assert before == DOCUMENTS
    assert [(d.id, d.score) for d in found] == [("a", 0.9), ("b", None)]
    for d in found:
        original = DOCUMENTS[d.meta["ragcompress"]["index"]]
        for s in d.meta["ragcompress"]["spans"]:
            assert d.content[s["start"] : s["end"]] == original.content[s["start_char"] : s["end_char"]]
    assert found[0].meta["n"] == [1]
    assert found[0].meta["n"] is not DOCUMENTS[0].meta["n"]
    assert words("\n\n".join(d.content for d in found)) <= 0.5 * words(
        "\n\n".join(d.content for d in DOCUMENTS)
    )


def test_top_k_of_the_call_and_of_the_component() -> None:
    assert len(made(ratio=1).run(QUESTION, DOCUMENTS, top_k=1)["documents"]) == 1
    assert len(made(ratio=1, top_k=1).run(QUESTION, DOCUMENTS)["documents"]) == 1


def test_sixteen_awaited_calls_give_the_plain_result() -> None:
    component = made()
    component.warm_up()

    async def together() -> list[dict[str, Any]]:
        return await asyncio.gather(*(component.run_async(QUESTION, DOCUMENTS) for _ in range(16)))

    assert asyncio.run(together()) == [component.run(QUESTION, DOCUMENTS)] * 16


def pipeline(component: RagCompressor) -> tuple[Pipeline, str]:
    text = "The quay is full. Boats leave at noon. " * 5 + "Berit Holm built the bridge. " + "It rains. " * 9
    splitter = DocumentSplitter(split_by="word", split_length=40)
    splitter.warm_up()
    store = InMemoryDocumentStore()
    store.write_documents(splitter.run([Document(content=text)])["documents"])
    made_pipeline = Pipeline()
    made_pipeline.add_component("retriever", InMemoryBM25Retriever(store, top_k=5))
    made_pipeline.add_component("compressor", component)
    made_pipeline.connect("retriever.documents", "compressor.documents")
    return made_pipeline, text


INPUTS = {"retriever": {"query": QUESTION}, "compressor": {"query": QUESTION}}


def test_in_a_pipeline_that_is_written_and_read_back() -> None:
    one, text = pipeline(made(ratio=None, max_tokens=30, counter=len))
    found = one.run(INPUTS)["compressor"]["documents"]
    assert [d.content for d in found] == ["Berit Holm built the bridge."]
    (span,) = found[0].meta["ragcompress"]["spans"]
    assert text[span["start_char"] : span["end_char"]] == found[0].content
    again = Pipeline.loads(one.dumps(), allowed_modules=["ragcompress_adapters.haystack"])
    read = again.get_component("compressor")
    assert read.to_dict() == one.get_component("compressor").to_dict()
    assert read.run(QUESTION, DOCUMENTS) == made(ratio=None, max_tokens=30, counter=len).run(
        QUESTION, DOCUMENTS
    )


def test_in_a_pipeline_that_is_awaited() -> None:
    one, _ = pipeline(made(ratio=None, max_tokens=30, counter=len))
    found = asyncio.run(one.run_async(INPUTS))["compressor"]["documents"]
    assert [d.content for d in found] == ["Berit Holm built the bridge."]


def test_settings_go_to_a_dictionary_and_back() -> None:
    component = RagCompressor(max_tokens=5, top_k=3, order="edges", counter=len, on_error="passthrough")
    data = component.to_dict()
    assert data["init_parameters"]["top_k"] == 3
    assert RagCompressor.from_dict(data).to_dict() == data
    with pytest.raises(SerializationError):
        RagCompressor(counter=lambda text: len(text)).to_dict()


@pytest.mark.parametrize(("order", "place"), [("source", 0), ("best-first", -1)])
def test_what_holds_no_text_is_handed_on(order: str, place: int) -> None:
    picture = Document(blob=ByteStream(b"png", mime_type="image/png"))
    alone = made(order=order).run(QUESTION, DOCUMENTS)["documents"]
    found = made(order=order).run(QUESTION, [picture, *DOCUMENTS])["documents"]
    assert found.pop(place) == picture
    assert [d.content for d in found] == [d.content for d in alone]
    assert [d.meta["ragcompress"]["index"] for d in found] == [
        d.meta["ragcompress"]["index"] + 1 for d in alone
    ]
    assert made().run(QUESTION, [picture])["documents"] == [picture]


def test_nothing_in_nothing_out() -> None:
    assert made().run(QUESTION, []) == {"documents": []}
    assert made().run(QUESTION, DOCUMENTS[2:]) == {"documents": []}
    with pytest.raises(ValueError, match="ratio must lie in"):
        RagCompressor(ratio=2)
