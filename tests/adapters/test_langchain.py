"""The LangChain adapter inside LangChain: its own abstractions, callbacks, pipelines, and bad input."""

from __future__ import annotations

import asyncio
import copy
import logging
import sys
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from fractions import Fraction
from multiprocessing import get_context
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForRetrieverRun
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from pydantic import ValidationError
from shared import QUESTION, words

from ragcompress import BudgetTooSmall, InputError, Segmentation
from ragcompress.scorers.bm25 import Scorer as Bm25
from ragcompress_adapters.langchain import AttentionReorder, RagCompressor, RagCompressRetriever

DOCUMENTS = [
    Document("The bridge is of larch. Berit Holm built it. It is red.", id="a", metadata={"title": "Bridge"}),
    Document("Ferries leave at noon. The quay is full. The bridge was built late.", id="a"),
    Document("", metadata={"source": "empty"}),
    Document("Nobody built a boat here. 船在这里。 Лодка стоит.", metadata={"deep": {"list": [1]}}),
]


def compressor(**settings: Any) -> RagCompressor:
    return RagCompressor(**{"scorer": Bm25(), "counter": words, "ratio": 0.5} | settings)


class Fixed(BaseRetriever):
    documents: list[Document]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        if kwargs.get("fail"):
            raise ConnectionError("the store is down")
        return self.documents[kwargs.get("skip", 0) :]

    async def _aget_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        return self._get_relevant_documents(query, **kwargs)


def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the model broke")


class Broken(Bm25):
    score = fails


def test_documents_keep_ids_metadata_and_exact_spans() -> None:
    before = copy.deepcopy(DOCUMENTS)
    found = compressor().compress_documents(DOCUMENTS, QUESTION)
    assert DOCUMENTS == before
    assert [d.metadata["ragcompress"]["index"] for d in found] == [0, 1, 3]
    for d in found:
        ours, original = d.metadata["ragcompress"], DOCUMENTS[d.metadata["ragcompress"]["index"]]
        assert d.id == original.id
        assert d.metadata["relevance_score"] == max(s["score"] for s in ours["spans"])
        assert ours["tokens_after"] == words(d.page_content) <= ours["tokens_before"]
        for s in ours["spans"]:
            cut = original.page_content[s["start_char"] : s["end_char"]]
            assert d.page_content[s["start"] : s["end"]] == cut
        assert {k: v for k, v in d.metadata.items() if k in original.metadata} == original.metadata
    assert found[2].metadata["deep"]["list"] is not DOCUMENTS[3].metadata["deep"]["list"]


@given(
    texts=st.lists(
        st.text(max_size=80) | st.sampled_from(["A b. C d. E", "built\n\n- x\n- y", ""]), max_size=5
    ),
    ratio=st.floats(0.05, 1),
    order=st.sampled_from(["source", "best-first", "best-last", "edges"]),
)
@settings(deadline=None, derandomize=True, max_examples=50)
def test_the_budget_holds_for_the_documents_joined(texts: list[str], ratio: float, order: str) -> None:
    documents = [Document(t, metadata={"start_index": 7 * i}) for i, t in enumerate(texts)]

    def joined(them: Sequence[Document]) -> str:
        return "\n\n".join(d.page_content.strip() for d in them if d.page_content.strip())

    try:
        found = compressor(ratio=ratio, order=order, counter=len).compress_documents(documents, "built it")
    except BudgetTooSmall:
        return
    assert bool(found) == any(t.strip() for t in texts)
    assert len(joined(found)) <= max(1, ratio * len(joined(documents)) + 1e-9)
    for d in found:
        for s in d.metadata["ragcompress"]["spans"]:
            index = d.metadata["ragcompress"]["index"]
            source = texts[index][s["start_char"] - 7 * index : s["end_char"] - 7 * index]
            assert d.page_content[s["start"] : s["end"]] == source


def test_documents_come_in_the_order_asked_for() -> None:
    scores = [
        d.metadata["relevance_score"]
        for d in compressor(ratio=1, order="best-first").compress_documents(DOCUMENTS, QUESTION)
    ]
    assert scores == sorted(scores, reverse=True)


def test_floor_cap_and_top_n() -> None:
    found = compressor(ratio=0.5, min_per_document=1, max_per_document=1).compress_documents(
        DOCUMENTS, QUESTION
    )
    assert [len(d.metadata["ragcompress"]["spans"]) for d in found] == [1, 1, 1]
    assert len(compressor(ratio=1, top_n=2).compress_documents(DOCUMENTS, QUESTION)) == 2


