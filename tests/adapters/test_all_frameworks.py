"""What the adapters promise in every framework: orders, provenance over several steps, a free event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from haystack import Document as HaystackDocument
from langchain_core.documents import Document as LangChainDocument
from langchain_core.runnables import RunnableLambda
from langchain_text_splitters import RecursiveCharacterTextSplitter
from llama_index.core import QueryBundle
from llama_index.core.schema import NodeWithScore, TextNode
from shared import QUESTION

from ragcompress import Budget, BudgetTooSmall, Compressor, Document, Segmentation, load_proxy
from ragcompress.scorers.bm25 import Scorer as Bm25
from ragcompress_adapters.haystack import RagCompressor as HaystackCompressor
from ragcompress_adapters.langchain import AttentionReorder, RagCompressor, RagCompressRetriever
from ragcompress_adapters.llama_index import RagCompressPostprocessor

TEXTS = [
    "The bridge is of larch. Berit Holm built it. It is red.",
    "Ferries leave at noon. The quay is full.",
    "The mill was built late. Nobody lives there. 磨坊空着。",
]


class Framework(NamedTuple):
    make: Callable[..., Any]
    document: Callable[[str], Any]
    call: Callable[[Any, Any], Sequence[Any]]
    awaited: Callable[[Any, Any], Awaitable[Any]]
    text: Callable[[Any], str]
    details: Callable[[Any], dict[str, Any]]


async def _langchain(made: RagCompressor, documents: list[LangChainDocument]) -> list[LangChainDocument]:
    base = RunnableLambda(lambda question: documents)
    return await RagCompressRetriever(base_retriever=base, base_compressor=made).ainvoke(QUESTION)


async def _haystack(made: HaystackCompressor, documents: list[HaystackDocument]) -> list[HaystackDocument]:
    found: list[HaystackDocument] = (await made.run_async(QUESTION, documents))["documents"]
    return found


FRAMEWORKS = {
    "langchain": Framework(
        RagCompressor,
        LangChainDocument,
        lambda made, documents: made.compress_documents(documents, QUESTION),
        _langchain,
        lambda d: d.page_content,
        lambda d: d.metadata["ragcompress"],
    ),
    "llama_index": Framework(
        RagCompressPostprocessor,
        lambda text: NodeWithScore(node=TextNode(text=text)),
        lambda made, nodes: made.postprocess_nodes(nodes, query_str=QUESTION),
        lambda made, nodes: made.apostprocess_nodes(nodes, QueryBundle(QUESTION)),
        lambda n: n.node.get_content(),
        lambda n: n.node.metadata["ragcompress"],
    ),
    "haystack": Framework(
        HaystackCompressor,
        lambda text: HaystackDocument(content=text),
        lambda made, documents: made.run(QUESTION, documents)["documents"],
        _haystack,
        lambda d: d.content,
        lambda d: d.meta["ragcompress"],
    ),
}
each = pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=FRAMEWORKS)


@each
def test_attention_sort_reads_the_proxy_whatever_scores(framework: Framework, tiny_llama: Path) -> None:
    made = framework.make(
        scorer="bm25", proxy=str(tiny_llama), order="attention-sort", ratio=1.0, title_key=None, counter=len
    )
    documents = [framework.document(text) for text in TEXTS]
    oracle = Compressor(
        Bm25(), counter=len, proxy=load_proxy(str(tiny_llama)), order="attention-sort", format="plain"
    )
    wanted = oracle(QUESTION, [Document(text) for text in TEXTS], budget=Budget(ratio=1.0)).text
    assert "\n\n".join(map(framework.text, framework.call(made, documents))) == wanted


def test_a_transformer_is_not_told_the_question() -> None:
    with pytest.raises(ValueError, match=r"RagCompressor\(ratio=1, scorer='lead', order='attention-sort'\)"):
        AttentionReorder(order="attention-sort")  # type: ignore[arg-type]


@each
def test_texts_are_cut_by_the_syntax_of_the_settings(framework: Framework) -> None:
    """A line with a number sign is one heading in Markdown, and prose of two sentences in plain text."""
    documents = [framework.document("# Berit Holm built the bridge of larch. It is red.")]
    plain = framework.make(scorer="bm25", counter=len, max_tokens=40, syntax="text")
    (kept,) = framework.call(plain, documents)
    assert framework.text(kept) == "# Berit Holm built the bridge of larch."
    with pytest.raises(BudgetTooSmall):
        framework.call(framework.make(scorer="bm25", counter=len, max_tokens=40), documents)


@pytest.mark.parametrize("name", ["min_score", "score_threshold"])
def test_whoever_filters_by_score_is_told_what_to_take(name: str) -> None:
    with pytest.raises(ValueError, match="use recall, ratio or max_tokens"):
        RagCompressor(**{name: 0.5})  # type: ignore[arg-type]


@each
def test_an_awaited_call_counts_in_another_thread(framework: Framework) -> None:
    threads: set[int] = set()

    def counter(text: str) -> int:
        threads.add(threading.get_ident())
        return len(text)

    made = framework.make(scorer="bm25", ratio=0.5, counter=counter)
    assert asyncio.run(framework.awaited(made, [framework.document(t) for t in TEXTS]))
    assert threads
    assert threading.get_ident() not in threads


@each
def test_cancelling_an_awaited_call_ends_the_work(framework: Framework) -> None:
    started, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    class Slow(Bm25):
        def score(self, question: str, segmentation: Segmentation, *, progress: Any = None) -> Any:
            started.set()
            assert go_on.wait(30)
            try:
                progress(1, 2)
            finally:
                ended.set()
            raise AssertionError("went on after it was cancelled")

    async def main() -> None:
        made = framework.make(scorer=Slow(), counter=len, ratio=0.5, on_error="passthrough")
        call = framework.awaited(made, [framework.document(text) for text in TEXTS])
        task = asyncio.ensure_future(call)
        await asyncio.to_thread(started.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        assert await asyncio.to_thread(ended.wait, 30)

    asyncio.run(main())


@each
def test_five_hundred_documents_in_several_languages_share_one_budget(framework: Framework) -> None:
    languages = (
        "Boat {n} is here. Holm built bridge {n}.",
        "{n} 号桥。霍尔姆建了桥。",
        "Лодка {n}. Мост.",
        "",
    )
    texts = [languages[n % 4].format(n=n) for n in range(500)]
    made = framework.make(scorer="bm25", counter=len, max_tokens=300, title_key=None)
    found = framework.call(made, [framework.document(text) for text in texts])
    assert 0 < len("\n\n".join(map(framework.text, found))) <= 300
    for document in found:
        source = texts[framework.details(document)["index"]]
        for s in framework.details(document)["spans"]:
            assert framework.text(document)[s["start"] : s["end"]] == source[s["start_char"] : s["end_char"]]


@pytest.mark.parametrize(
    "settings", [{"scorer": "raw-attention"}, {"scorer": "bm25", "order": "attention-sort"}]
)
def test_the_proxy_runs_as_the_settings_say(tiny_llama: Path, settings: dict[str, Any]) -> None:
    made = RagCompressor(
        proxy=str(tiny_llama), precision="int8", threads=1, counter=len, ratio=0.5, **settings
    )
    made.compress_documents([LangChainDocument(text) for text in TEXTS], QUESTION)
    proxy = made._compressor().proxy
    assert proxy is not None
    assert proxy.info.precision in ("int8", "int7")  # int7: a CPU that sums 8 by 8 bits inexactly


@each
def test_a_passthrough_keeps_the_way_back_to_the_first_source(framework: Framework) -> None:
    once = framework.call(
        framework.make(scorer="bm25", counter=len, ratio=0.85), [framework.document(TEXTS[0])]
    )
    late = framework.make(scorer="bm25", counter=len, ratio=0.5, timeout=1e-9, on_error="passthrough")
    passed = framework.call(late, once)
    assert "CompressionTimeout" in framework.details(passed[0])["passthrough"]
    assert framework.details(passed[0])["spans"] == framework.details(once[0])["spans"]
    (found,) = framework.call(framework.make(scorer="bm25", counter=len, ratio=0.6), passed)
    assert "passthrough" not in framework.details(found)
    for s in framework.details(found)["spans"]:
        assert framework.text(found)[s["start"] : s["end"]] == TEXTS[0][s["start_char"] : s["end_char"]]


def test_compressing_twice_still_reaches_the_file() -> None:
    file = "x" * 40 + "A boat. The bridge is old. A quay. Holm built the bridge. It is red. A mill."
    chunk = LangChainDocument(file[40:], metadata={"start_index": 40})
    once = RagCompressor(scorer="bm25", counter=len, ratio=0.8).compress_documents([chunk], QUESTION)
    (twice,) = RagCompressor(scorer="bm25", counter=len, ratio=0.5).compress_documents(once, QUESTION)
    assert len(once[0].page_content) > len(twice.page_content)
    for s in twice.metadata["ragcompress"]["spans"]:
        assert twice.page_content[s["start"] : s["end"]] == file[s["start_char"] : s["end_char"]]


@pytest.mark.parametrize("merge", [None, "text"])
def test_spans_of_a_text_that_was_cut_or_merged_since_are_not_taken_for_its_own(merge: Any) -> None:
    first = RagCompressor(scorer="bm25", counter=len, ratio=0.9, merge=merge)
    (whole, *_) = first.compress_documents([LangChainDocument(t) for t in TEXTS], QUESTION)
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=30 if merge is None else 1000, chunk_overlap=0, add_start_index=True
    )
    chunks = splitter.split_documents([whole])
    found = RagCompressor(scorer="bm25", counter=len, ratio=1.0).compress_documents(chunks, QUESTION)
    assert len(found) == len(chunks)
    for d in found:
        for s in d.metadata["ragcompress"]["spans"]:
            cut = whole.page_content[s["start_char"] : s["end_char"]]
            assert d.page_content[s["start"] : s["end"]] == cut
