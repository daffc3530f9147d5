"""What frameworks hand over and is no document, or one without a text: refused by its place, or kept out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import haystack
import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda
from llama_index.core.schema import NodeWithScore, TextNode
from shared import QUESTION, words

from ragcompress import InputError
from ragcompress_adapters.haystack import RagCompressor as OfHaystack
from ragcompress_adapters.langchain import AttentionReorder, RagCompressor, RagCompressRetriever
from ragcompress_adapters.llama_index import RagCompressPostprocessor

TEXT = "The bridge is of larch. Berit Holm built it. It is red."
SETTINGS: dict[str, Any] = {"scorer": "bm25", "counter": words, "ratio": 0.5}
USES: dict[str, Callable[[Iterable[Any]], Any]] = {
    "langchain": lambda found: RagCompressor(**SETTINGS).compress_documents(found, QUESTION),  # type: ignore[arg-type]
    "retriever": lambda found: RagCompressRetriever(
        base_retriever=RunnableLambda(lambda _: found), **SETTINGS
    ).invoke(QUESTION),
    "reorder": lambda found: AttentionReorder().transform_documents(found),  # type: ignore[arg-type]
    "llama-index": lambda found: RagCompressPostprocessor(**SETTINGS).postprocess_nodes(
        found,  # type: ignore[arg-type]
        query_str=QUESTION,
    ),
    "haystack": lambda found: OfHaystack(**SETTINGS).run(QUESTION, found)["documents"],  # type: ignore[arg-type]
}
GOOD: dict[str, Any] = {
    "llama-index": NodeWithScore(node=TextNode(text=TEXT)),
    "haystack": haystack.Document(content=TEXT),
}


def document(text: object, metadata: object = None) -> Document:
    return Document.model_construct(page_content=text, metadata=metadata)  # type: ignore[arg-type]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("bad", [TEXT, None, {"page_content": TEXT}])
def test_what_is_no_document_is_refused_by_its_place(use: str, bad: object) -> None:
    with pytest.raises(InputError, match=r"document 1 must be a \w+.*, got (str|NoneType|dict)"):
        USES[use]([GOOD.get(use, Document(TEXT)), bad])


@pytest.mark.parametrize("use", USES)
def test_any_iterable_gives_what_a_list_gives(use: str) -> None:
    found = [GOOD.get(use, Document(TEXT))]
    assert USES[use](iter(found)) == USES[use](found)


def test_a_document_without_text_or_metadata_does_not_hurt_the_others() -> None:
    kept = RagCompressor(**SETTINGS).compress_documents([document(None), document(TEXT)], QUESTION)
    assert [d.metadata["ragcompress"]["index"] for d in kept] == [1]
    assert RagCompressor(**SETTINGS).compress_documents([document(None)], QUESTION) == []
    without = haystack.Document(content=TEXT)
    vars(without)["meta"] = None
    assert USES["haystack"]([without])[0].meta["ragcompress"]["index"] == 0


@pytest.mark.parametrize("text", [b"bytes", ["a list"], 5])
def test_a_text_that_is_none_is_refused_or_passed_on(text: object) -> None:
    documents = [document(text), document(TEXT)]
    with pytest.raises(InputError, match="document 0 .* holds no text but"):
        RagCompressor(**SETTINGS).compress_documents(documents, QUESTION)
    passed = RagCompressor(**SETTINGS, on_error="passthrough").compress_documents(documents, QUESTION)
    assert [d.page_content for d in passed] == [text, TEXT]
    assert all("passthrough" in d.metadata["ragcompress"] for d in passed)


@pytest.mark.parametrize("score", [float("nan"), 10**400, True, "0.5"])
def test_documents_are_reordered_by_finite_numbers_only(score: object) -> None:
    with pytest.raises(InputError, match="has no number under 'relevance_score'"):
        AttentionReorder().transform_documents([document("x", {"relevance_score": score})])