def test_one_merged_context_by_choice() -> None:
    (merged,) = compressor(ratio=0.7, merge="md", order="edges").compress_documents(DOCUMENTS, QUESTION)
    assert "### [2] Bridge\n\nBerit Holm built it.\n\n### [1]\n\n" in merged.page_content
    ours = merged.metadata["ragcompress"]
    assert ours["tokens_after"] == words(merged.page_content) <= 0.7 * ours["tokens_before"]
    for s in ours["spans"]:
        source = DOCUMENTS[s["index"]].page_content[s["start_char"] : s["end_char"]]
        assert merged.page_content[s["start"] : s["end"]] == source


def test_nothing_in_nothing_out() -> None:
    assert compressor().compress_documents([], QUESTION) == []
    assert compressor().compress_documents([Document(" \n")], QUESTION) == []
    assert RagCompressRetriever(base_retriever=Fixed(documents=[]), ratio=0.5).invoke(QUESTION) == []


def test_all_documents_are_scored_in_one_call() -> None:
    calls = []

    class Counting(Bm25):
        def score(self, question: str, segmentation: Segmentation, **options: Any) -> Any:
            calls.append(len(segmentation.documents))
            return super().score(question, segmentation, **options)

    compressor(scorer=Counting()).compress_documents(DOCUMENTS, QUESTION)
    assert calls == [4]


def test_a_passthrough_marks_the_originals_and_warns(caplog: pytest.LogCaptureFixture) -> None:
    broken = compressor(scorer=Broken(), on_error="passthrough")
    with caplog.at_level(logging.WARNING, "ragcompress"):
        found = broken.compress_documents(DOCUMENTS, QUESTION)
        awaited = asyncio.run(broken.acompress_documents(DOCUMENTS, QUESTION))
    assert found == awaited
    assert [(d.id, d.page_content) for d in found] == [(d.id, d.page_content) for d in DOCUMENTS]
    for d, original in zip(found, DOCUMENTS, strict=True):
        mark = {"ragcompress": {"passthrough": "RuntimeError: the model broke"}}
        assert d.metadata == original.metadata | mark
    assert [r.getMessage() for r in caplog.records] == [
        "4 documents are passed on uncompressed: RuntimeError: the model broke"
    ] * 2
    with pytest.raises(RuntimeError, match="the model broke"):
        compressor(scorer=Broken()).compress_documents(DOCUMENTS, QUESTION)


def test_half_a_character_does_not_hurt_the_other_documents() -> None:
    whole = [d for d in DOCUMENTS if d.page_content]
    odd = [*whole, Document("half \ud800 a pair, as Holm built it", metadata={"n": 1})]
    found = compressor(ratio=1.0).compress_documents(odd, QUESTION)
    assert len(found) == len(odd)
    (changed,) = [d for d in found if d.metadata.get("n") == 1]
    assert changed.page_content == "half \ufffd a pair, as Holm built it"
    assert [d.metadata["ragcompress"].get("replaced_characters") for d in found] == [
        1 if d is changed else None for d in found
    ]


def test_metadata_that_cannot_be_copied_is_shared() -> None:
    lock = threading.Lock()
    odd = [Document("A bridge. Holm built it.", metadata={"lock": lock, "tags": ["x"]})]
    (found,) = compressor().compress_documents(odd, QUESTION)
    assert found.metadata["lock"] is lock
    assert found.metadata["tags"] == ["x"] and found.metadata["tags"] is not odd[0].metadata["tags"]
    assert list(odd[0].metadata) == ["lock", "tags"]


class Watching(Bm25):
    """Remembers the scores of the documents that it sees."""

    def score(self, question: str, segmentation: Segmentation, **options: Any) -> Any:
        self.seen = [d.score for d in segmentation.documents]
        return super().score(question, segmentation, **options)


@pytest.mark.parametrize(
    ("metadata", "ranked", "seen"),
    [
        ([{"relevance_score": 0.5}, {"_score": 7}], True, [0.5, 7.0]),
        ([{"score": 0.25, "x": 1}, {"score": 0.5}], False, [0.25, 0.5]),
        ([{}, {"score": 3}], True, [1.0, 0.5]),
        ([{}, {"score": "good"}], False, [None, None]),
    ],
)
def test_what_the_retriever_knew_comes_along(
    metadata: list[dict[str, Any]], ranked: bool, seen: list[float | None]
) -> None:
    scorer = Watching()
    made = RagCompressor(scorer=scorer, counter=len, ratio=0.9, ranked=ranked)
    documents = [Document("A bridge. Holm built it.", metadata=m) for m in metadata]
    made.compress_documents(documents, QUESTION)
    assert scorer.seen == seen


@pytest.mark.parametrize(
    "start", [40.0, np.int64(40), np.float32(40), np.uint8(40), np.array(40), Decimal(40), Fraction(40)]
)
def test_a_start_index_of_any_number_type_counts(start: Any) -> None:
    (found,) = compressor(ratio=0.8).compress_documents(
        [Document("A boat. Holm built the bridge.", metadata={"start_index": start})], QUESTION
    )
    (span,) = found.metadata["ragcompress"]["spans"]
    assert span["start_char"] == 40 + len("A boat. ")
    assert type(span["start_char"]) is int


@pytest.mark.parametrize("start", [-1, 40.5, "40", True, np.inf, Decimal("NaN"), [40]])
def test_a_start_index_that_is_none_gives_no_places(start: Any) -> None:
    (found,) = compressor(ratio=0.8).compress_documents(
        [Document("A boat. Holm built the bridge.", metadata={"start_index": start})], QUESTION
    )
    (span,) = found.metadata["ragcompress"]["spans"]
    assert (span["start_char"], span["end_char"]) == (None, None)


def test_a_time_limit_passes_the_originals_on() -> None:
    found = compressor(timeout=1e-9, on_error="passthrough").compress_documents(DOCUMENTS, QUESTION)
    assert "CompressionTimeout" in found[0].metadata["ragcompress"]["passthrough"]


def test_settings_are_written_and_read_back() -> None:
    given_settings = RagCompressor(max_tokens=800, order="edges", on_error="passthrough", timeout=2)
    again = RagCompressor.model_validate_json(given_settings.model_dump_json())
    assert again == given_settings
    assert repr(again) == repr(given_settings)
    assert RagCompressor.model_validate(given_settings.model_dump()) == given_settings


def test_copies_share_the_model_and_another_process_loads_its_own() -> None:
    made = compressor(scorer="bm25")
    made.warm_up()
    for copied in (made.model_copy(update={"ratio": 0.9}), copy.copy(made), copy.deepcopy(made)):
        assert copied._compressor().scorer is made._compressor().scorer
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(RagCompressor.compress_documents, made, DOCUMENTS, QUESTION).result()
    assert found == made.compress_documents(DOCUMENTS, QUESTION)
    assert made.model_copy(update={"scorer": "lead"})._compressor().scorer.name == "lead"


def test_no_warning_and_nothing_loaded_by_building_one() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RagCompressor(proxy="no such model")
        RagCompressRetriever(base_retriever=Fixed(documents=[]), proxy="no such model")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"ratio": 2}, "ratio must lie in"),
        ({"ratio": 0.2, "max_tokens": 3}, "exactly one"),
        ({"order": "random"}, "Input should be 'source', 'best-first'"),
        ({"top_n": 0}, "at least 1"),
        ({"timeout": 0}, "a number of seconds above 0"),
        ({"scorer": 3}, "a name or a scorer"),
        ({"scorer": Bm25()}, "give a counter"),
        ({"scorer": Bm25(), "counter": 3}, "a counter must be a tokenizer"),
        ({"backend": "jax"}, "'onnx' or 'torch'"),
        ({"threads": 0}, "greater than or equal to 1"),
        ({"max_token": 3}, "did you mean 'max_tokens'"),
    ],
)
def test_wrong_settings_are_refused_at_once(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        RagCompressor(**wrong)


def test_sixteen_calls_at_once_give_the_serial_result() -> None:
    retriever = RagCompressRetriever(base_retriever=Fixed(documents=DOCUMENTS), base_compressor=compressor())
    questions = [f"{QUESTION} {n}" for n in "bridge quay boat noon".split()] * 4

    async def together() -> list[list[Document]]:
        return await asyncio.gather(*(retriever.ainvoke(q) for q in questions))

    serial = [retriever.invoke(q) for q in questions]
    assert asyncio.run(together()) == serial
    assert retriever.batch(questions) == serial


class Recorder(BaseCallbackHandler):
    def __init__(self) -> None:
        self.runs: list[tuple[str, Any, Any]] = []
        self.ended: list[int] = []
        self.errors: list[str] = []

    def on_retriever_start(self, serialized: Any, query: str, *, run_id: Any, **more: Any) -> None:
        self.runs.append((more["name"], run_id, more.get("parent_run_id")))

    def on_retriever_end(self, documents: Sequence[Document], **more: Any) -> None:
        self.ended.append(len(documents))

    def on_retriever_error(self, error: BaseException, **more: Any) -> None:
        self.errors.append(str(error))


def recorded(retriever: BaseRetriever, **kwargs: Any) -> tuple[Recorder, Any]:
    recorder = Recorder()
    found: Any = None
    try:
        found = retriever.invoke(QUESTION, config={"callbacks": [recorder]}, **kwargs)
    except ConnectionError as error:
        found = error
    return recorder, found


def test_callbacks_and_results_are_those_of_the_contextual_compression_retriever() -> None:
    parts: dict[str, Any] = {"base_retriever": Fixed(documents=DOCUMENTS), "base_compressor": compressor()}
    ours, theirs = RagCompressRetriever(**parts), ContextualCompressionRetriever(**parts)
    for kwargs in ({}, {"skip": 1}):
        (record, found), (expected, wanted) = recorded(ours, **kwargs), recorded(theirs, **kwargs)
        assert found == wanted
        assert record.ended == expected.ended
        assert [name for name, _, _ in record.runs] == ["RagCompressRetriever", "Fixed"]
        assert record.runs[1][2] == record.runs[0][1]
        assert asyncio.run(ours.ainvoke(QUESTION, **kwargs)) == found


def test_compression_is_a_run_that_tells_tokens_and_what_was_dropped() -> None:
    class Chains(BaseCallbackHandler):
        def __init__(self) -> None:
            self.names: list[str] = []
            self.outputs: list[dict[str, Any]] = []
            self.errors: list[str] = []

        def on_chain_start(self, serialized: Any, inputs: Any, **more: Any) -> None:
            self.names.append(more["name"])

        def on_chain_end(self, outputs: Any, **more: Any) -> None:
            self.outputs.append(outputs)

        def on_chain_error(self, error: BaseException, **more: Any) -> None:
            self.errors.append(str(error))

    retriever = RagCompressRetriever(base_retriever=Fixed(documents=DOCUMENTS), base_compressor=compressor())
    for ask in (retriever.invoke, lambda *a, **k: asyncio.run(retriever.ainvoke(*a, **k))):
        chains = Chains()
        ask(QUESTION, config={"callbacks": [chains]})
        assert chains.names == ["RagCompressor"]
        (output,) = chains.outputs
        assert 0 < output["tokens_after"] < output["tokens_before"]
        assert output["dropped"] and all(d["reason"] for d in output["dropped"])
    chains = Chains()
    with pytest.raises(InputError):
        compressor(ratio=None, recall=0.5).compress_documents(DOCUMENTS, QUESTION, callbacks=[chains])
    assert len(chains.errors) == 1


@pytest.mark.parametrize(
    ("setting", "hint"),
    [("budget", "'max_tokens'"), ("max_token", "'max_tokens'"), ("splitter", "known are")],
)
def test_a_misspelled_setting_is_told_what_may_have_been_meant(setting: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        RagCompressor(**{setting: 300})  # type: ignore[typeddict-item, misc]
    with pytest.raises(ValueError, match=hint):
        RagCompressRetriever(base_retriever=Fixed(documents=DOCUMENTS), **{setting: 300})


def test_a_retriever_that_fails_says_so() -> None:
    retriever = RagCompressRetriever(
        base_retriever=Fixed(documents=DOCUMENTS), base_compressor=compressor(on_error="passthrough")
    )
    record, error = recorded(retriever, fail=True)
    assert isinstance(error, ConnectionError)
    assert record.errors == ["the store is down"] * 2
    with pytest.raises(ConnectionError, match="the store is down"):
        asyncio.run(retriever.ainvoke(QUESTION, fail=True))


def test_settings_can_stand_on_the_retriever() -> None:
    retriever = RagCompressRetriever(
        base_retriever=Fixed(documents=DOCUMENTS), ratio=0.5, scorer=Bm25(), counter=words, tags=["x"]
    )
    assert retriever.invoke(QUESTION) == compressor().compress_documents(DOCUMENTS, QUESTION)
    assert retriever.tags == ["x"]
    written = RagCompressRetriever(base_retriever=Fixed(documents=[]), max_tokens=9, k=2).model_dump()
    assert written["base_compressor"]["max_tokens"] == 9
    read = RagCompressRetriever.model_validate(written | {"base_retriever": Fixed(documents=DOCUMENTS)})
    assert (read.base_compressor, read.k) == (RagCompressor(max_tokens=9), 2)
    with pytest.raises(InputError, match=r"base_compressor or its settings \(ratio\)"):
        RagCompressRetriever(base_retriever=Fixed(documents=[]), base_compressor=compressor(), ratio=0.2)
    with pytest.raises(ValidationError, match="k must be at least 1"):
        RagCompressRetriever(base_retriever=Fixed(documents=[]), k=0)
    with pytest.raises(ValidationError, match="did you mean 'max_tokens'"):
        RagCompressRetriever(base_retriever=Fixed(documents=[]), max_token=3)


def test_k_documents_share_the_whole_budget() -> None:
    retriever = RagCompressRetriever(
        base_retriever=Fixed(documents=DOCUMENTS), base_compressor=compressor(ratio=0.5), k=1
    )
    (best,) = retriever.invoke(QUESTION)
    assert len(best.metadata["ragcompress"]["spans"]) == 3
    assert len(retriever.invoke(QUESTION, k=2)) == 2
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        retriever.invoke(QUESTION, k=0)


class First(BaseDocumentCompressor):
    def compress_documents(self, documents: Any, query: str, callbacks: Any = None) -> Any:
        return documents


def test_any_compressor_fits_into_the_retriever() -> None:
    retriever = RagCompressRetriever(base_retriever=Fixed(documents=DOCUMENTS), base_compressor=First(), k=3)
    assert retriever.invoke(QUESTION) == DOCUMENTS[:3]


@pytest.mark.parametrize("retriever_class", [ContextualCompressionRetriever, RagCompressRetriever])
def test_inside_the_pipeline_of_langchain_classic(retriever_class: Any) -> None:
    pipeline = DocumentCompressorPipeline(transformers=[compressor(ratio=0.7), AttentionReorder()])
    retriever = retriever_class(base_compressor=pipeline, base_retriever=Fixed(documents=DOCUMENTS))
    found = retriever.invoke(QUESTION)
    scores = [d.metadata["relevance_score"] for d in found]
    assert len(found) == 3
    assert (scores[0], scores[-1]) == tuple(sorted(scores, reverse=True)[:2])
    assert asyncio.run(retriever.ainvoke(QUESTION)) == found


def test_as_runnable() -> None:
    runnable = compressor().as_runnable()
    inputs = {"documents": DOCUMENTS, "query": QUESTION}
    found = runnable.invoke(inputs)
    assert found == compressor().compress_documents(DOCUMENTS, QUESTION)
    assert asyncio.run(runnable.ainvoke(inputs)) == found
    chain = {"documents": Fixed(documents=DOCUMENTS), "query": RunnablePassthrough()} | runnable
    assert chain.invoke(QUESTION) == found


def scored(*scores: float | None) -> list[Document]:
    return [Document(str(s), metadata={} if s is None else {"relevance_score": s}) for s in scores]


def test_reordering() -> None:
    given_documents = scored(0.1, 0.5, 0.4, 0.9)
    texts = [d.page_content for d in AttentionReorder().transform_documents(given_documents)]
    assert texts == ["0.9", "0.4", "0.1", "0.5"]
    best_last = AttentionReorder(order="best-last").transform_documents(given_documents)
    assert [d.page_content for d in best_last] == ["0.1", "0.4", "0.5", "0.9"]
    numpy = AttentionReorder().transform_documents(scored(*np.array([0.1, 0.5, 0.4, 0.9], "f4")))
    assert [d.metadata["relevance_score"] for d in numpy] == list(np.array([0.9, 0.4, 0.1, 0.5], "f4"))
    ranked = [Document(text) for text in "12345"]
    assert [d.page_content for d in AttentionReorder().transform_documents(ranked)] == list("13542")
    assert asyncio.run(AttentionReorder().atransform_documents(ranked)) == [
        ranked[int(i) - 1] for i in "13542"
    ]
    assert AttentionReorder().transform_documents([]) == []
    with pytest.raises(InputError, match="document 1 has no number"):
        AttentionReorder().transform_documents(scored(0.1, None))


def test_a_call_goes_forward_through_the_adapters_files() -> None:
    files: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_code.co_filename
        if event == "call" and "ragcompress_adapters" in name and files[-1:] != [name]:
            files.append(name)

    retriever = RagCompressRetriever(base_retriever=Fixed(documents=DOCUMENTS), base_compressor=compressor())
    sys.setprofile(note)
    try:
        retriever.invoke(QUESTION)
    finally:
        sys.setprofile(None)
    assert 1 < len(files) <= 11  # ten changes of file
